"""Work trees: each revision's files in a folder of its own, away from the user's checkout."""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from bot.deploy import processes
from bot.model.errors import DeployError

HOOKLESS = ("-c", "core.hooksPath=/dev/null")
"""A hook of the user's checkout has nothing to do with a work tree of ours."""
LONGEST_TAG = 200
"""Letters of a tag that names a release."""
REMOVAL = 2.0
"""Seconds that git may take to forget a work tree."""


async def resolve(repository: Path, name: str) -> str:
    """The full SHA of a commit, as git names it.

    Raises:
        DeployError: git is missing, this is no repository, or there is no such commit.
    """
    inside, _, error = await _git(repository, "rev-parse", "--git-dir")
    if inside:
        raise DeployError(f"{repository} is not a git repository that git can read: {error}")
    code, out, error = await _git(
        repository, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"
    )
    if code:
        said = f" ({error})" if error else ""
        remedy = "fetch it (actions/checkout: fetch-depth: 0), or name another"
        raise DeployError(f"git knows no commit {name!r} in {repository}{said}; {remedy}")
    return out


async def release(repository: Path, commit: str) -> str | None:
    """The tag that is on just this commit; None where there is none, or no git to ask."""
    with contextlib.suppress(DeployError):
        code, out, _ = await _git(repository, "describe", "--tags", "--exact-match", "--end-of-options", commit)
        return out if code == 0 and 0 < len(out) <= LONGEST_TAG else None
    return None


async def file(repository: Path, commit: str, path: str) -> bytes:
    """A file as a commit has it.

    Raises:
        DeployError: git is missing, or the commit has no such file.
    """
    code, out, error = await _git(repository, "show", f"{commit}:{path}")
    if code:
        raise DeployError(f"the commit {commit[:12]} has no {path}: {error}")
    return out.encode()


async def add(repository: Path, commit: str, tree: Path) -> None:
    """Check a commit out into a new folder.

    Raises:
        DeployError: git refused.
    """
    tree.parent.mkdir(parents=True, exist_ok=True)
    code, _, error = await _git(
        repository, *HOOKLESS, "worktree", "add", "--quiet", "--force", "--detach", str(tree), commit
    )
    if code:
        raise DeployError(f"git cannot check {commit} out into {tree}: {error}")


async def remove(repository: Path, tree: Path) -> None:
    """Remove a work tree and what git remembers of it, as far as either is there."""
    await asyncio.to_thread(shutil.rmtree, tree, ignore_errors=True)
    # by name and with force: one whose making was interrupted is locked, and `prune` would leave it
    with contextlib.suppress(DeployError, TimeoutError):  # git or the repository is gone, and its memory with it
        async with asyncio.timeout(REMOVAL):
            await _git(repository, "worktree", "remove", "--force", "--force", str(tree))
            await _git(repository, "worktree", "prune")


async def _git(repository: Path, *words: str) -> tuple[int, str, str]:
    # GIT_DIR and its like would have git look at another repository than the one that is named
    environment = {key: value for key, value in processes.inherited().items() if not key.startswith("GIT_")}
    kept = {key: value for key, value in os.environ.items() if key.startswith(("GIT_CONFIG", "GIT_SSH", "GIT_SSL"))}
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "-C",
            str(repository),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**environment, **kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except OSError as error:
        raise DeployError(f"git cannot be started: {error.strerror}; install git") from None
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out.decode(errors="replace").strip(), err.decode(errors="replace").strip()
