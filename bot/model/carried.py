"""What an inconclusive session leaves to the next one of the same two revisions: evidence that adds up."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bot.model.value import Value

MOST_SERIES = 500
MOST_SESSIONS = 100
MOST_LEFT = 8
"""Pairs of revisions that a kept run holds evidence for: those that were asked last."""


class Odds(Value):
    """Natural logarithms of two e-values: what was won by betting on one series, all sessions together.

    `worse` bet against "it is no worse than the margin", `fine` against "it is worse by the budget or more".
    """

    worse: float = Field(ge=-1e6, le=1e6)
    fine: float = Field(ge=-1e6, le=1e6)


class Carried(Value):
    """The odds of each series (`probe/series`) after some sessions, all against the same revision by the same spec.

    `earlier` are the digests of the candidate's runs that they rest on, oldest first: the proofs of those sessions hold the
    runs, and the numbers here can be had again from them.
    """

    against: str
    spec: str
    earlier: tuple[Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{1,64}$")], ...] = Field(
        min_length=1, max_length=MOST_SESSIONS
    )
    series: dict[Annotated[str, StringConstraints(max_length=300)], Odds] = Field(max_length=MOST_SERIES)

    @property
    def sessions(self) -> int:
        """How many sessions there were."""
        return len(self.earlier)


class Left(Carried):
    """The same, as it is kept for the next session of this `commit`."""

    commit: str

    @property
    def carried(self) -> Carried:
        """What that session takes up."""
        return Carried(against=self.against, spec=self.spec, earlier=self.earlier, series=self.series)
