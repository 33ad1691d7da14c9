"""Reading commits, branches and files from a real git repository."""

import subprocess
from pathlib import Path
from typing import Any, NamedTuple


class History(NamedTuple):
    """All commits (as the fields of a `Commit`), and where each branch is."""

    commits: dict[str, dict[str, Any]]
    branches: dict[str, str]


def git(repository: Path, *arguments: str) -> bytes:
    """What one git command prints."""
    command = ["git", "-c", "safe.directory=*", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def read_history(repository: Path) -> History:
    """Every commit that any reference (or HEAD) reaches."""
    log = git(repository, "log", "--all", "HEAD", "-z", "--format=%H%n%P%n%an%n%ae%n%cI%n%T%n%B").decode()
    commits: dict[str, dict[str, Any]] = {}
    for entry in filter(None, log.split("\0")):
        sha, parents, author, email, date, tree, message = entry.split("\n", 6)
        commits[sha] = {
            "sha": sha,
            "parents": parents.split(),
            "author": author,
            "email": email,
            "date": date,
            "tree": tree,
            "message": message.rstrip("\n"),
        }
    heads = git(repository, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads").decode()
    return History(commits, dict(line.split(" ") for line in heads.splitlines()))


def read_file(repository: Path, ref: str, path: str) -> bytes | None:
    """The content of a file at a revision; None where there is none."""
    try:
        return git(repository, "cat-file", "blob", f"{ref}:{path}")
    except subprocess.CalledProcessError:
        return None
