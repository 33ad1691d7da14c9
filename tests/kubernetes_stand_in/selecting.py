"""Label and field selectors, as a list is asked for."""

import re
from typing import Any

from tests.kubernetes_stand_in.store import Object

_TERM = re.compile(r"\s*(?:(!?[\w./-]+)\s*(?:(=|==|!=)\s*([\w.-]*)|\s(in|notin)\s*\(([^)]*)\))?)\s*(?:,|$)")


def labelled(things: list[Object], text: str) -> list[Object]:
    """Those whose labels fit."""
    terms = []
    place = 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            raise ValueError(f"unable to parse requirement: {text}")
        terms.append(found.groups())
        place = found.end()
    return [each for each in things if all(_fits(each["metadata"].get("labels") or {}, term) for term in terms)]


def _fits(labels: dict[str, str], term: tuple[str | None, ...]) -> bool:
    key, sign, value, word, values = term
    assert key is not None
    if sign in ("=", "=="):
        return labels.get(key) == value
    if sign == "!=":
        return labels.get(key) != value
    if word is not None and values is not None:
        among = labels.get(key) in {each.strip() for each in values.split(",")}
        return among if word == "in" else not among
    return key.removeprefix("!") not in labels if key.startswith("!") else key in labels


def fielded(things: list[Object], text: str) -> list[Object]:
    """Those whose fields fit."""
    found = things
    for term in filter(None, text.split(",")):
        path, sign, value = re.fullmatch(r"([\w.]+)(!=|==|=)(.*)", term).groups()  # type: ignore[union-attr]
        found = [each for each in found if (str(_at(each, path)) == value) == (sign != "!=")]
    return found


def _at(thing: Any, path: str) -> Any:
    for part in path.split("."):
        thing = thing.get(part, "") if isinstance(thing, dict) else ""
    return thing
