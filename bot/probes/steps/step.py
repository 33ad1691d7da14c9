"""What every kind of step is, what it is given, and what it gives back."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import Field, JsonValue

from bot.model import Check, Fact
from bot.probes.paths import PathText, find, last_name
from bot.probes.probe import Settings
from bot.probes.request import Request
from bot.safety.redact import secretive

if TYPE_CHECKING:
    from bot.probes.context import Clock, Context
    from bot.safety.http import Answer


class Time(NamedTuple):
    """A time that the service took, and by how much that may be too long by our own fault; in milliseconds."""

    value: float
    late: float = 0.0


def total(times: Iterable[Time]) -> Time:
    """All of them together, and the worst of what is our own in them."""
    known = [*times]
    return Time(math.fsum(each.value for each in known), max((each.late for each in known), default=0.0))


@dataclass
class Run:
    """One passage through a probe: what its steps share.

    `place` is the number of the step that is under way, `2.1` for the first one inside the second.
    `planned` is when the first request is to be sent, and timed from, where that was laid down (`time.perf_counter`).
    """

    probe: str
    context: "Context"
    clock: "Clock"
    captured: dict[str, JsonValue]
    sampling: bool = False
    planned: float | None = None
    place: str = ""

    async def ask(self, request: Request) -> "Answer":
        """Ask over HTTP, by the client for observing or by the one for timing.

        Raises:
            Unanswered: nothing came that could be called an answer.
        """
        if self.sampling:
            return await self.context.time(request, self.clock.left(), self.take_plan())
        return await self.context.ask(request, self.clock.left())

    def take_plan(self) -> float | None:
        """The planned time, for the first request alone."""
        planned, self.planned = self.planned, None
        return planned


@dataclass
class Result:
    """What one step gave. `failure` is the reason, in words, why the journey cannot go on.

    `spent` are all the times in which it was the service that was to act, `sent` is when the first of them began.
    `said` is what was said, where that is not kept yet. `inner` are the results of the steps inside, by their places;
    then `located` is that the failure already says in which of them it was. `reproduce` is a command that repeats a
    failure by itself. `operations` are those of an OpenAPI document that came.
    """

    checks: list[Check] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    times: dict[str, Time] = field(default_factory=dict)
    spent: list[Time] = field(default_factory=list)
    sent: float | None = None
    phases: tuple[float | None, ...] = ()
    failure: str | None = None
    said: str = ""
    inner: list[tuple[str, "Result"]] = field(default_factory=list)
    located: bool = False
    reproduce: str | None = None
    operations: tuple[str, ...] = ()

    def check(self, name: str, *, ok: bool, expected: str, actual: str, evidence: str | None) -> None:
        """Add a check; a failed one ends the journey. `actual` may have more lines, of which the first says it all."""
        self.checks.append(Check(id=name, ok=ok, expected=expected, actual=actual, evidence=evidence))
        if not ok and self.failure is None:
            first, *more = actual.splitlines() or [""]
            self.failure = f"{name}: {first}" if more else f"{name}: expected {expected}, got {first}"


class Step(Settings):
    """One step of a journey."""

    kind: ClassVar[str]

    login: str | None = None
    """The login whose credential is sent."""
    capture: dict[str, PathText] = Field(default_factory=dict)
    """Values for later steps, by name: where the answer has them. Used as `{name}`."""

    async def run(self, run: Run) -> Result:
        """Do it. What the service does wrong is in the result.

        Raises:
            Unmeasurable: nothing can be said of the service.
        """
        raise NotImplementedError

    def what(self) -> str:
        """The step in a few words."""
        raise NotImplementedError

    def times(self) -> tuple[str, ...]:
        """The names of the times that it takes, in milliseconds."""
        return ()

    def target(self) -> str:
        """The path that it goes to, in which braces are always names."""
        raise NotImplementedError

    def inside(self) -> Mapping[str, Sequence["Step"]]:
        """The steps inside it, by the names of branches; a single branch has none."""
        return {}

    def check_known(self, place: str, known: frozenset[str]) -> None:
        """Hold what it needs after its steps against what is captured by then.

        Raises:
            ValueError: something is not.
        """

    def signs_in(self) -> frozenset[str]:
        """The logins that it uses itself."""
        return frozenset({self.login} if self.login else ())

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings."""
        return frozenset()


def capture(wanted: Mapping[str, str], data: JsonValue, run: Run, result: Result, evidence: str | None) -> None:
    """Capture values out of one answer; a value that is not there is a failed check."""
    for name, path in wanted.items():
        found = find(path, data)
        if not found:
            result.check(f"capture {name}", ok=False, expected=f"a value at {path}", actual="absent", evidence=evidence)
            continue
        # the value itself is another each time: what is compared is that there was one
        result.check(f"capture {name}", ok=True, expected=f"a value at {path}", actual="a value", evidence=evidence)
        run.captured[name] = found[0]
        if secretive(name) or secretive(last_name(path)):
            run.context.redactor.learn(str(found[0]))
