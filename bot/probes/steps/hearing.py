"""What is to be heard on a socket, and whether it was: events against a pattern, in time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.model.duration import format_duration
from bot.probes import events
from bot.probes.interleaved import Interleaved, Matching
from bot.probes.steps.step import Time
from bot.probes.unordered import Unordered

if TYPE_CHECKING:
    from bot.probes.steps.conversation import Conversation

MAX_EVENTS = 10_000
NORMAL = 1000
NO_STATUS = 1005


class Heard(NamedTuple):
    """One event that was heard; `at` is in seconds (`time.perf_counter`), `stream` what it belongs to."""

    event: str
    data: JsonValue
    at: float
    late: float
    stream: str | None = None


class Deadlines(NamedTuple):
    """The most that it may take, in seconds: the whole, until the first event, and between two."""

    whole: float
    first: float | None = None
    gap: float | None = None


class Hearing:
    """What is to be heard: a whole match of the pattern; without one, anything.

    `times` are in milliseconds since the sending. `ended` is how the connection ended, when it did so by itself.
    """

    def __init__(self, matcher: Matching | None, deadlines: Deadlines, since: float) -> None:
        self.matcher = matcher
        self.deadlines = deadlines
        self.messages: list[JsonValue] = []
        self.times: dict[str, Time] = {}
        self.ended: str | None = None
        self._late: str | None = None
        self._answered = False
        self._number = 0
        self._since = self._last = since

    def take(self, heard: Heard) -> None:
        """Take the next event."""
        if isinstance(heard.data, dict | list) and len(self.messages) < MAX_EVENTS:
            self.messages.append(heard.data)
        since = Time(max(0.0, heard.at - self._since) * 1000, heard.late * 1000)
        gap = Time(max(0.0, heard.at - self._last) * 1000, heard.late * 1000)
        self._hold("gap" if self._answered else "first", gap)
        self.times.setdefault("first event", since)
        # with one event only, the wait for it stands for the gap: a series has a value for each round
        known = self.times.get("largest gap") if self._number > 1 else None
        self.times["largest gap"] = gap if known is None or gap.value > known.value else known
        self._number += 1
        self._last = heard.at
        self._answered = True
        fits = self._feed(heard)
        if self.matcher is None or (fits and self.matcher.accepts):
            self.times["answer"] = since

    def decided(self) -> bool:
        """Nothing that may still come changes anything."""
        if self._late is not None:
            return True
        if self.matcher is None:
            return self._answered
        return self.matcher.dead or self.matcher.complete or len(self.matcher.seen) >= MAX_EVENTS

    def left(self, now: float, end: float) -> float:
        """Seconds until a deadline is over."""
        limit = self.deadlines.gap if self._answered else self.deadlines.first
        due = end if limit is None or (self.matcher is not None and self.matcher.accepts) else self._last + limit
        return max(0.001, min(due, end) - now)

    def silence(self, now: float, end: float) -> None:
        """Nothing came until a deadline was over."""
        if now < end and not (self.matcher is not None and self.matcher.accepts):
            name = "gap" if self._answered else "first"
            limit = self.deadlines.gap if self._answered else self.deadlines.first
            self._late = _late(name, limit or 0.0)

    def outcome(self, talk: "Conversation", close: int | None) -> tuple[bool, str, str]:
        """Whether the right events came, what was expected, and what came, in words."""
        time = format_duration(self.deadlines.whole)
        ended = self._ended_words(talk)
        if self.matcher is None:
            expected = f"an answer within {time}"
            if self._answered and (self.ended is None or talk.received_code in {NORMAL, close}):
                return self._late is None, expected, self._late or "an answer"
            return False, expected, ended or self._late or f"no answer within {time}"
        expected = self.matcher.automaton.pattern
        why = f"{self.matcher.why()}\n{self.matcher.picture()}"
        if self.matcher.dead:
            return False, expected, why
        if self._late is not None:
            return False, expected, f"{self._late}; {why}"
        if self.matcher.accepts and (self.ended is None or talk.received_code in {NORMAL, close}):
            return True, expected, " ".join(_short(self.matcher.seen))
        late = f"not over within {time}" if self.matcher.seen else f"no answer within {time}"
        return False, expected, f"{ended or late}; {why}"

    def _feed(self, heard: Heard) -> bool:
        if self.matcher is None:
            return True
        if isinstance(self.matcher, Interleaved) and heard.stream is not None:
            return self.matcher.feed_of(heard.stream, heard.event)
        return self.matcher.feed(heard.event)

    def _hold(self, name: str, took: Time) -> None:
        limit = self.deadlines.gap if name == "gap" else self.deadlines.first
        # what is late by our own fault is not the service's
        if limit is not None and took.value - took.late > limit * 1000 and self._late is None:
            self._late = f"{_late(name, limit)}: it took {took.value / 1000:.3g} s"

    def _ended_words(self, talk: "Conversation") -> str | None:
        if self.ended is not None and talk.closed_by_service and talk.received_code in {NORMAL, NO_STATUS}:
            return f"{self.ended}, which may be a refusal"
        return self.ended


def matcher(pattern: str | None, *, any_order: bool = False, streams: int | None = None) -> Matching | None:
    """What holds events against a pattern; `streams` is how many ids have to come, where they are told apart by one."""
    if pattern is None:
        return None
    automaton = events.parse(pattern)

    def new() -> Matching:
        return Unordered(automaton) if any_order else events.Matcher(automaton)

    return new() if streams is None else Interleaved(new, streams)


def _late(name: str, limit: float) -> str:
    what = "no event for" if name == "gap" else "no first event within"
    return f"{what} {format_duration(limit)}"


def _short(seen: Sequence[str]) -> Sequence[str]:
    return seen if len(seen) <= 40 else [*seen[:20], f"… {len(seen) - 40} more …", *seen[-20:]]
