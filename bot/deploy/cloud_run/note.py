"""What a bot writes down before and with each act: on the platform, where the next bot finds it, and on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bot.deploy import state
from bot.deploy.cloud_run.traffic import Share
from bot.model import Value
from bot.model.errors import DeployError, FormatError

KEY = "stability-proof.dev/act"
"""The service's annotation that says what is under way."""
FOLLOWS = "stability-proof.dev/follows-latest"
"""The service's annotation that says that its traffic followed the latest revision until a rollback pinned it."""
COMMIT = "stability-proof.dev/commit"
"""A revision's annotation that says of which commit it is, and its own name: other tools copy it to their revisions."""
LABEL = "commit-sha"
"""The label that google-github-actions/deploy-cloudrun writes the commit to."""
FILE = "cloud_run.json"
Act = Literal["baseline", "deploy", "promote", "rollback", "settle"]


class Note(Value):
    """What is under way.

    `bot` and `step` are drawn by lot, one a bot and one an act: they tell a bot whether an act of its own was done
    though no answer came, and whether another bot has taken over. `before` is the traffic as it was found, by the
    revisions' names; `followed` says that it followed the latest revision.
    """

    bot: str
    step: str = ""
    act: Act
    candidate: str | None = None
    previous: str | None = None
    before: tuple[Share, ...] = ()
    followed: bool = False


def on_platform(annotations: Mapping[str, str]) -> Note | None:
    """The note that a service bears.

    Raises:
        DeployError: it bears one that is none of ours to read.
    """
    text = annotations.get(KEY)
    if text is None:
        return None
    try:
        return Note.from_json(text, f"the annotation {KEY}")
    except FormatError as error:
        raise DeployError(
            f"{error}; somebody else wrote it, or a newer bot: see to the service's traffic, then remove the annotation"
        ) from None


def remember(home: Path, note: Note | None) -> None:
    """Keep the note on this machine, or forget it."""
    if note is None:
        (home / FILE).unlink(missing_ok=True)
    else:
        state.replace(home / FILE, note.to_json())


def remembered(home: Path) -> Note | None:
    """The note that was kept on this machine; one that cannot be read is none, for the platform has its own."""
    try:
        return Note.from_json((home / FILE).read_bytes(), str(home / FILE))
    except (OSError, FormatError):
        return None
