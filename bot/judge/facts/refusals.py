"""`refusals`: which forged credentials were shown to a route. What became of each is a check of its own."""

from collections.abc import Iterator

from pydantic import JsonValue

from bot.judge.facts.difference import Difference, unreadable


def compare(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    """What is no longer tried, and what is tried now."""
    old, new = _tried(before), _tried(after)
    if old is None or new is None:
        yield unreadable("which credentials were forged")
        return
    left_out = after.get("left out") if isinstance(after, dict) else None
    for name in old:
        if name not in new:
            why = left_out.get(name) if isinstance(left_out, dict) else None
            yield Difference(name, "changed", "minor", "tried", "not tried", str(why or "it is no longer made"))
    for name in new:
        if name not in old:
            yield Difference(name, "changed", "info", "not tried", "tried", "an addition")


def _tried(value: JsonValue) -> list[str] | None:
    tried = value.get("tried") if isinstance(value, dict) else None
    return [str(each) for each in tried] if isinstance(tried, list) else None
