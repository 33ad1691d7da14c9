"""The fact `protocol`: which events a conversation had, in which order, of which shape, and how it ended."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from bot.probes.shapes import Shapes

START, END = "(start)", "(end)"
MAX_TYPES = 200


class Protocol:
    """Collects the events of one conversation, in order."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shapes] = {}
        self._seen: Counter[str] = Counter()
        self._transitions: Counter[tuple[str, str]] = Counter()
        self._last = START

    def add(self, event: str, data: JsonValue) -> None:
        """Take the next event."""
        if event not in self._shapes and len(self._shapes) >= MAX_TYPES:
            event = "(more)"
        self._seen[event] += 1
        self._transitions[self._last, event] += 1
        self._last = event
        self._shapes.setdefault(event, Shapes()).add(data)

    def value(
        self,
        *,
        code: int | None,
        by: str,
        subprotocol: str | None,
        extensions: Sequence[str],
        reason: str = "",
        more: Mapping[str, JsonValue] | None = None,
    ) -> JsonValue:
        """The fact. `code` is what the service closed with, `by` who closed first: `service`, `probe` or `nobody`."""
        transitions = self._transitions + Counter({(self._last, END): 1})
        events: dict[str, JsonValue] = {}
        for event in sorted(self._seen):
            shapes = self._shapes[event]
            events[event] = {"seen": self._seen[event], "paths": shapes.paths(), "cut": shapes.cut}
        return {
            "events": events,
            "transitions": [[before, after, count] for (before, after), count in sorted(transitions.items())],
            "close": {"code": code, "by": by, "reason": reason},
            "subprotocol": subprotocol,
            "extensions": [*sorted(extensions)],
            **(more or {}),
        }
