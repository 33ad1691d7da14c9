"""The probe `journey`: steps in order, sharing what they capture."""

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from bot.model import Exercised, Observation, Severity
from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.exercise import exercises, only_refused
from bot.probes.lateness import vouched
from bot.probes.probe import Probe, Sample, Settings, Turn, Unmeasurable, fresh
from bot.probes.steps.registry import AnyStep
from bot.probes.steps.step import Result, Run, Time

if TYPE_CHECKING:
    from bot.probes.context import Context


class JourneyProbe(Probe):
    """Steps in order, sharing what they capture. A step that fails leaves the later ones unobserved."""

    kind: ClassVar[str] = "journey"
    default_severity: ClassVar[Severity] = "critical"

    journey: tuple[AnyStep, ...] = Field(min_length=1)
    """The steps, in order."""
    timeout: Duration = 60.0
    """The most that the whole journey may take (60s)."""

    @model_validator(mode="after")
    def _captured_before_it_is_used(self) -> "JourneyProbe":
        known = {templates.UNIQUE}
        every = known.union(*(step.capture for step in self.journey))
        for number, step in enumerate(self.journey, 1):
            wanted = step.asks_for()
            lost = sorted((wanted & every - known) | (templates.names(step.target()) - known))
            wrong = templates.misspelt(wanted, every)
            if wrong is not None:
                raise ValueError(f"step {number} uses {{{wrong[0]}}}; did you mean {{{wrong[1]}}}?")
            if lost:
                capture = f"`capture: {{{lost[0]}: $.path}}`"
                raise ValueError(
                    f"step {number} uses {{{lost[0]}}}, which no earlier step captures; add {capture} to one"
                )
            known |= set(step.capture)
        return self

    def series(self) -> tuple[str, ...]:
        """The duration of the whole, and the times of its steps."""
        names = [f"{_prefix(number)}{name}" for number, step in enumerate(self.journey, 1) for name in step.times()]
        return ("duration", *names)

    def logins(self) -> frozenset[str]:
        """The logins that its steps use."""
        return frozenset(step.login for step in self.journey if step.login)

    async def observe(self, name: str, context: "Context") -> Observation:
        """Go through the steps once."""
        results = await self._go(name, context)
        number, last = len(results), results[-1]
        reason = None
        if last.failure is not None:
            reason = f"step {number} ({self.journey[number - 1].what()}): {last.failure}"
            if number < len(self.journey):
                left = len(self.journey) - number
                reason += (
                    f"; the {left} steps after it were not reached"
                    if left > 1
                    else "; the step after it was not reached"
                )
        numbered = [(_prefix(number), result) for number, result in enumerate(results, 1)]
        reproduce = shlex.join(["stability-proof", "probe", "--only", name, "--url", context.url])
        return observation(self, name, self.journey, numbered, reproduce=reproduce, reason=reason)

    def exercises(self) -> Exercised | None:
        """What its steps are to touch."""
        return exercises(self.journey)

    def writes(self) -> bool:
        """A journey may leave anything behind."""
        return True

    async def sample(self, name: str, context: "Context", turn: Turn) -> Mapping[str, Sample]:
        """Go through the steps once, timed: the duration is what the service took, without our own work in between."""
        results = await self._go(name, context, turn)
        why = results[-1].failure
        spent = [each for result in results for each in result.spent]
        sent = turn.planned or next((result.sent for result in results if result.sent), None)
        whole = Time(math.fsum(each.value for each in spent), max((each.late for each in spent), default=0.0))
        samples = {"duration": _sample(None if why else whole, whole, why, sent)}
        for number, (step, result) in enumerate(zip(self.journey, results, strict=False), 1):
            for name_of_time in step.times():
                time = result.times.get(name_of_time)
                samples[f"{_prefix(number)}{name_of_time}"] = _sample(time, time or whole, result.failure, result.sent)
        return samples

    async def _go(self, name: str, context: "Context", turn: Turn | None = None) -> list[Result]:
        from bot.probes.context import Clock

        for login in sorted(self.logins()):
            await context.credential(login, self.timeout)  # so that signing in is no part of the time
        planned = turn.planned if turn else None
        unique = turn.unique if turn else fresh()
        clock = Clock(self.timeout, planned)
        run = Run(name, context, clock, {templates.UNIQUE: unique}, sampling=turn is not None, planned=planned)
        results: list[Result] = []
        for step in self.journey:
            results.append(await step.run(run))
            if results[-1].failure is not None:
                break
        return results


def _sample(time: Time | None, bound: Time, why: str | None, sent: float | None) -> Sample:
    ok = time is not None and why is None
    return Sample(time and time.value, ok, why, vouched(bound.late, bound.value), bound.late, sent)


def observation(
    probe: Probe,
    name: str,
    steps: Sequence[Settings],
    results: Sequence[tuple[str, Result]],
    *,
    reproduce: str,
    reason: str | None,
) -> Observation:
    """One observation out of the results of a probe's steps, each with the prefix of its ids."""
    plain = [result for _, result in results]
    nothing = only_refused(steps, plain)
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
            check.model_copy(update={"id": prefix + check.id}) for prefix, result in results for check in result.checks
        ),
        facts=tuple(
            fact.model_copy(update={"id": prefix + fact.id}) for prefix, result in results for fact in result.facts
        ),
        notes=tuple(note for result in plain for note in result.notes),
        exercised=exercises(steps, plain),
    )


def _prefix(number: int) -> str:
    return f"step {number}: "
