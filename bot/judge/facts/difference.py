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
    remedy: str | None = None


def unreadable(what: str) -> Difference:
    """A snapshot that is not what its kind says: nothing can be compared."""
    return Difference(
        "",
        "not measured",
        "major",
        "–",
        "–",
        f"{what} is not in the form that this version compares",
        "measure both revisions with this version",
    )


def cut() -> Difference:
    """A snapshot from which something was left out: what is missing may be missing only there."""
    return Difference(
        "(the rest)",
        "not measured",
        "major",
        "–",
        "–",
        "there was too much to keep, and a part was left out",
        "ask the service for less in this probe",
    )
