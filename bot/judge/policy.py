"""What the judge goes by: the `judge:` section of the spec, and what the spec expects of each probe."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from bot.model import Severity, Waiver
from bot.model.duration import PATTERN, Duration, parse_duration

_Rule = TypeVar("_Rule")
DEFAULT = "default"
BUDGET = 0.10
FAILURES = 0.02
FLOOR = 0.001
OWN_NAMES = ("deploy", "rollout", "drill", "rollback", "baseline", "runner")
"""What the bot observes of its own acts; no probe of a spec may be called so."""
SUITE = "suite"
"""The probe that findings on all series together are of."""
TAKEN = (*OWN_NAMES, SUITE)
"""The names that no probe may have: a waiver or a reader could not tell its findings from those."""


def parse_share(text: object) -> float:
    """A share, from `10%` or 0.1.

    Raises:
        ValueError: it is neither, or below nothing.
    """
    try:
        share = float(text[:-1]) / 100 if isinstance(text, str) and text.endswith("%") else float(str(text))
    except ValueError:
        raise ValueError(f"{text!r} is no share; write it as 10%") from None
    if not 0 <= share < 100 or isinstance(text, bool):
        raise ValueError(f"{text!r} is out of range; write it as 10%")
    return share


def parse_floor(text: object) -> float:
    """Seconds, from `2ms`; 0 turns it off.

    Raises:
        ValueError: it is neither.
    """
    return 0.0 if text in (0, "0") and text is not False else parse_duration(text)


Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^[0-9.]+%$"}, {"type": "number", "minimum": 0}]}),
]
Floor = Annotated[
    float,
    BeforeValidator(parse_floor),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": rf"^0$|{PATTERN}"}, {"type": "number", "minimum": 0}]}),
]


class Expected(BaseModel):
    """What the spec says of a probe, and the judge needs to know. `timed` probes are sampled again and again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    title: str
    severity: Severity
    timed: bool = False


class Single(BaseModel):
    """The rule for a number that is had once a run. Just one of the three."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exact: Literal[True] | None = None
    """No worse at all: for what has no noise, such as a size or a price."""
    tolerance: Share | None = None
    """Worse by more than this is a remark, and never blocks."""
    budget: Share | None = None
    """Worse by more than this is a regression, and blocks."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(each is not None for each in (self.exact, self.tolerance, self.budget)) != 1:
            raise ValueError("a single number has just one rule; write one of exact, tolerance and budget")
        return self


class Policy(BaseModel):
    """Margins, budgets and limits. A map's key is `probe/series`, a series (`latency`) or `default`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: dict[str, Share] = Field(default_factory=dict)
    """A series that is shown to be within this of the baseline is fine; what cannot be shown is not (10%)."""
    margin: Share = 0.02
    """A series has regressed when it is shown to be worse by more than this (2%)."""
    failures: dict[str, Share] = Field(default_factory=dict)
    """Timed requests that fail are fine when their share is shown to have grown by no more than this (2%)."""
    floor: dict[str, Floor] = Field(default_factory=dict)
    """A difference in time that is smaller than this does not matter, whatever its ratio (1ms); 0 turns it off."""
    tail: dict[str, Share] = Field(default_factory=dict)
    """Slow requests are fine when their share is shown to have grown by no more than this; asked for where it is named."""
    tolerance: Share = 0.5
    """A single number, such as one start-up, is worth a remark when it is off by more than this (50%)."""
    single: dict[str, Single] = Field(default_factory=dict)
    """The rule for a single number: `exact`, `tolerance` or `budget`; without one it has the tolerance above."""
    drift: Share = 0.2
    """All steps since the pinned revision together may make a series worse by this; more is a remark (20%)."""
    pinned: str | None = Field(None, min_length=1, max_length=200)
    """The release or commit that drift is counted from; without one it is the last release."""
    confidence: Share = Field(0.95, ge=0.5, le=0.9999)
    """How sure the whole suite is that what it calls a regression is one (95%)."""
    time: Duration = 300.0
    """The most that measuring may take (5m)."""
    rounds: int = Field(400, ge=20, le=5000)
    """The most rounds that are measured (400)."""
    probes: dict[str, Expected] = Field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    identified: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name in TAKEN:
            if name in self.probes:
                raise ValueError(f"a probe cannot be called {name!r}: findings of our own are; give it another")
        budgets = {DEFAULT: BUDGET, **self.budget}
        for key, share in budgets.items():
            if share <= self.margin:
                raise ValueError(
                    f"the budget of {key!r} ({share:.3g}) is not above the margin ({self.margin:.3g}): nothing would lie"
                    " between fine and regressed; lower `margin`, or raise the budget"
                )
        for key in (*self.budget, *self.failures, *self.floor, *self.tail, *self.single):
            probe = key.partition("/")[0]
            if "/" in key and self.probes and probe not in self.probes and probe not in OWN_NAMES:
                raise ValueError(f"{key!r} is about no probe of this spec; it has {', '.join(self.probes)}")
        return self

    def budget_for(self, probe: str, series: str) -> float:
        """The share within which a series is fine."""
        return _nearest(self.budget, probe, series, BUDGET)

    def failures_for(self, probe: str, series: str) -> float:
        """The share of failed requests, beyond the baseline's, within which a series is fine."""
        return _nearest(self.failures, probe, series, FAILURES)

    def failures_named(self, probe: str, series: str) -> bool:
        """Whether the spec says how many failures are fine, so that it has to be shown."""
        return any(key in self.failures for key in (f"{probe}/{series}", series, DEFAULT))

    def floor_for(self, probe: str, series: str) -> float:
        """The difference, in seconds, that does not matter."""
        return _nearest(self.floor, probe, series, FLOOR)

    def tail_for(self, probe: str, series: str) -> float | None:
        """How much the share of slow requests may have grown by; None where the spec does not ask for it."""
        found = _nearest(self.tail, probe, series, -1.0)
        return None if found < 0 else found

    def keys(self) -> set[str]:
        """The series that are named: one that no run has is a slip of the pen."""
        return {*self.budget, *self.failures, *self.floor, *self.tail, *self.single} - {DEFAULT}

    def single_for(self, probe: str, series: str) -> Single:
        """The rule for a number that is had once a run."""
        return _nearest(self.single, probe, series, Single(tolerance=self.tolerance))


def _nearest(values: Mapping[str, _Rule], probe: str, series: str, otherwise: _Rule) -> _Rule:
    for key in (f"{probe}/{series}", series, DEFAULT):
        if key in values:
            return values[key]
    return otherwise
