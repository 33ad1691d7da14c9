"""Which commit is the newest of a branch now: an event, and a job that waited in line, know that of an earlier time."""

import re
from urllib.parse import quote

from bot.github.client import Client
from bot.model.errors import GitHubError


def tip(client: Client, branch: str) -> str:
    """The SHA of the branch's newest commit.

    Raises:
        GitHubError: GitHub is out of reach, knows no such branch, or the token may not see it.
    """
    found = client.json("contents: read", "GET", f"/repos/{client.name}/git/ref/heads/{quote(branch)}")
    made = found.get("object") if isinstance(found, dict) else None
    sha = made.get("sha") if isinstance(made, dict) else None
    if not isinstance(sha, str) or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", sha):
        raise GitHubError(f"GitHub's answer about the branch {branch} is not understood")
    return sha
