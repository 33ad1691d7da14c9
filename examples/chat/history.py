"""Build the git history of the chat service: a real repository, the same to the last bit every time.

    base ──────────── #129 ─────────────────── #131
        └─ fix-websocket-state ─┘ └─ harden-sign-in ─┘

*base* has the two faults of issue #128, pull request #129 mends them, and pull request #131 looks harmless. Run it as
`python -m examples.chat.history DEST`, which prints the commits as JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent
PATCHES = EXAMPLE / "patches"
TREE = (".gitignore", "chat", "pyproject.toml", "requirements.txt", "stability.yml", "tests")
"""What of this folder is the service's own repository; the rest is about that repository."""
ADDED_BY_THE_FIX = ("tests/test_websocket.py",)
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", ".*_cache", "*.db", "*.db-*", "*.pyc", "reports")

PULL_REQUEST_129 = """\
Merge pull request #129 from example/fix-websocket-state

Fixes #128
"""
PULL_REQUEST_131 = """\
Merge pull request #131 from example/harden-sign-in

Harden password hashing and tidy the thread payload
"""
FIX = """\
Mend the WebSocket: states are strings, and execute_agent has a handler

Logging a state raised TypeError, so that every socket closed with 1011. Clients have sent execute_agent instead of
run_agent since 2.3, and the router ignored it.
"""
REGRESSION = """\
Harden password hashing and tidy the thread payload

More iterations for new hashes; old ones are renewed at start-up. A thread is what clients show of it: its title. A tool
that failed is reported as failed.
"""


@dataclass(frozen=True)
class History:
    """The built repository, and the full SHA of each commit that matters.

    `fix` and `regression` are merge commits on `main`; `fix_head` and `regression_head` are what was merged.
    """

    repository: Path
    base: str
    fix_head: str
    fix: str
    regression_head: str
    regression: str


def build(destination: Path) -> History:
    """Build the repository in `destination`, which must not exist yet or be empty. `main` is checked out at #131.

    Raises:
        FileExistsError: there is something at `destination`.
        subprocess.CalledProcessError: git failed, most likely because a patch does not fit the tree any more.
    """
    if destination.exists() and any(destination.iterdir()):
        raise FileExistsError(f"{destination} is not empty; name a folder that does not exist yet")
    destination.mkdir(parents=True, exist_ok=True)
    git = _Git(destination.resolve())
    git("init", "--quiet", "--initial-branch=main", "--object-format=sha1", "--template=")

    _healthy_tree(git.folder)
    git("apply", str(PATCHES / "base.patch"))
    for name in ADDED_BY_THE_FIX:
        (git.folder / name).unlink()
    base = git.commit("Chat 2.3: an agent that answers over a WebSocket\n", hour=9)

    git("checkout", "--quiet", "-b", "fix-websocket-state")
    _healthy_tree(git.folder)
    fix_head = git.commit(FIX, hour=10)
    fix = git.merge("fix-websocket-state", PULL_REQUEST_129, hour=11)

    git("checkout", "--quiet", "-b", "harden-sign-in")
    git("apply", str(PATCHES / "regression.patch"))
    regression_head = git.commit(REGRESSION, hour=12)
    regression = git.merge("harden-sign-in", PULL_REQUEST_131, hour=13)
    return History(git.folder, base, fix_head, fix, regression_head, regression)


class _Git:
    """git in one folder, deaf to the configuration and the environment of whoever runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, hour: int = 0) -> str:
        """Run git; what it says on standard output."""
        date = f"2026-01-05T{hour:02}:00:00+00:00"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ana Example",
            "GIT_AUTHOR_EMAIL": "ana@example.com",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": "Ana Example",
            "GIT_COMMITTER_EMAIL": "ana@example.com",
            "GIT_COMMITTER_DATE": date,
        }
        done = subprocess.run(
            ["git", "-c", "core.autocrlf=false", *arguments],
            cwd=self.folder,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, message: str, hour: int) -> str:
        """Commit the tree as it is; the new commit."""
        self("add", "--all")
        self("commit", "--quiet", "--no-verify", "--message", message, hour=hour)
        return self("rev-parse", "HEAD")

    def merge(self, branch: str, message: str, hour: int) -> str:
        """Merge the branch into `main` as GitHub does; the merge commit."""
        self("checkout", "--quiet", "main")
        self("merge", "--quiet", "--no-ff", "--message", message, branch, hour=hour)
        return self("rev-parse", "HEAD")


def _healthy_tree(folder: Path) -> None:
    """Make the folder's files those of the tree beside this module."""
    for name in TREE:
        source, target = EXAMPLE / name, folder / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=LEFT_BEHIND, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, target)


def main() -> int:
    """Build, and print where and what."""
    parser = argparse.ArgumentParser(prog="python -m examples.chat.history", description=__doc__.partition("\n")[0])
    parser.add_argument("destination", type=Path, help="a folder that does not exist yet, or is empty")
    arguments = parser.parse_args()
    try:
        history = build(arguments.destination)
    except (FileExistsError, NotADirectoryError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(asdict(history), default=str, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
