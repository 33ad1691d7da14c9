"""`json-shape`: which paths an answer has, and of what type. Less than before is a regression, more is compatible."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from bot.judge.facts.difference import Difference, cut, unreadable

ALWAYS = 5
"""Times that a key was there, without exception, before its being there only sometimes is a regression."""


class Path(NamedTuple):
    """What was seen at one path: `seen` times, of `of` objects that could have had it, `objects` of them objects."""

    types: frozenset[str]
    seen: int
    of: int
    objects: int

    def __str__(self) -> str:
        return " or ".join(sorted(self.types))


def compare(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    """The differences of two answers."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield unreadable("the shape of the answer")
        return
    if before.get("status") != after.get("status"):
        yield Difference("status", "changed", "minor", str(before.get("status")), str(after.get("status")))
    if before.get("media_type") != after.get("media_type"):
        old, new = str(before.get("media_type")), str(after.get("media_type"))
        yield Difference(
            "media type", "regressed", "major", old, new, "a client that reads the one cannot read the other"
        )
    if "paths" in before and "paths" not in after:
        yield Difference("$", "regressed", "major", "JSON", "no JSON", "the answer is no JSON any more")
    elif "paths" in before:
        yield from compare_paths(before["paths"], after["paths"], is_cut=_is_cut(before, after))


def compare_paths(before: JsonValue, after: JsonValue, *, is_cut: bool = False) -> Iterator[Difference]:
    """The differences of two maps of paths, as `{path: {types, seen, of, objects}}`."""
    old, new = _read(before), _read(after)
    if old is None or new is None:
        yield unreadable("the shape")
        return
    lost: list[str] = []
    for path, was in old.items():
        now = new.get(path) or new.get(_as_map(path))
        if now is not None:
            yield from _types(path, was, now)
        elif _could_have(path, new) and not any(_inside(path, each) for each in lost):
            lost.append(path)
            counts = f"it was there in {was.seen} of {was.of}"
            if was.seen == was.of:
                yield Difference(path, "regressed", "major", str(was), "gone", f"{counts}, and is gone")
            else:
                yield Difference(path, "changed", "minor", str(was), "not seen", f"{counts} before")
    places = {*old, *map(_as_map, old)}  # a map was there where any of its keys was
    fresh = {path for path in new.keys() - old.keys() if path not in places and _as_map(path) not in old}
    for path in sorted(fresh):
        if not any(_inside(path, each) for each in fresh):
            yield Difference(path, "changed", "info", "not there", str(new[path]), "an addition")
    if is_cut:
        yield cut()


def _is_cut(*shapes: Mapping[str, JsonValue]) -> bool:
    return any(each.get("cut") is True for each in shapes)


def _read(paths: JsonValue) -> dict[str, Path] | None:
    if not isinstance(paths, dict):
        return None
    found: dict[str, Path] = {}
    for path, entry in paths.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("types"), list):
            return None
        seen = _count(entry.get("seen"), 1)
        types = entry["types"]
        assert isinstance(types, list)
        found[path] = Path(
            types=frozenset(str(each) for each in types),
            seen=seen,
            of=_count(entry.get("of"), seen),
            objects=_count(entry.get("objects"), 1 if "object" in types else 0),
        )
    return found


def _count(number: JsonValue, otherwise: int) -> int:
    return number if isinstance(number, int) and not isinstance(number, bool) else otherwise


def _types(path: str, old: Path, new: Path) -> Iterator[Difference]:
    fresh = new.types - old.types
    if "number" in old.types:
        fresh -= {"integer"}
    if not fresh:
        if old.seen == old.of >= ALWAYS and new.seen < new.of:
            reason = f"it was always there, and is in {new.seen} of {new.of} now"
            yield Difference(path, "regressed", "major", "always there", "sometimes", reason)
    elif old.types == {"null"}:
        yield Difference(path, "changed", "info", str(old), str(new), "it was only ever null")
    else:
        reason = f"a type that it did not have: {', '.join(sorted(fresh))}"
        yield Difference(path, "regressed", "major", str(old), str(new), reason)


def _could_have(path: str, after: Mapping[str, Path]) -> bool:
    """Whether any object was seen that could have had this path: an empty list says nothing of its items."""
    parent = after.get(_parent(path))
    return parent is not None and parent.objects > 0 and not path.endswith(("[]", ".*"))


def _as_map(path: str) -> str:
    """The same place, where its object is taken for a map keyed by data."""
    return f"{_parent(path)}.*"


def _parent(path: str) -> str:
    if path.endswith("']") and "['" in path:
        return path[: path.rindex("['")]
    if path.endswith("[]"):
        return path[:-2]
    return path[: path.rindex(".")] if "." in path else ""


def _inside(path: str, other: str) -> bool:
    return path != other and path.startswith((f"{other}.", f"{other}["))
