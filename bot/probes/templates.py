"""`{name}` in the strings of a step: what an earlier step captured.

Only names that were captured are filled in: any other brace is itself, because the value of an environment variable, a
password for one, may hold any.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import quote

from pydantic import JsonValue

UNIQUE = "unique"
"""A name that always has a value: fresh each time that the probe is run, and always of the same length."""
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_HOLE = re.compile(rf"\{{\{{(?P<literal>{_NAME})\}}\}}|(?<!\$)\{{(?P<name>{_NAME})\}}")


def names(value: JsonValue) -> frozenset[str]:
    """Every name that the strings of a value ask for."""
    return frozenset(match["name"] for text in _strings(value) for match in _HOLE.finditer(text) if match["name"])


def misspelt(wanted: Collection[str], known: Collection[str]) -> tuple[str, str] | None:
    """A wanted name that is none, but so near to one that it was meant; and that one."""
    for name in sorted(set(wanted) - set(known)):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        if near:
            return name, near[0]
    return None


def fill(text: str, captured: Mapping[str, JsonValue]) -> str:
    """The text with its holes filled; `{{name}}` is the literal `{name}`.

    >>> fill("a {name} {{name}} {other}", {"name": 7})
    'a 7 {name} {other}'
    """
    return _HOLE.sub(lambda match: _filled(match, captured, safe=None), text)


def fill_target(target: str, captured: Mapping[str, JsonValue]) -> str:
    """The same for the path of a URL: a value is one piece of it, whatever characters it has."""
    return _HOLE.sub(lambda match: _filled(match, captured, safe=""), target)


def fill_all(value: JsonValue, captured: Mapping[str, JsonValue]) -> JsonValue:
    """The same for every string of a value; a string that is one hole only becomes the value with its own type.

    >>> fill_all({"id": "{id}", "text": "no. {id}"}, {"id": 7})
    {'id': 7, 'text': 'no. 7'}
    """
    if isinstance(value, dict):
        return {fill(key, captured): fill_all(each, captured) for key, each in value.items()}
    if isinstance(value, list):
        return [fill_all(each, captured) for each in value]
    if not isinstance(value, str):
        return value
    whole = _HOLE.fullmatch(value)
    return captured[whole["name"]] if whole and whole["name"] in captured else fill(value, captured)


def _filled(match: re.Match[str], captured: Mapping[str, JsonValue], *, safe: str | None) -> str:
    if (match["literal"] or match["name"]) not in captured:
        return match[0]
    if match["literal"]:
        return match[0][1:-1]
    text = _as_text(captured[match["name"]])
    return text if safe is None else quote(text, safe=safe, errors="backslashreplace")


def _as_text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
