"""What GitHub would not take at the end of a run, as the main step leaves it for the step after the job."""

import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from bot.github.gate import STATES

Thing = Literal["status", "check", "record"]
"""The commit status, the check, and the deployment record: each was opened, and is to be closed as it was judged."""


@dataclass(frozen=True)
class Owed:
    """How to close what is still open. The check gets its title alone: a report is too long for a runner's variable."""

    things: tuple[Thing, ...]
    verdict: str
    status: str
    title: str
    kept: str | None = None
    url: str | None = None

    def to_text(self) -> str:
        """One line; empty where nothing is owed."""
        return json.dumps(asdict(self)) if self.things else ""

    @classmethod
    def from_text(cls, text: str) -> "Owed | None":
        """What `to_text` wrote; None where it is nothing that it writes."""
        try:
            found = cls(**json.loads(text))
        except (ValueError, TypeError):
            return None
        known = tuple(each for each in get_args(Thing) if each in found.things)
        return cls(**{**asdict(found), "things": known}) if found.verdict in STATES else None
