"""The probe `journey`: steps in order, sharing what they capture."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from bot.model import Exercised, Observation, Severity
from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.curl import again
from bot.probes.exercise import exercises, only_refused
from bot.probes.lateness import vouched
from bot.probes.probe import Probe, Sample, Settings, Turn, Unmeasurable, fresh
from bot.probes.protocol import closes
from bot.probes.steps.registry import AnyStep
from bot.probes.steps.sequence import Placed, check_names, everywhere, in_order, numbered, reached, titled
from bot.probes.steps.step import Result, Run, Time, total

if TYPE_CHECKING:
    from bot.probes.context import Context


class JourneyProbe(Probe):
    """Steps in order, sharing what they capture. A step that fails leaves the later ones unobserved."""

    kind: ClassVar[str] = "journey"
    default_severity: ClassVar[Severity] = "critical"
    mostly_waits: ClassVar[bool] = True

    journey: tuple[AnyStep, ...] = Field(min_length=1)
    """The steps, in order."""
    timeout: Duration = 60.0
    """The most that the whole journey may take (60s)."""

    @model_validator(mode="after")
    def _captured_before_it_is_used(self) -> "JourneyProbe":
        known = frozenset({templates.UNIQUE})
        check_names(self._placed(), known, known.union(*(step.capture for _, step in everywhere(self._placed()))))
        return self

    def series(self) -> tuple[str, ...]:
        """The duration of the whole, and the times of its steps."""
        names = [f"{titled(place)}{name}" for place, step in everywhere(self._placed()) for name in step.times()]
        return ("duration", *names)

    def logins(self) -> frozenset[str]:
        """The logins that its steps use."""
        return frozenset[str]().union(*(step.signs_in() for _, step in everywhere(self._placed())))

    async def observe(self, name: str, context: "Context") -> Observation:
        """Go through the steps once."""
        result = await self._go(name, context)
        reason = result.failure
        left = len(self.journey) - len(result.inner)
        if reason is not None and left:
            reason += (
                f"; the {left} steps after it were not reached" if left > 1 else "; the step after it was not reached"
            )
        gone = [(step, titled(place), each) for place, step, each in reached(self._placed(), result)]
        done = {prefix for _, prefix, _ in gone}
        rest = [step for place, step in everywhere(self._placed()) if titled(place) not in done]
        reproduce = result.reproduce or again(name, context.url)
        return observation(self, name, gone, rest, reproduce=reproduce, reason=reason)

    def exercises(self) -> Exercised | None:
        """What its steps are to touch."""
        return exercises([(step, None) for _, step in everywhere(self._placed())])

    def writes(self) -> bool:
        """A journey may leave anything behind."""
        return True

    async def sample(self, name: str, context: "Context", turn: Turn) -> Mapping[str, Sample]:
        """Go through the steps once, timed: the duration is what the service took, without our own work in between."""
        result = await self._go(name, context, turn)
        whole = total(result.spent)
        sent = turn.planned or result.sent
        samples = {"duration": _sample(None if result.failure else whole, whole, result.failure, sent)}
        for place, step, each in reached(self._placed(), result):
            for name_of_time in step.times():
                time = each.times.get(name_of_time)
                samples[f"{titled(place)}{name_of_time}"] = _sample(time, time or whole, each.failure, each.sent)
        return samples

    def _placed(self) -> Sequence[Placed]:
        return numbered(self.journey)

    async def _go(self, name: str, context: "Context", turn: Turn | None = None) -> Result:
        from bot.probes.context import Clock

        for login in sorted(self.logins()):
            await context.credential(login, self.timeout)  # so that signing in is no part of the time
        planned = turn.planned if turn else None
        unique = turn.unique if turn else fresh()
        clock = Clock(self.timeout, planned)
        run = Run(name, context, clock, {templates.UNIQUE: unique}, sampling=turn is not None, planned=planned)
        return await in_order(self._placed(), run)


def _sample(time: Time | None, bound: Time, why: str | None, sent: float | None) -> Sample:
    ok = time is not None and why is None
    return Sample(time and time.value, ok, why, vouched(bound.late, bound.value), bound.late, sent)


def observation(
    probe: Probe,
    name: str,
    gone: Sequence[tuple[Settings, str, Result]],
    rest: Sequence[Settings] = (),
    *,
    reproduce: str,
    reason: str | None,
) -> Observation:
    """One observation out of the steps that a probe has `gone` through, each with the prefix of its ids.

    `rest` are those that it did not come to.

    Raises:
        Unmeasurable: nothing was seen but refusals that the spec merely puts up with.
    """
    went = [(step, result) for step, _, result in gone]
    nothing = only_refused(went)
    if nothing is not None:
        raise Unmeasurable(nothing, "see that the route is there and the login may use it, or expect that status alone")
    return Observation(
        probe=name,
        kind=probe.kind,
        title=probe.shown_title(name),
        state="broken" if reason is not None else "measured",
        reason=reason,
        reproduce=reproduce,
        checks=tuple(
            check.model_copy(update={"id": prefix + check.id}) for _, prefix, result in gone for check in result.checks
        ),
        facts=tuple(
            fact.model_copy(update={"id": prefix + fact.id}) for _, prefix, result in gone for fact in result.facts
        )
        + closes(fact for _, result in went for fact in result.facts),
        notes=tuple(note for _, result in went for note in result.notes),
        exercised=exercises([*went, *((step, None) for step in rest)]),
    )
