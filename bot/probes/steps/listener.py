"""Listening to a WebSocket until what should come has come, or cannot come any more."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from bot.model.duration import format_duration
from bot.probes import events
from bot.probes.matching import shown
from bot.probes.paths import find
from bot.probes.protocol import Protocol
from bot.probes.steps.step import Time

if TYPE_CHECKING:
    from bot.probes.steps.conversation import Conversation
    from bot.probes.steps.line import Message

AFTERWARDS = 0.05
"""Seconds in which an event after the last one that the pattern allows is still noticed."""
MAX_EVENTS = 10_000
NORMAL = 1000


class Listener:
    """Listens until the pattern is matched or cannot be any more; without a pattern, until anything came.

    `times` are in milliseconds since the sending. `ended` is how the connection ended, when it did so by itself.
    `patient` listens a moment longer for events that should not come.
    """

    def __init__(
        self,
        talk: "Conversation",
        protocol: Protocol,
        *,
        pattern: str | None,
        event_type: str,
        ignore: Sequence[str],
        patient: bool,
    ) -> None:
        self.matcher = events.Matcher(events.parse(pattern)) if pattern is not None else None
        self.messages: list[JsonValue] = []
        self.times: dict[str, Time] = {}
        self.ended: str | None = None
        self.protocol = protocol
        self._talk = talk
        self._event_type = event_type
        self._ignore = frozenset(ignore)
        self._patient = patient
        self._answered = False
        self._sent = 0.0

    async def send(self, messages: Sequence[str]) -> None:
        """Send, and count time from here.

        Raises:
            Ended: the connection is closed.
        """
        self._sent = await self._talk.send(messages)

    async def listen(self, deadline: float) -> None:
        """Until it is decided, or `deadline` seconds are over.

        Raises:
            Ended: the connection is closed.
        """
        end = time.perf_counter() + deadline
        while not self._decided():
            message = await self._talk.receive(max(0.001, end - time.perf_counter()))
            if message is None:
                return
            self._take(message)
        if self._patient and self.matcher is not None:
            while not self.matcher.dead and (more := await self._talk.receive(AFTERWARDS)) is not None:
                self._take(more)

    def outcome(self, within: float, close: int | None) -> tuple[bool, str, str]:
        """Whether the right events came, what was expected, and what came, in words."""
        time = format_duration(within)
        if self.matcher is None:
            expected = f"an answer within {time}"
            return self._answered, expected, "an answer" if self._answered else self.ended or f"no answer within {time}"
        expected = self.matcher.automaton.pattern
        if self.matcher.dead:
            return False, expected, f"{self.matcher.why()}\n{self.matcher.picture()}"
        if self.matcher.accepts and (self.ended is None or self._talk.received_code in {NORMAL, close}):
            return True, expected, " ".join(_short(self.matcher.seen))
        late = f"not over within {time}" if self.matcher.seen else f"no answer within {time}"
        return False, expected, f"{self.ended or late}; {self.matcher.why()}\n{self.matcher.picture()}"

    def _take(self, message: "Message") -> None:
        event, data = self._event(message.said)
        self.protocol.add(event, data)
        if isinstance(data, dict | list) and len(self.messages) < MAX_EVENTS:
            self.messages.append(data)
        if event in self._ignore:
            return
        since = Time(max(0.0, message.at - self._sent) * 1000, message.late * 1000)
        self.times.setdefault("first event", since)
        self._answered = True
        if self.matcher is None or (self.matcher.feed(event) and self.matcher.accepts):
            self.times["answer"] = since

    def _event(self, message: str | bytes) -> tuple[str, JsonValue]:
        if isinstance(message, bytes):
            return "(binary)", None
        try:
            data: JsonValue = json.loads(message)
        except (ValueError, RecursionError):
            return "(text)", None
        found = find(self._event_type, data) if isinstance(data, dict | list) else ()
        return (shown(found[0]) if len(found) == 1 and isinstance(found[0], str) else "(untyped)"), data

    def _decided(self) -> bool:
        if self.matcher is None:
            return self._answered
        return self.matcher.dead or self.matcher.complete or len(self.matcher.seen) >= MAX_EVENTS


def _short(seen: Sequence[str]) -> Sequence[str]:
    return seen if len(seen) <= 40 else [*seen[:20], f"… {len(seen) - 40} more …", *seen[-20:]]
