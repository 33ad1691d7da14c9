"""`protocol`: which events a conversation had, in which order, of which shape, and how it ended."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from bot.judge.facts.difference import Difference, cut, unreadable
from bot.judge.facts.json_shape import compare_paths

ENDS = {"(start)", "(end)"}
GOOD_CODES = (None, 1000, 1001)
"""A close that says that all is well: RFC 6455, section 7.4.1."""
ANOTHER_WAY = "the socket is closed in another way"


def compare(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    """The differences of two conversations."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield unreadable("the conversation")
        return
    old, new = before.get("events"), after.get("events")
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield unreadable("the list of events")
        return
    yield from _events(old, new)
    yield from _transitions(
        before.get("transitions"), after.get("transitions"), {*old}, {*new}, by_pattern="pattern" in after
    )
    yield from _close(before.get("close"), after.get("close"))
    yield from _closes(before.get("closes"), after.get("closes"))
    if before.get("subprotocol") != after.get("subprotocol"):
        yield Difference(
            "subprotocol", "regressed", "major", str(before.get("subprotocol")), str(after.get("subprotocol"))
        )
    if before.get("extensions") != after.get("extensions"):
        yield Difference("extensions", "changed", "info", str(before.get("extensions")), str(after.get("extensions")))


def _events(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]) -> Iterator[Difference]:
    for event, was in old.items():
        now = new.get(event)
        if event not in new:
            seen = was.get("seen", 1) if isinstance(was, dict) else 1
            times = "once" if seen == 1 else f"{seen} times"
            yield Difference(f"event {event}", "regressed", "major", f"seen {times}", "not seen", "the event is lost")
        elif not isinstance(was, dict) or not isinstance(now, dict):
            yield unreadable(f"the event {event}")
        else:
            if "paths" in was:
                for each in compare_paths(was["paths"], now.get("paths")):
                    yield each._replace(place=f"event {event} {each.place}".strip())
            if was.get("cut") is True or now.get("cut") is True:
                yield cut()._replace(place=f"event {event} {cut().place}")
    for event in new:
        if event not in old:
            yield Difference(f"event {event}", "changed", "info", "not seen", "seen", "an addition")


def _transitions(
    before: JsonValue, after: JsonValue, old: set[str], new: set[str], *, by_pattern: bool
) -> Iterator[Difference]:
    """An order that is lost though both of its events are still there.

    Where the spec has a pattern, the order is held by that: another one that it allows is compatible.
    """
    were, are = _read(before), _read(after)
    if were is None or are is None:
        yield unreadable("the order of events")
        return
    kept = (old & new) | ENDS
    for first, second in sorted(were - are):
        if first in kept and second in kept and old <= new:
            place = f"order {first} then {second}"
            if by_pattern:
                reason = "the order of events is another, which the pattern allows"
                yield Difference(place, "changed", "minor", "seen", "not seen", reason)
            else:
                yield Difference(place, "regressed", "major", "seen", "not seen", "the order of events is another")


def _read(transitions: JsonValue) -> set[tuple[str, str]] | None:
    if not isinstance(transitions, list):
        return None if transitions is not None else set()
    found: set[tuple[str, str]] = set()
    for each in transitions:
        if not isinstance(each, list) or len(each) < 2:
            return None
        found.add((str(each[0]), str(each[1])))
    return found


def _close(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    if before == after:
        return
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield Difference("close", "regressed", "major", _how(before), _how(after), ANOTHER_WAY)
    elif (after.get("code"), after.get("by")) == (before.get("code"), before.get("by")):
        return  # reasons are for people, and may hold ids
    elif after.get("code") == before.get("code") or _mended(before.get("code"), after.get("code")):
        yield Difference("close", "changed", "minor", _how(before), _how(after), ANOTHER_WAY)
    else:
        yield Difference("close", "regressed", "major", _how(before), _how(after), ANOTHER_WAY)


def _mended(before: JsonValue, after: JsonValue) -> bool:
    return after in GOOD_CODES and before not in (1000, 1001)


def _how(close: JsonValue) -> str:
    if not isinstance(close, dict):
        return "not known"
    words = f"{close.get('code')} by {'' if close.get('by') == 'nobody' else 'the '}{close.get('by')}"
    return f"{words}: {close['reason']}" if close.get("reason") else words


def _closes(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    """How the sockets of a step ended, where it had several; the last one's end is compared by itself."""
    old, new = ({} if each is None else each for each in (before, after))
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield unreadable("the way in which sockets were closed")
        return
    if len(old) < 2 and len(new) < 2:
        return
    for end in sorted(new.keys() - old.keys()):
        code = end.split(" ")[0]
        if code not in {"1000", "1001"}:
            seen = _times(new[end])
            yield Difference(f"closed with {end}", "regressed", "major", "not seen", seen, "a new way of ending")
    for end in sorted(old.keys() - new.keys()):
        yield Difference(f"closed with {end}", "changed", "info", _times(old[end]), "not seen")


def compare_closes(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    """The same over all sockets of a journey: for information, because each step's are judged by themselves."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield unreadable("the way in which sockets were closed")
        return
    for end in sorted(before.keys() | after.keys()):
        if before.get(end) != after.get(end):
            yield Difference(f"closed with {end}", "changed", "info", _times(before.get(end)), _times(after.get(end)))


def _times(number: JsonValue) -> str:
    return "never" if number is None else "once" if number == 1 else f"{number} times"
