"""Who may talk to the bot.

GitHub's own word counts (`GET /repos/{owner}/{repo}/collaborators/{username}/permission`). In a public repository it calls
everybody's permission `read`: there only what the comment's association adds makes somebody a reader.
"""

import re
from typing import NamedTuple
from urllib.parse import quote

from bot.github.chat import Level
from bot.github.client import Client, Denied, Missing
from bot.github.said import Said

INSIDERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
LOGIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,98})")


class Right(NamedTuple):
    """What somebody may, and why it is no more where GitHub would not say."""

    level: Level
    why: str = ""

    def suffices(self, needed: Level) -> bool:
        """Whether it is at least what is needed."""
        order: tuple[Level, ...] = ("none", "read", "write")
        return order.index(self.level) >= order.index(needed)


def right(client: Client, said: Said) -> Right:
    """What the author of a comment may.

    Where GitHub does not tell the token, only an owner is known to be allowed to write: a member of the organisation need
    not be, and a collaborator may be one who reads.

    Raises:
        GitHubError: GitHub is out of reach: then nobody may anything.
    """
    if not LOGIN.fullmatch(said.author):
        return Right("none")
    try:
        answer = _asked(client, said.author)
    except Missing:
        return Right("none")
    except Denied:
        return _by_association(said.association)
    if _writes(answer):
        return Right("write")
    if _may_triage(answer) or (answer.get("permission") == "read" and said.association in INSIDERS):
        return Right("read")
    return Right("none")


def may_write(client: Client, login: str) -> bool:
    """Whether somebody may write to this repository, by GitHub's own word.

    Raises:
        GitHubError: GitHub does not say.
    """
    try:
        return LOGIN.fullmatch(login) is not None and _writes(_asked(client, login))
    except Missing:
        return False


def _asked(client: Client, login: str) -> dict[str, object]:
    path = f"/repos/{client.name}/collaborators/{quote(login, safe='')}/permission"
    answer = client.json("metadata: read", "GET", path)
    return answer if isinstance(answer, dict) else {}


def _writes(answer: dict[str, object]) -> bool:
    return answer.get("permission") in ("admin", "write")  # `maintain` is told as write, and so is a role of one's own


def _may_triage(answer: dict[str, object]) -> bool:
    user = answer.get("user")
    permissions = user.get("permissions") if isinstance(user, dict) else None
    own = isinstance(permissions, dict) and permissions.get("triage") is True
    return answer.get("role_name") == "triage" or own


def _by_association(association: str) -> Right:
    why = "GitHub does not tell this token who may write here, so only the repository's owner is known to"
    if association == "OWNER":
        return Right("write", why)
    return Right("read" if association in INSIDERS else "none", why)
