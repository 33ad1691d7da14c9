"""What an inconclusive session leaves to the next one of the same two revisions: evidence that adds up."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bot.model.value import Value

MOST_SERIES = 500
MOST_SESSIONS = 1000


class Odds(Value):
    """Natural logarithms of two e-values: what was won by betting on one series, all sessions together.

    `worse` bet against "it is no worse than the margin", `fine` against "it is worse by the budget or more".
    """

    worse: float = Field(ge=-1e6, le=1e6)
    fine: float = Field(ge=-1e6, le=1e6)


class Carried(Value):
    """The odds of each series (`probe/series`) after so many sessions, all against the same revision by the same spec."""

    against: str
    spec: str
    sessions: int = Field(ge=1, le=MOST_SESSIONS)
    series: dict[Annotated[str, StringConstraints(max_length=300)], Odds] = Field(max_length=MOST_SERIES)
