"""What a comparison of two snapshots finds."""

from typing import NamedTuple

from bot.model import Severity, Status


class Difference(NamedTuple):
    """One difference. `place` is where, in the snapshot's own words, and stable between runs."""

    place: str
    status: Status
    severity: Severity
    before: str
    after: str
    reason: str | None = None
