"""What became of one credential that was shown."""

from typing import Literal, NamedTuple

from bot.model import Severity

Word = Literal["refused", "accepted", "failed", "other"]
SEVERITIES: dict[Word, Severity | None] = {"refused": None, "accepted": "critical", "failed": "major", "other": "major"}
"""How bad each is for a credential that was to be refused."""


class Outcome(NamedTuple):
    """`failed` is a service that broke over it or gave no answer, `other` neither a refusal that was declared nor a yes."""

    word: Word
    actual: str
    evidence: str | None = None
