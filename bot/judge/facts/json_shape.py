"""`json-shape`: which paths an answer has, and of what type. Less than before is a regression, more is compatible."""

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from bot.judge.facts.difference import Difference


def compare(before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    """The differences of two answers."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    for key, severity in (("status", "minor"), ("media_type", "major")):
        old, new = before.get(key), after.get(key)
        if old != new:
            status = "changed" if key == "status" else "regressed"
            yield Difference(key, status, severity, str(old), str(new))  # type: ignore[arg-type]
    yield from compare_paths(before.get("paths"), after.get("paths"))


def compare_paths(before: Any, after: Any) -> Iterator[Difference]:
    """The differences of two maps of paths, as `{path: {types, seen, of, objects}}`."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    lost: list[str] = []
    for path, old in before.items():
        new = after.get(path)
        if new is not None:
            yield from _types(path, old, new)
        elif _could_have(path, after) and not any(_inside(path, each) for each in lost):
            lost.append(path)
            always = old["seen"] == old["of"]
            counts = f"in {old['seen']} of {old['of']}"
            if always:
                yield Difference(path, "regressed", "major", _shown(old), "gone", f"it was there {counts}, and is gone")
            else:
                yield Difference(path, "changed", "minor", _shown(old), "not seen", f"it was there {counts} before")
    for path, new in after.items():
        if path not in before and not any(_inside(path, each) for each in after if each not in before and each != path):
            yield Difference(path, "changed", "info", "not there", _shown(new), "an addition")


def _types(path: str, old: Any, new: Any) -> Iterator[Difference]:
    fresh = {*new["types"]} - {*old["types"]}
    if "number" in old["types"]:
        fresh -= {"integer"}
    if not fresh:
        if old["seen"] == old["of"] >= 5 and new["seen"] < new["of"]:
            reason = f"it was always there, and is in {new['seen']} of {new['of']} now"
            yield Difference(path, "regressed", "major", "always there", "sometimes", reason)
        return
    if {*old["types"]} == {"null"}:
        yield Difference(path, "changed", "info", _shown(old), _shown(new), "it was only ever null")
    else:
        yield Difference(
            path,
            "regressed",
            "major",
            _shown(old),
            _shown(new),
            f"a type that it did not have: {', '.join(sorted(fresh))}",
        )


def _could_have(path: str, after: dict[str, Any]) -> bool:
    """Whether any object was seen that could have had this path: an empty list says nothing of its items."""
    parent = _parent(path)
    return parent in after and after[parent].get("objects", 0) > 0 and not path.endswith(("[]", ".*"))


def _parent(path: str) -> str:
    if path.endswith("']"):
        return path[: path.rindex("['")]
    if path.endswith("[]"):
        return path[:-2]
    return path[: path.rindex(".")] if "." in path else ""


def _inside(path: str, other: str) -> bool:
    return path.startswith((f"{other}.", f"{other}["))


def _shown(entry: Any) -> str:
    return " or ".join(str(each) for each in entry["types"])
