"""Listening to a WebSocket until what should come has come, or cannot come any more."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from bot.probes.matching import shown
from bot.probes.numbering import Numbering
from bot.probes.paths import find
from bot.probes.protocol import Protocol as Events
from bot.probes.steps.hearing import MAX_EVENTS, Heard, Hearing

if TYPE_CHECKING:
    from bot.probes.steps.conversation import Conversation
    from bot.probes.steps.line import Message

AFTERWARDS = 0.05
"""Seconds in which an event after the last one that the pattern allows is still noticed."""


class Language(Protocol):
    """How the messages of a socket are read."""

    def read(self, message: str | bytes) -> tuple[str, JsonValue]:
        """The type of the event, and its data."""

    def reply(self, event: str, data: JsonValue) -> str | None:
        """What has to be answered at once, whatever else is going on."""


class Plain:
    """JSON with the type of the event at a path."""

    def __init__(self, event_type: str) -> None:
        self._event_type = event_type

    def read(self, message: str | bytes) -> tuple[str, JsonValue]:
        """The type of the event, and its data."""
        if isinstance(message, bytes):
            return "(binary)", None
        try:
            data: JsonValue = json.loads(message)
        except (ValueError, RecursionError):
            return "(text)", None
        found = find(self._event_type, data) if isinstance(data, dict | list) else ()
        return (shown(found[0]) if len(found) == 1 and isinstance(found[0], str) else "(untyped)"), data

    def reply(self, event: str, data: JsonValue) -> str | None:
        """Nothing has to be answered."""


class Listener:
    """Listens on the sockets of one step, one after the other. `messages` are all that could be read as JSON."""

    def __init__(
        self,
        talk: "Conversation",
        language: Language,
        *,
        ignore: Sequence[str] = (),
        by: str | None = None,
        sequence: str | None = None,
    ) -> None:
        self.talk = talk
        self.events = Events()
        self.messages: list[JsonValue] = []
        self.numbers = Numbering(sequence) if sequence is not None else None
        self.since = self.heard = time.perf_counter()
        self._language = language
        self._ignore = set(ignore)
        self.by = by
        self.said: str | bytes = ""

    def ignored(self, event: str, *, ignore: bool) -> None:
        """Ignore a type of event from now on, or no longer."""
        (self._ignore.add if ignore else self._ignore.discard)(event)

    async def send(self, messages: Sequence[str | bytes]) -> None:
        """Send, and count time from here.

        Raises:
            Ended: the connection is closed.
        """
        self.since = await self.talk.send(messages)

    async def listen(self, hearing: Hearing, deadline: float) -> None:
        """Until it is decided, or `deadline` seconds are over.

        Raises:
            Ended: the connection is closed.
        """
        end = time.perf_counter() + deadline
        while not hearing.decided():
            heard = await self.next(hearing.left(time.perf_counter(), end))
            if heard is None:
                hearing.silence(time.perf_counter(), end)
                if time.perf_counter() >= end:
                    return
                continue
            hearing.take(heard)

    async def linger(self, hearing: Hearing | None) -> None:
        """A moment longer, for events that should not come, and for an end.

        Raises:
            Ended: the connection is closed.
        """
        end = time.perf_counter() + AFTERWARDS
        while (more := await self.next(max(0.001, end - time.perf_counter()))) is not None:
            if hearing is not None and hearing.matcher is not None:
                hearing.take(more)
                if hearing.matcher.dead:
                    return
                end = time.perf_counter() + AFTERWARDS

    async def next(self, deadline: float) -> Heard | None:
        """The next event that is not to be ignored, or None when none came within `deadline` seconds.

        Raises:
            Ended: the connection is closed.
        """
        end = time.perf_counter() + deadline
        while (message := await self.talk.receive(max(0.001, end - time.perf_counter()))) is not None:
            heard = self._read(message)
            reply = self._language.reply(heard.event, heard.data)
            if reply is not None:
                await self.talk.reply(reply)
            elif heard.event not in self._ignore:
                return heard
        return None

    def _read(self, message: "Message") -> Heard:
        event, data = self._language.read(message.said)
        self.heard, self.said = message.at, message.said
        self.events.add(event, data)
        whole = isinstance(data, dict | list)
        if whole and len(self.messages) < MAX_EVENTS:
            self.messages.append(data)
        found = find(self.by, data) if self.by is not None and whole else ()
        stream = shown(found[0]) if found else None
        if self.numbers is not None and whole:
            for number in find(self.numbers.path, data)[:1]:
                self.numbers.add(number, stream or "")
        return Heard(event, data, message.at, message.late, stream)
