"""The fact `protocol`: which events a conversation had, in which order, of which shape, and how it ended."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from bot.model import Fact
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


def closes(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """How often the sockets of a journey ended in which way, where more than one step of it had any."""
    found = [fact.value.get("closes") for fact in facts if fact.kind == "protocol" and isinstance(fact.value, dict)]
    if len(found) < 2:
        return ()
    whole = Counter[str]()
    for each in found:
        whole.update(
            {end: number for end, number in each.items() if isinstance(number, int)} if isinstance(each, dict) else {}
        )
    return (Fact(id="closes", kind="closes", value=dict(sorted(whole.items()))),)
