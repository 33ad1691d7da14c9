"""What the judge goes by: the `judge:` section of the spec, and what the spec expects of each probe."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from bot.model import Severity, Waiver
from bot.model.duration import Duration

DEFAULT = "default"


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


Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^[0-9.]+%$"}, {"type": "number", "minimum": 0}]}),
]


class Expected(BaseModel):
    """What the spec says of a probe, and the judge needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    title: str
    severity: Severity
    timed: bool = False


class Policy(BaseModel):
    """Margins, budgets and limits. A map's key is `probe/series`, a series (`latency`) or `default`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    budget: dict[str, Share] = Field(default_factory=dict)
    """A series that is shown to be within this of the baseline is fine; what cannot be shown is not (10%)."""
    margin: Share = 0.02
    """A series has regressed when it is shown to be worse by more than this (2%)."""
    floor: dict[str, Duration] = Field(default_factory=dict)
    """A difference in time that is smaller than this does not matter, whatever its ratio (1ms)."""
    tolerance: Share = 0.5
    """A single number, such as one start-up, is worth a remark when it is off by more than this (50%)."""
    time: Duration = 300.0
    """The most that measuring may take (5m)."""
    rounds: int = Field(400, ge=20, le=5000)
    """The most rounds that are measured (400)."""
    probes: dict[str, Expected] = Field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    def budget_for(self, probe: str, series: str) -> float:
        """The share within which a series is fine."""
        return _nearest(self.budget, probe, series, 0.10)

    def floor_for(self, probe: str, series: str) -> float:
        """The difference, in seconds, that does not matter."""
        return _nearest(self.floor, probe, series, 0.001)


def _nearest(values: dict[str, Any], probe: str, series: str, otherwise: float) -> float:
    for key in (f"{probe}/{series}", series, DEFAULT):
        if key in values:
            return float(values[key])
    return otherwise
