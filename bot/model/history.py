"""What is remembered of the good runs before a run: a few numbers of each, and no samples."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.model.observation import Observation
from bot.model.value import Value

TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
MOST_RUNS = 20
MOST_SERIES = 500
MOST_LETTERS = 300
CONTROL = "control"
"""The kind of the observation that the runner makes of itself; its series `cpu` is how slow the machine was."""

Name = Annotated[str, StringConstraints(max_length=MOST_LETTERS)]


class PastSeries(Value):
    """One series of a past run. `middle` is its median in `unit`.

    `ratio` is after/before where the run before was measured beside it, `error` the standard error of its logarithm,
    and `pairs` the rounds that it rests on.
    """

    unit: str
    better: Literal["lower", "higher"]
    middle: float = Field(ge=1e-9, le=1e15)
    samples: int = Field(ge=1)
    ratio: float | None = Field(default=None, ge=1e-9, le=1e9)
    error: float | None = Field(default=None, ge=0, le=1e3)
    pairs: int = Field(default=0, ge=0)


class Past(Value):
    """A good run, remembered. `digest` is that of the run as it was judged.

    `release` is the tag that its commit had; `against` names the revision that its ratios are to. `control` is how long
    the runner took for a piece of work that is always the same. Series that were waived are left out.
    """

    commit: str | None = None
    revision: str
    release: Name | None = None
    against: str | None = None
    finished: str = Field(pattern=TIME)
    verdict: Literal["stable", "first run"]
    digest: str
    vantage: str
    control: float | None = Field(default=None, ge=1e-9, le=1e15)
    series: dict[Name, PastSeries] = Field(default_factory=dict, max_length=MOST_SERIES)

    @property
    def name(self) -> str:
        """What the revision goes by: its commit, or its own name where it has none."""
        return self.commit or self.revision

    @property
    def called(self) -> str:
        """What a reader calls it: the release, or the first of its name."""
        return self.release or (self.commit[:7] if self.commit else self.revision)


def control(observations: tuple[Observation, ...]) -> float | None:
    """The median of what the runner measured of itself; None where it did not."""
    values = sorted(
        float(cell)
        for each in observations
        if each.kind == CONTROL
        for one in each.series
        if one.id == "cpu"
        for cell in one.column("value")
        if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) <= 1e15
    )
    if not values or values[0] <= 0:
        return None
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
