"""Work trees: each revision's files in a folder of its own, away from the user's checkout."""

import asyncio
import os
from pathlib import Path

from bot.model.errors import DeployError


async def resolve(repository: Path, name: str) -> str:
    """The full SHA of a commit, as git names it.

    Raises:
        DeployError: git is missing, this is no repository, or there is no such commit.
    """
    code, out, error = await _git(repository, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    if code:
        hint = "fetch it (actions/checkout: fetch-depth: 0)" if "repository" not in error else "name its folder"
        raise DeployError(f"git knows no commit {name!r} in {repository}: {error or out}; {hint}")
    return out


async def add(repository: Path, commit: str, tree: Path) -> None:
    """Check a commit out into a new folder.

    Raises:
        DeployError: git refused.
    """
    tree.parent.mkdir(parents=True, exist_ok=True)
    code, _, error = await _git(repository, "worktree", "add", "--quiet", "--force", "--detach", str(tree), commit)
    if code:
        raise DeployError(f"git cannot check {commit} out into {tree}: {error}")


async def remove(repository: Path, tree: Path) -> None:
    """Remove a work tree, if it is there."""
    if tree.exists():
        await _git(repository, "worktree", "remove", "--force", "--force", str(tree))
    await _git(repository, "worktree", "prune")


async def _git(repository: Path, *words: str) -> tuple[int, str, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "-C",
            str(repository),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except OSError as error:
        raise DeployError(f"git cannot be started: {error.strerror}; install git") from None
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(errors="replace").strip(), err.decode(errors="replace").strip()
