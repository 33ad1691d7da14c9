"""Several streams of events in one: the pattern holds for each by itself, told apart by an id in every message."""

from collections.abc import Callable
from typing import Protocol

from bot.probes.events import Automaton

MAX_STREAMS = 1000
NO_ID = "(no id)"


class Matching(Protocol):
    """What holds events against a pattern, one after the other."""

    automaton: Automaton
    seen: list[str]

    def feed(self, event: str) -> bool:
        """Take the next event; False when it does not fit."""

    @property
    def dead(self) -> bool:
        """An event came that does not fit."""

    @property
    def accepts(self) -> bool:
        """What came so far is a whole match."""

    @property
    def complete(self) -> bool:
        """It is a whole match, and nothing more may come."""

    def why(self) -> str:
        """What is wrong, in words."""

    def picture(self) -> str:
        """The pattern, with carets."""


class Interleaved:
    """One matcher for each id; at least `least` of them have to come, and each has to match by itself."""

    def __init__(self, new: Callable[[], Matching], least: int = 1) -> None:
        self._new = new
        self._least = least
        self._streams: dict[str, Matching] = {}
        self._dead: str | None = None
        self.automaton = new().automaton
        self.seen: list[str] = []

    def feed_of(self, stream: str, event: str) -> bool:
        """Take the next event of one stream; False when it does not fit there."""
        if self._dead is not None:
            return False
        matcher = self._streams.get(stream)
        if matcher is None:
            matcher = self._streams[stream] = self._new()
        if not matcher.feed(event) or len(self._streams) > MAX_STREAMS:
            self._dead = stream
            return False
        self.seen.append(event)
        return True

    def feed(self, event: str) -> bool:
        """Take an event that says of no stream."""
        return self.feed_of(NO_ID, event)

    @property
    def dead(self) -> bool:
        """An event came that does not fit."""
        return self._dead is not None

    @property
    def accepts(self) -> bool:
        """All streams match, and there are enough of them."""
        return not self.dead and len(self._streams) >= self._least and all(each.accepts for each in self._all())

    @property
    def complete(self) -> bool:
        """The same, and no stream may go on."""
        return self.accepts and all(each.complete for each in self._all())

    def why(self) -> str:
        """What is wrong with the first stream that does not match, in words."""
        if len(self._streams) > MAX_STREAMS:
            return f"more than {MAX_STREAMS:,} streams came"
        name = self._wrong()
        if name is not None:
            return f"of {name[:80]}: {self._streams[name].why()}"
        if len(self._streams) < self._least:
            return f"{len(self._streams)} of {self._least} streams came"
        return "it matches"

    def picture(self) -> str:
        """The pattern, with carets for that stream."""
        name = self._wrong()
        return self._streams[name].picture() if name is not None else self._new().picture()

    def _all(self) -> list[Matching]:
        return [*self._streams.values()]

    def _wrong(self) -> str | None:
        return self._dead or next((name for name, each in self._streams.items() if not each.accepts), None)
