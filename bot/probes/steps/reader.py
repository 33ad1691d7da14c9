"""Reading a stream of server-sent events until what should come has come, or cannot come any more.

This module loads httpx; import it where it is used.
"""

import asyncio
import json
import time
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.model.duration import format_duration
from bot.probes import events
from bot.probes.context import Clock
from bot.probes.matching import shown
from bot.probes.paths import find
from bot.probes.protocol import Protocol
from bot.probes.steps.eventstream import EventStream, ServerEvent
from bot.probes.steps.http import phrased
from bot.probes.streaming import Head, Over, Piece, Stream
from bot.probes.transcripts import answer_text
from bot.safety.redact import Redactor

if TYPE_CHECKING:
    from bot.probes.steps.sse import SseStep

AFTERWARDS = 0.05
"""Seconds in which an event after the last one that the pattern allows is still noticed."""
MAX_EVENTS = 10_000
MAX_LINES = 1000
MAX_SHOWN = 4096
BODY_KEPT = 64 * 1024


class Moment(NamedTuple):
    """When something came (`time.perf_counter`), and by how many seconds that may be late."""

    at: float
    late: float


class Reader:
    """Reads one stream. `moments` are those of the first event and of the answer, `last` is when it was decided.

    `ended` is how it ended, when it did so by itself; `marked` whether the mark of its end came. `patient` reads a moment
    longer for events that should not come.
    """

    def __init__(self, step: "SseStep", *, patient: bool) -> None:
        self.head: Head | None = None
        self.matcher = events.Matcher(events.parse(step.events)) if step.events is not None else None
        self.messages: list[JsonValue] = []
        self.moments: dict[str, Moment] = {}
        self.protocol = Protocol()
        self.ended: str | None = None
        self.marked = False
        self.last = Moment(time.perf_counter(), 0.0)
        self._step, self._patient = step, patient
        self._parser = EventStream()
        self._seen = 0
        self._latest: float | None = None
        self._late: str | None = None
        self._over = self._torn = self._too_slow = False
        self._lines: list[tuple[float, str]] = []
        self._body = bytearray()

    async def read(self, stream: Stream, clock: Clock, planned: float | None) -> None:
        """Until it is decided, or a deadline is over."""
        began = max(time.perf_counter(), planned or 0.0)
        whole = began + min(self._step.within, clock.left(self._step.within))
        while not self._decided():
            deadline, words, own = self._deadline(began, whole)
            item = await _next(stream, deadline - time.perf_counter())
            if item is None:
                self._late, self._too_slow = words, own
                self.last = Moment(time.perf_counter(), 0.0)
                return
            self._take(item)
        while self._patient and not (self._over or self.marked) and self._alive():
            item = await _next(stream, AFTERWARDS)
            if item is None:
                return
            self._take(item, afterwards=True)

    def opened(self) -> tuple[bool, str]:
        """Whether there is a stream, and what there is, in words."""
        if self.head is None:
            return False, self.ended or self._late or "no answer"
        return self.head.status == 200, phrased(self.head.status)

    def well_formed(self) -> tuple[bool, str]:
        """Whether what came is an event stream, and what it is, in words."""
        kind = self._media_type()
        if kind != "text/event-stream":
            return False, f"{kind or 'no content type'} (a browser reads only text/event-stream)"
        return self._parser.malformed is None, self._parser.malformed or "an event stream"

    def outcome(self) -> tuple[bool, str, str]:
        """Whether the right events came, what was expected, and what came, in words."""
        late = self._late or self.ended
        if self.matcher is None:
            expected = f"an event within {format_duration(self._step.within)}"
            ok = self._seen > 0 and not self._too_slow
            return ok, expected, "an event" if ok else late or "no event"
        expected = self.matcher.automaton.pattern
        if self.matcher.dead:
            return False, expected, f"{self.matcher.why()}\n{self.matcher.picture()}"
        torn = self._torn and not (self.marked or self.matcher.complete)
        if self.matcher.accepts and not torn and not self._too_slow:
            names = self.matcher.seen
            short = names if len(names) <= 40 else [*names[:20], f"… {len(names) - 40} more …", *names[-20:]]
            return True, expected, " ".join(short)
        return False, expected, f"{late or 'it is over'}; {self.matcher.why()}\n{self.matcher.picture()}"

    def transcript(self, redactor: Redactor, sent: float) -> str:
        """What came, with milliseconds since the request was sent."""
        text = ""
        if self.head is not None:
            line = f"{self.head.version} {self.head.status} {self.head.reason}"
            text = answer_text(redactor, line, self.head.headers, bytes(self._body), whole=True)
        lines = [f"{max(0.0, at - sent) * 1000:9.1f} {line}" for at, line in self._lines[:MAX_LINES]]
        if len(self._lines) > MAX_LINES:
            lines.append(f"… and {len(self._lines) - MAX_LINES:,} events more")
        return text + "".join(f"{line}\n" for line in lines)

    def _deadline(self, began: float, whole: float) -> tuple[float, str, bool]:
        """The next one, what is to be said when it is over, and whether that is a failure whatever came before."""
        step = self._step
        found = [(whole, f"{'not over' if self._seen else 'no event'} within {format_duration(step.within)}", False)]
        if self._latest is None and step.first_within is not None:
            words = f"no first event within {format_duration(step.first_within)}"
            found.append((began + step.first_within, words, True))
        if self._latest is not None and step.gap_within is not None:
            words = f"a gap of more than {format_duration(step.gap_within)} after event {self._seen}"
            found.append((self._latest + step.gap_within, words, True))
        return min(found)

    def _take(self, item: Head | Piece | Over, *, afterwards: bool = False) -> None:
        if isinstance(item, Head):
            self.head = item
            return
        if not afterwards:
            self.last = Moment(item.at, item.late)
        if isinstance(item, Over):
            self._over, self._torn = True, item.words is not None
            self.ended = item.words or "the service ended the stream"
            if item.words is None:
                self._parser.end()
            self._lines.append((item.at, f"! {self.ended}"))
            return
        if not self._is_stream():
            self._body += item.data[: max(0, BODY_KEPT - len(self._body))]
            return
        for event in self._parser.feed(item.data):
            if not self.marked and self._alive():
                self._event(event, Moment(item.at, item.late))

    def _event(self, event: ServerEvent, moment: Moment) -> None:
        data = event.data if len(event.data) <= MAX_SHOWN else f"{event.data[:MAX_SHOWN]}… ({len(event.data):,})"
        named = f"id {event.id} " if event.id else ""
        self._lines.append((moment.at, f"< {named}{event.name}: {data}"))
        if event.data == self._step.end:
            self.marked = True
            return
        name, value = self._typed(event)
        self.protocol.add(name, value)
        if isinstance(value, dict | list) and len(self.messages) < MAX_EVENTS:
            self.messages.append(value)
        if name in self._step.ignore:
            return
        if self._latest is not None and self._step.gap_within is not None:
            gap = moment.at - self._latest
            # it was there in time, and only we were slow: then what is ours is not held against the service
            if gap - moment.late > self._step.gap_within and self._late is None:
                self._late, self._too_slow = f"a gap of {format_duration(round(gap, 3))} after event {self._seen}", True
        self._seen += 1
        self._latest = moment.at
        self.moments.setdefault("first event", moment)
        if self.matcher is None or (self.matcher.feed(name) and self.matcher.accepts):
            self.moments["answer"] = moment

    def _typed(self, event: ServerEvent) -> tuple[str, JsonValue]:
        data: JsonValue
        try:
            data = json.loads(event.data)
        except (ValueError, RecursionError):
            data = event.data
        if self._step.event_type is None:
            return event.name, data
        found = find(self._step.event_type, data) if isinstance(data, dict | list) else ()
        return (shown(found[0]) if len(found) == 1 and isinstance(found[0], str) else "(untyped)"), data

    def _decided(self) -> bool:
        if self._over or self.marked or self._parser.malformed is not None or self._late is not None:
            return True
        if self.head is not None and not self._is_stream():
            return len(self._body) >= BODY_KEPT  # what it is instead is evidence, and read to its end
        if not self._alive():
            return True
        if self._step.must_end():
            return False
        return self._seen > 0 if self.matcher is None else self.matcher.complete

    def _alive(self) -> bool:
        return self._seen < MAX_EVENTS and (self.matcher is None or not self.matcher.dead)

    def _is_stream(self) -> bool:
        return self.head is not None and self.head.status == 200 and self._media_type() == "text/event-stream"

    def _media_type(self) -> str:
        headers = self.head.headers if self.head is not None else ()
        found = next((value for name, value in headers if name.lower() == "content-type"), "")
        return found.split(";")[0].strip().lower()


async def _next(stream: Stream, patience: float) -> Head | Piece | Over | None:
    try:
        async with asyncio.timeout(max(0.001, patience)):
            return await stream.incoming.get()
    except TimeoutError:
        # it may have been there, and only the event loop was slow
        return stream.incoming.get_nowait() if not stream.incoming.empty() else None
