"""The step `wait`: for a while, or until an answer is as expected."""

import asyncio
import math
import time
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import ValidatorFunctionWrapHandler, WrapValidator, model_validator

from bot.model.duration import Duration, format_duration, parse_duration
from bot.probes.probe import Settings
from bot.probes.steps.http import HttpCall
from bot.probes.steps.step import Result, Run, Step, Time


class Condition(Settings):
    """A request that is sent again and again until its answer is as expected."""

    until: HttpCall
    """The request, and what is expected of its answer."""
    every: Duration = 0.5
    """The pause between an answer and the next request (500ms)."""
    within: Duration = 30.0
    """The most that it may take (30s)."""


def _for_or_until(data: object, _handler: ValidatorFunctionWrapHandler) -> float | Condition:
    if isinstance(data, Condition):
        return data
    if isinstance(data, dict):
        return Condition.model_validate(data)
    return parse_duration(data)


ForOrUntil = Annotated[Duration | Condition, WrapValidator(_for_or_until)]


class WaitStep(Step):
    """Waits: for a while, or until an answer is as expected."""

    kind: ClassVar[str] = "wait"

    wait: ForOrUntil
    """How long (500ms), or `{until: {http: …, expect: …}, every: 500ms, within: 30s}`."""

    @model_validator(mode="after")
    def _what_belongs_to_it(self) -> "WaitStep":
        if "login" in self.model_fields_set:
            raise ValueError("`login` belongs into `until`, beside its `http`")
        if self.capture and not isinstance(self.wait, Condition):
            raise ValueError("waiting gives nothing to capture; `wait: {until: {http: …}}` has an answer")
        return self

    def what(self) -> str:
        """The step in a few words."""
        if isinstance(self.wait, Condition):
            return f"wait until {self.wait.until.http}"
        return f"wait {format_duration(self.wait)}"

    def times(self) -> tuple[str, ...]:
        """How long it took until the answer was as expected."""
        return ("until",) if isinstance(self.wait, Condition) else ()

    def target(self) -> str:
        """The path that it goes to."""
        return self.wait.until.http if isinstance(self.wait, Condition) else ""

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings."""
        return self.wait.until.holes() if isinstance(self.wait, Condition) else frozenset()

    def signs_in(self) -> frozenset[str]:
        """The login of the request."""
        return frozenset({self.wait.until.login} if isinstance(self.wait, Condition) and self.wait.until.login else ())

    async def run(self, run: Run) -> Result:
        """Wait."""
        if isinstance(self.wait, Condition):
            return await self._until(self.wait, run)
        left = run.clock.left()
        await asyncio.sleep(min(left, self.wait))
        if left < self.wait:
            return Result(failure=f"the time of the whole journey was over after {left:.3g} s of it")
        return Result()

    async def _until(self, wait: Condition, run: Run) -> Result:
        from bot.probes.context import Clock

        within = run.clock.left(wait.within)
        polling = replace(run, clock=Clock(within))
        run.planned = None
        spent: list[Time] = []
        overslept: list[float] = []
        sent: float | None = None
        while True:
            last = await wait.until.call(polling, self.capture, keep=False)
            spent += last.spent
            sent = last.sent if sent is None else sent
            # signing in is not tried again: it has its own answer by now
            if last.failure is None or last.failure.startswith("sign-in") or polling.clock.left() <= wait.every:
                break
            began = time.perf_counter()
            await asyncio.sleep(wait.every)
            overslept.append((time.perf_counter() - began - wait.every) * 1000)
        value = math.fsum(each.value for each in spent) + len(overslept) * wait.every * 1000
        late = math.fsum([*overslept, *(each.late for each in spent)])
        result = Result(spent=[Time(value, late)] if run.sampling else [], sent=sent, reproduce=last.reproduce)
        evidence = None if run.sampling or not last.said else run.context.keep(last.said)
        expected = f"as expected within {format_duration(wait.within)}"
        tries = len(overslept) + 1
        actual = f"as expected after {tries} tries" if last.failure is None else f"{last.failure} ({tries} tries)"
        result.check("until", ok=last.failure is None, expected=expected, actual=actual, evidence=evidence)
        if last.failure is None:
            result.times["until"] = Time(value, late)
        else:
            result.failure = (
                f"not as expected within {format_duration(within)}, {tries} tries; the last: {last.failure}"
            )
        return result
