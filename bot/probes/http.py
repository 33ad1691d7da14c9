"""The probe `http`: one request, and what is expected of its answer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import model_validator

from bot.model import Exercised, Observation, Severity
from bot.probes import templates
from bot.probes.curl import again
from bot.probes.exercise import exercises
from bot.probes.journey import observation
from bot.probes.lateness import vouched
from bot.probes.probe import Probe, Sample, Turn, fresh
from bot.probes.steps.http import HttpCall
from bot.probes.steps.step import Run, total

if TYPE_CHECKING:
    from bot.probes.context import Context

READING = ("GET ", "HEAD ")


class HttpProbe(Probe, HttpCall):
    """One HTTP request, and what is expected of its answer."""

    kind: ClassVar[str] = "http"
    default_severity: ClassVar[Severity] = "major"
    phases: ClassVar[tuple[str, ...]] = ("first_byte", "dns", "connect", "tls")

    @model_validator(mode="before")
    @classmethod
    def _reading_is_timed(cls, data: Any) -> Any:
        # a request that changes something is sent hundreds of times only when the spec says so
        if isinstance(data, dict) and "timed" not in data:
            return {**data, "timed": str(data.get("http", "")).startswith(READING)}
        return data

    @model_validator(mode="after")
    def _nothing_to_capture(self) -> "HttpProbe":
        wrong = templates.misspelt(self.holes(), {templates.UNIQUE})
        unknown = sorted(templates.names(self.http) - {templates.UNIQUE})
        if wrong is not None or unknown:
            hole = wrong[0] if wrong else unknown[0]
            raise ValueError(f"nothing is captured as {{{hole}}} here; a journey can, in an earlier step")
        return self

    def series(self) -> tuple[str, ...]:
        """Its latency."""
        return ("latency",)

    def logins(self) -> frozenset[str]:
        """The login that it uses."""
        return frozenset({self.login} if self.login else ())

    async def observe(self, name: str, context: "Context") -> Observation:
        """Ask once."""
        from bot.probes.context import Clock

        run = Run(name, context, Clock(self.timeout), {templates.UNIQUE: fresh()})
        result = await self.call(run, {})
        reproduce = self.repeated(run) or again(name, context.url)
        return observation(self, name, [(self, "", result)], reproduce=reproduce, reason=result.failure)

    def exercises(self) -> Exercised | None:
        """Its route, if that is protected."""
        return exercises([(self, None)])

    def writes(self) -> bool:
        """Whatever only reads is asked for alike as often as one likes."""
        return not self.http.startswith(READING)

    async def sample(self, name: str, context: "Context", turn: Turn) -> Mapping[str, Sample]:
        """Ask once, timed."""
        from bot.probes.context import Clock

        clock = Clock(self.timeout, turn.planned)
        run = Run(name, context, clock, {templates.UNIQUE: turn.unique}, sampling=True, planned=turn.planned)
        result = await self.call(run, {})
        time = result.times.get("latency")
        spent = total(result.spent)
        sample = Sample(
            value=time and time.value,
            ok=result.failure is None,
            why=result.failure,
            vouched=vouched(spent.late, spent.value),
            late=spent.late,
            sent=result.sent,
            phases=result.phases,
        )
        return {"latency": sample}
