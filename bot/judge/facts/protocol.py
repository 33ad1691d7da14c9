"""`protocol`: which events a conversation had, in which order, of which shape, and how it ended."""

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from bot.judge.facts.difference import Difference
from bot.judge.facts.json_shape import compare_paths


def compare(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    """The differences of two conversations."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    old, new = _events(before), _events(after)
    for event in old:
        if event not in new:
            count = old[event].get("seen", 1)
            yield Difference(
                f"event {event}", "regressed", "major", f"seen {count} times", "not seen", "the event is lost"
            )
        else:
            for each in compare_paths(old[event].get("paths"), new[event].get("paths")):
                yield each._replace(place=f"event {event} {each.place}")
    for event in new:
        if event not in old:
            yield Difference(f"event {event}", "changed", "info", "not seen", "seen", "an addition")
    yield from _transitions(before, after, {*old}, {*new})
    yield from _close(before.get("close"), after.get("close"))
    for key in ("subprotocol", "extensions"):
        if before.get(key) != after.get(key):
            severity = "major" if key == "subprotocol" else "info"
            status = "regressed" if key == "subprotocol" else "changed"
            yield Difference(key, status, severity, str(before.get(key)), str(after.get(key)))  # type: ignore[arg-type]


def _events(fact: dict[str, Any]) -> dict[str, Any]:
    events = fact.get("events")
    return events if isinstance(events, dict) else {}


def _transitions(before: Any, after: Any, old: set[str], new: set[str]) -> Iterator[Difference]:
    """An order that is lost though both of its events are still there: too little, in one talk, to call broken."""
    were = {(a, b) for a, b, _ in before.get("transitions") or ()}
    are = {(a, b) for a, b, _ in after.get("transitions") or ()}
    kept = (old & new) | {"(start)", "(end)"}
    for first, second in sorted(were - are):
        if first in kept and second in kept and old <= new:
            place = f"order {first} then {second}"
            yield Difference(place, "changed", "minor", "seen", "not seen", "the order of events is another")


def _close(before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict) and before != after:
        old, new = (f"{each.get('code')} by the {each.get('by')}" for each in (before, after))
        if after.get("code") in (None, 1000, 1001) and before.get("code") not in (1000, 1001):
            yield Difference("close", "changed", "minor", old, new, "the socket is closed in another way")
        else:
            yield Difference("close", "regressed", "major", old, new, "the socket is closed in another way")
