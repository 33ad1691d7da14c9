"""One passage through a step over a WebSocket: its sockets one after the other, and what held on them.

This module loads websockets; import it where it is used.
"""

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.model import Fact
from bot.probes.paths import find
from bot.probes.steps.conversation import Conversation, Ended
from bot.probes.steps.hearing import Deadlines, Hearing
from bot.probes.steps.step import Result, Run, Time, capture

if TYPE_CHECKING:
    from bot.probes.interleaved import Matching
    from bot.probes.steps.opening import Opening, SocketStep


class Broken(Exception):
    """Something did not hold, and the step cannot go on."""


class Held(NamedTuple):
    """A check whose evidence, the transcript, is not complete yet."""

    name: str
    ok: bool
    expected: str
    actual: str


class Stage:
    """The sockets of one step. `talk` is the one that is open; `times` are those of the step."""

    def __init__(self, step: "SocketStep", opening: "Opening", run: Run) -> None:
        self.step, self.opening, self.run = step, opening, run
        self.talks: list[Conversation] = [self._new()]
        self.listener = step.listener(self)
        self.times: dict[str, Time] = {}
        self.held: list[Held] = []
        self.patterns: list[str] = []
        self.result = Result()

    @property
    def talk(self) -> Conversation:
        """The socket that is open."""
        return self.talks[-1]

    async def play(self, result: Result) -> None:
        """Open, converse, close; what came of it goes into the result."""
        self.result = result
        ended: str | None = None
        try:
            await self.open()
            await self.step.converse(self)
            await self._close()
        except Ended as error:
            ended = str(error)
        except Broken:
            pass
        finally:
            await self.talk.close(1000)
        for talk in self.talks:
            self.run.context.witness.handshake(self.run.probe, talk.headers)
        self._conclude(result, ended)

    async def open(self) -> None:
        """Shake hands.

        Raises:
            Ended: the service did not.
        """
        await self.talk.open(
            headers=self.opening.headers,
            subprotocols=self.opening.subprotocols,  # type: ignore[arg-type]
            origin=self.opening.origin,
            deadline=self.run.clock.left(self.step.within),
            planned=self.run.take_plan(),
        )

    async def reopen(self, prefix: str) -> None:
        """Open another, after the one before was closed.

        Raises:
            Broken: it could not be opened again.
        """
        self.talks.append(self._new())
        self.listener.talk = self.talk
        try:
            await self.open()
        except Ended as error:
            self.hold(f"{prefix}reopened", ok=False, expected="open", actual=str(error))
        self.hold(f"{prefix}reopened", ok=True, expected="open", actual="open")
        if self.talk.handshake is not None:
            self.times[f"{prefix}handshake"] = self.talk.handshake

    async def hear(
        self, matcher: "Matching | None", deadlines: Deadlines, *, prefix: str = "", last: bool = True
    ) -> Hearing:
        """Listen until it is decided; the `last` one listens a moment longer, unless time is taken.

        Raises:
            Broken: what should have come did not.
        """
        if matcher is not None:
            self.patterns.append(matcher.automaton.pattern)
        hearing = Hearing(matcher, deadlines, max(self.listener.since, self.listener.heard))
        try:
            await self.listener.listen(hearing, self.run.clock.left(deadlines.whole))
            if last and not self.run.sampling and not (matcher and matcher.dead):
                await self.listener.linger(hearing)
        except Ended as error:
            hearing.ended = str(error)
        self.times |= {f"{prefix}{name}": time for name, time in hearing.times.items()}
        ok, expected, actual = hearing.outcome(self.talk, self.step.close)
        self.hold(f"{prefix}{'answer' if matcher is None else 'events'}", ok=ok, expected=expected, actual=actual)
        return hearing

    def hold(self, name: str, *, ok: bool, expected: str, actual: str) -> None:
        """Keep a check.

        Raises:
            Broken: it did not hold.
        """
        self.held.append(Held(name, ok, expected, actual))
        if not ok:
            raise Broken

    def capture(self, wanted: dict[str, str], data: JsonValue, prefix: str) -> None:
        """Capture values out of a message.

        Raises:
            Broken: one is not there.
        """
        found = Result()
        capture(wanted, data, self.run, found, None)
        for check in found.checks:
            self.hold(prefix + check.id, ok=check.ok, expected=check.expected, actual=check.actual)

    def _new(self) -> Conversation:
        return Conversation(self.opening.url, self.run.context.engine, self.step.max_message)

    async def _close(self) -> None:
        if self.step.ours():
            await self.talk.close(self.step.close or 1000)
            return
        while await self.listener.next(self.run.clock.left(self.step.within)) is not None:
            pass

    def _conclude(self, result: Result, ended: str | None) -> None:
        first, sampling = self.talks[0], self.run.sampling
        result.times |= self.times
        if first.handshake is not None:
            result.times["handshake"] = first.handshake
        for talk in self.talks:
            result.spent += talk.spent
        result.sent = first.started
        evidence = None if sampling else self.run.context.keep("\n".join(talk.written() for talk in self.talks))
        redact = self.run.context.redactor.text

        def check(name: str, *, ok: bool, expected: str, actual: str) -> None:
            result.check(name, ok=ok, expected=redact(expected), actual=redact(actual), evidence=evidence)

        opened = first.handshake is not None and (ended is None or bool(self.held) or self.step.close is not None)
        check("handshake", ok=opened, expected="open", actual="open" if opened else ended or "not open")
        if first.handshake is None:
            return
        if self.opening.subprotocols and first.subprotocol is None:
            result.notes.append("the service chose none of the subprotocols: a browser would not connect")
        for held in self.held:
            check(held.name, ok=held.ok, expected=held.expected, actual=held.actual)
        numbers = self.listener.numbers
        if numbers is not None and all(each.ok for each in self.held):
            expected = f"each number at {numbers.path} once, in order"
            check("sequence", ok=numbers.ok, expected=expected, actual=numbers.words())
        if self.step.close is not None:
            last, ours = self.talk, self.step.ours()
            ok = last.received_code == self.step.close and (last.closed_by_service or ours)
            actual = last.ending() if last.closed_by_service or ours else "it stayed open"
            check("close", ok=ok, expected=f"closed with {self.step.close}", actual=actual)
        if not sampling:
            result.facts.append(Fact(id="protocol", kind="protocol", value=self._fact(), evidence=evidence))
        for name, path in self.step.capture.items():
            holder = next((message for message in self.listener.messages if find(path, message)), None)
            capture({name: path}, holder, self.run, result, evidence)

    def _fact(self) -> JsonValue:
        last, numbers = self.talk, self.listener.numbers
        closes = Counter(f"{talk.received_code or 'no code'} by {_by(talk)}" for talk in self.talks)
        counts = [vars(talk.traffic) for talk in self.talks]
        more: dict[str, JsonValue] = {
            "closes": dict(sorted(closes.items())),
            "traffic": {name: sum(each[name] for each in counts) for name in counts[0]},
            "times": {name: round(time.value, 1) for name, time in sorted(self.result.times.items())},
        }
        if self.patterns:
            more["pattern"] = " / ".join(self.patterns)
        if numbers is not None:
            more["sequence"] = numbers.value()
        return self.listener.events.value(
            code=last.received_code,
            by=_by(last),
            reason=last.reason,
            subprotocol=last.subprotocol,
            extensions=last.extensions,
            more=more,
        )


def _by(talk: Conversation) -> str:
    if talk.closed_by_service:
        return "service"
    return "probe" if talk.received_code is not None else "nobody"
