"""What every probe is: its own configuration, and the two things that it can do."""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from bot.model import Exercised, Observation, Severity
from bot.model.duration import Duration

if TYPE_CHECKING:
    from bot.probes.context import Context


OUR_FAULT = "report this as a fault of stability-proof, with the command that repeats it"


class Settings(BaseModel):
    """Part of the spec: its fields are YAML keys, and their docstrings the descriptions in the JSON Schema."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Turn(NamedTuple):
    """One sample that is to be taken.

    `unique` is what `{unique}` stands for. `planned` is when it is to be sent, and timed from, where that does not
    depend on the answers before (`time.perf_counter`).
    """

    unique: str
    planned: float | None = None


class Sample(NamedTuple):
    """One timed value, in milliseconds; None where no number could be had. `why` says what went wrong.

    `late` is what of the value may be our own, `vouched` whether that is too much. `sent` is when it was sent, or was
    to be (`time.perf_counter`); `phases` are what its probe's `phases` name, in milliseconds.
    """

    value: float | None
    ok: bool
    why: str | None = None
    vouched: bool = True
    late: float = 0.0
    sent: float | None = None
    phases: tuple[float | None, ...] = ()


def fresh() -> str:
    """A value that was never used before, always of the same length."""
    return uuid.uuid4().hex


class Unmeasurable(Exception):
    """Nothing can be said of the service; the fault is ours, the spec's or the machine's.

    Attributes:
        remedy: the one thing to do about it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class Probe(Settings):
    """One named thing that the spec asks to be observed."""

    kind: ClassVar[str]
    default_severity: ClassVar[Severity] = "major"
    phases: ClassVar[tuple[str, ...]] = ()
    """Further columns of its series: parts of the time, and what came before it."""
    mostly_waits: ClassVar[bool] = False
    """Whether most of its time is waiting, so that many at once are little load."""

    title: str | None = Field(None, min_length=1, max_length=120)
    """What reports call it; the probe's name when it is absent."""
    severity: Severity | None = None
    """How bad it is when this probe fails; each kind of probe has its own default."""
    timeout: Duration = 10.0
    """The most that the whole probe may take (10s)."""
    timed: bool = False
    """Whether it is also sampled in rounds to compare its speed with the previous revision's."""

    def shown_title(self, name: str) -> str:
        """What reports call it."""
        return self.title or name

    def shown_severity(self) -> Severity:
        """How bad it is when this probe fails."""
        return self.severity or self.default_severity

    def series(self) -> tuple[str, ...]:
        """The series that a timed probe samples, each in milliseconds, lower being better."""
        return ()

    def logins(self) -> frozenset[str]:
        """The names of the logins that it uses."""
        return frozenset()

    def exercises(self) -> Exercised | None:
        """What it is to touch, where that is protected or sends events; nothing of it is exercised yet."""
        return None

    async def observe(self, name: str, context: "Context") -> Observation:
        """Observe once. What the service does wrong is in the observation.

        Raises:
            Unmeasurable: nothing can be said of the service.
        """
        raise NotImplementedError

    def writes(self) -> bool:
        """Whether it asks for anything to be changed; then two of the same may be refused."""
        return True

    async def sample(self, name: str, context: "Context", turn: Turn) -> Mapping[str, Sample]:
        """Take one sample of each of `series()`; what is left out counts as failed.

        Raises:
            Unmeasurable: nothing can be said of the service.
        """
        raise NotImplementedError
