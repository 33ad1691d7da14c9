"""What every kind of step is, what it is given, and what it gives back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, JsonValue

from bot.model import Check, Fact
from bot.probes.paths import PathText, find, last_name
from bot.probes.probe import Settings
from bot.probes.request import Request
from bot.safety.redact import secretive

if TYPE_CHECKING:
    from bot.probes.context import Clock, Context
    from bot.safety.http import Answer


@dataclass
class Run:
    """One passage through a probe: what its steps share.

    `ask` is how HTTP is spoken: by the client for observing, or by the one for timing.
    """

    probe: str
    context: "Context"
    clock: "Clock"
    captured: dict[str, JsonValue]
    ask: "Callable[[Request, float], Awaitable[Answer]]"
    sampling: bool = False


@dataclass
class Result:
    """What one step gave. `failure` is the reason, in words, why the journey cannot go on."""

    checks: list[Check] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    failure: str | None = None

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
