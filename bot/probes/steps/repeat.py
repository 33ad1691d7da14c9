"""The step `repeat`: steps again and again, so many times or until what they capture is as expected."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.matching import Expected, Match, match
from bot.probes.steps.composed import ComposedStep
from bot.probes.steps.sequence import in_order, numbered
from bot.probes.steps.step import Result, Run, Step, Time

if TYPE_CHECKING:
    from bot.probes.steps.registry import AnyStep

MOST = 1000


class RepeatStep(ComposedStep):
    """Steps again and again: so many times, or until what they capture is as expected."""

    kind: ClassVar[str] = "repeat"

    repeat: int = Field(ge=1, le=MOST)
    """How many times; with `until`, how many times at most."""
    steps: "tuple[AnyStep, ...]" = Field(min_length=1)
    """The steps, in order; what they capture is there afterwards, as the last time gave it."""
    until: dict[str, Expected] = Field(default_factory=dict)
    """What captured values must be so that it ends, by name: a value or rules; it must come to that."""
    every: Duration | None = None
    """The pause before each further time."""

    @model_validator(mode="after")
    def _until_something(self) -> "RepeatStep":
        if "until" in self.model_fields_set and not self.until:
            raise ValueError("`until` names no captured value, as in `until: {state: done}`")
        return self

    def what(self) -> str:
        """The step in a few words."""
        return f"repeat until {', '.join(self.until)}" if self.until else f"repeat {self.repeat} times"

    def inside(self) -> Mapping[str, Sequence[Step]]:
        """The steps."""
        return {"": self.steps}

    def asks_for(self) -> frozenset[str]:
        """The names in braces in what is expected."""
        return templates.names([*self.until.values()])

    def check_known(self, place: str, known: frozenset[str]) -> None:
        """What it waits for must have been captured."""
        for name in sorted(set(self.until) - known):
            raise ValueError(f"step {place} repeats until {name} is as expected, but nothing captures it")

    async def run(self, run: Run) -> Result:
        """Repeat."""
        placed = numbered(self.steps, run.place)
        passes: list[Result] = []
        found: list[Match] = []
        for _ in range(self.repeat):
            if passes and self.every is not None:
                await asyncio.sleep(run.clock.left(self.every))
            passes.append(await in_order(placed, run))
            if passes[-1].failure is not None:
                break
            found = [self._compared(name, run) for name in self.until]
            if self.until and all(each.ok for each in found):
                break
        result = _merged(passes)
        result.located = True
        result.spent = [time for each in passes for time in each.spent]
        if result.failure is not None:
            of = f"of {'at most ' if self.until else ''}{self.repeat}"
            result.failure += f" (time {len(passes)} {of})" if self.repeat > 1 else ""
        elif self.until:
            self._conclude(found, run, result)
        return result

    def _compared(self, name: str, run: Run) -> Match:
        values = [run.captured[name]] if name in run.captured else []
        return match(templates.fill_all(self.until[name], run.captured), values)

    def _conclude(self, found: Sequence[Match], run: Run, result: Result) -> None:
        ok = all(each.ok for each in found)
        expected = ", ".join(f"{name}: {each.expected}" for name, each in zip(self.until, found, strict=True))
        field = run.context.redactor.field
        actual = ", ".join(f"{name}: {field(name, each.actual)}" for name, each in zip(self.until, found, strict=True))
        result.located = ok
        evidence = next((check.evidence for _, each in reversed(result.inner) for check in each.checks), None)
        within = f" within {self.repeat} times"
        result.check("until", ok=ok, expected=expected + within, actual=actual, evidence=evidence)


def _merged(passes: Sequence[Result]) -> Result:
    """What all passes come to: of each check the first that failed, or the last; of each time the mean."""
    inner: dict[str, list[Result]] = {}
    for one in passes:
        for place, result in one.inner:
            inner.setdefault(place, []).append(result)
    checks = {check.id: check for one in passes for check in one.checks}
    checks |= {check.id: check for one in reversed(passes) for check in one.checks if not check.ok}
    facts = {fact.id: fact for one in passes for fact in one.facts}
    names = dict.fromkeys(name for one in passes for name in one.times)
    failed = next((one for one in passes if one.failure is not None), None)
    return Result(
        checks=[*checks.values()],
        facts=[*facts.values()],
        notes=[*dict.fromkeys(note for one in passes for note in one.notes)],
        times={name: _mean([one.times[name] for one in passes if name in one.times]) for name in names},
        sent=next((one.sent for one in passes if one.sent is not None), None),
        failure=failed.failure if failed else None,
        inner=[(place, _merged(results)) for place, results in inner.items()],
        located=any(one.located for one in passes),
        reproduce=failed.reproduce if failed else None,
    )


def _mean(times: Sequence[Time]) -> Time:
    return Time(
        math.fsum(each.value for each in times) / len(times), math.fsum(each.late for each in times) / len(times)
    )
