"""Whose turn it is: runs on one commit or issue in the order in which they began, by GitHub's own clock.

A run's turn is the moment and the number of the pending status that it began with. The line that carries it stands in a
comment, which whoever may triage can edit: a turn after our own counts only if the statuses of its commit have it.
"""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

_LINE = re.compile(
    r"<!-- stability-proof:run began=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) id=(\d{1,19})(?: commit=([0-9a-f]{40,64}))? -->"
)

AHEAD = timedelta(minutes=10)
"""How far two machines' clocks may be apart."""


class Turn(NamedTuple):
    """When a run began (GitHub's time, UTC, whole seconds), and the number of its first status; 0 where it has none.

    `commit` is the one that the status is on; empty where it is not known.
    """

    began: str
    number: int
    commit: str = ""

    @property
    def line(self) -> str:
        """The hidden line of a comment that says it."""
        of = f" commit={self.commit}" if self.commit else ""
        return f"<!-- stability-proof:run began={self.began} id={self.number}{of} -->"

    @property
    def just_before(self) -> "Turn":
        """The last turn that comes before this one."""
        return Turn(self.began, self.number - 1, self.commit)


NEVER = Turn("", 0)
"""Before every other."""


def turn_of(text: str, now: str) -> Turn:
    """The turn that a comment's second line says; `NEVER` where it says none, or one that is still to come."""
    found = _LINE.fullmatch(text.partition("\n")[2].partition("\n")[0].strip())
    if found is None:
        return NEVER
    try:
        to_come = datetime.fromisoformat(found[1]) > datetime.fromisoformat(now) + AHEAD
    except (ValueError, OverflowError):
        return NEVER
    return NEVER if to_come else Turn(found[1], int(found[2]), found[3] or "")
