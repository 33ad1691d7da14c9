"""`{name}` in the strings of a step: what an earlier step captured."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from pydantic import JsonValue

from bot.probes.probe import Unmeasurable

UNIQUE = "unique"
"""A name that always has a value: fresh each time that the probe is run, and always of the same length."""
_HOLE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def names(value: JsonValue) -> frozenset[str]:
    """Every name that the strings of a value ask for."""
    return frozenset(match[1] for text in _strings(value) for match in _HOLE.finditer(text) if match[1])


def fill(text: str, captured: Mapping[str, JsonValue]) -> str:
    """The text with its holes filled. `{{` and `}}` are the braces themselves.

    >>> fill("a {name} {{name}}", {"name": 7})
    'a 7 {name}'
    """
    return _HOLE.sub(lambda match: _as_text(_value(match[1], captured)) if match[1] else match[0][0], text)


def fill_target(target: str, captured: Mapping[str, JsonValue]) -> str:
    """The same for the path of a URL: a value is one piece of it, whatever characters it has."""
    return _HOLE.sub(
        lambda match: quote(_as_text(_value(match[1], captured)), safe="") if match[1] else match[0][0], target
    )


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
    return _value(whole[1], captured) if whole and whole[1] else fill(value, captured)


def _value(name: str, captured: Mapping[str, JsonValue]) -> JsonValue:
    if name not in captured:
        raise Unmeasurable(f"nothing was captured as {{{name}}}", f"capture {name} in an earlier step")
    return captured[name]


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
