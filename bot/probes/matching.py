"""Comparing a value that a service gave with what the spec expects of it."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, JsonValue, WithJsonSchema

SHOWN = 200
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


class Match(NamedTuple):
    """Whether it held, and both sides in words."""

    ok: bool
    expected: str
    actual: str


def match(expected: JsonValue, found: Sequence[JsonValue]) -> Match:
    """Compare all values found at one place with what is expected there.

    `expected` is a value (equal, as JSON has it: 1 is 1.0, but not true), or a mapping of rules out of `RULES`.
    """
    rules = rules_of(expected)
    actual = shown(found[0]) if len(found) == 1 else "absent" if not found else f"{len(found)} values: {shown(found)}"
    if rules is None:
        return Match(len(found) == 1 and same(expected, found[0]), shown(expected), actual)
    words = " and ".join(_in_words(name, wanted) for name, wanted in rules.items())
    if "absent" in rules:
        return Match((not found) is rules["absent"], words, actual)
    if rules.get("present") is False:
        return Match(not found, words, actual)
    ok = bool(found) and all(RULES[name](wanted, value) for name, wanted in rules.items() for value in found)
    return Match(ok, words, actual)


def rules_of(expected: JsonValue) -> Mapping[str, JsonValue] | None:
    """The rules, when a mapping of nothing but rules is expected; otherwise it is a value to be equal to."""
    return expected if isinstance(expected, dict) and expected and set(expected) <= set(RULES) else None


def same(one: JsonValue, other: JsonValue) -> bool:
    """Equality as JSON has it."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def json_type(value: JsonValue) -> str:
    """The name of the value's type; 3.0 is a number, as it was written."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def shown(value: JsonValue | Sequence[JsonValue]) -> str:
    """A value as a reader sees it: JSON, strings bare, cut to `SHOWN` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _in_words(name: str, wanted: JsonValue) -> str:
    if name == "absent":
        return "absent" if wanted else "present"
    if name == "present":
        return "present" if wanted else "absent"
    if name == "one_of":
        return "one of " + ", ".join(map(shown, wanted if isinstance(wanted, list) else []))
    if name == "length" and isinstance(wanted, dict):
        return "length " + " and ".join(_in_words(each, bound) for each, bound in wanted.items())
    words = {"equals": "", "type": "of type ", "min": ">= ", "max": "<= ", "matches": "matching "}
    return words.get(name, f"{name} ") + shown(wanted)


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _at_least(wanted: JsonValue, value: JsonValue) -> bool:
    number, limit = _number(value), _number(wanted)
    return number is not None and limit is not None and number >= limit


def _at_most(wanted: JsonValue, value: JsonValue) -> bool:
    number, limit = _number(value), _number(wanted)
    return number is not None and limit is not None and number <= limit


def _of_type(wanted: JsonValue, value: JsonValue) -> bool:
    if isinstance(value, float) and value.is_integer() and wanted == "integer":
        return True
    return json_type(value) == wanted or (wanted == "number" and json_type(value) == "integer")


def _contains(wanted: JsonValue, value: JsonValue) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(same(wanted, each) for each in value)


def _matches(wanted: JsonValue, value: JsonValue) -> bool:
    return isinstance(value, str) and isinstance(wanted, str) and re.search(wanted, value) is not None


def _length(wanted: JsonValue, value: JsonValue) -> bool:
    if not isinstance(value, str | list | dict):
        return False
    if isinstance(wanted, dict):
        return all(RULES[name](bound, len(value)) for name, bound in wanted.items())
    return len(value) == wanted


def _one_of(wanted: JsonValue, value: JsonValue) -> bool:
    return isinstance(wanted, list) and any(same(each, value) for each in wanted)


RULES: Mapping[str, Callable[[JsonValue, JsonValue], bool]] = {
    "equals": same,
    "type": _of_type,
    "matches": _matches,
    "contains": _contains,
    "min": _at_least,
    "max": _at_most,
    "length": _length,
    "one_of": _one_of,
    "absent": lambda wanted, _value: wanted is False,
    "present": lambda wanted, _value: wanted is True,
}


def _checked(expected: JsonValue) -> JsonValue:
    for name, wanted in (rules_of(expected) or {}).items():
        if name == "type" and wanted not in TYPES:
            raise ValueError(f"type is one of {', '.join(TYPES)}")
        if name in {"min", "max"} and not ((number := _number(wanted)) is not None and math.isfinite(number)):
            raise ValueError(f"{name} is a number")
        if name == "length" and not _is_length(wanted):
            raise ValueError("length is a whole number, or {min: 1, max: 10}")
        if name == "one_of" and not (isinstance(wanted, list) and wanted):
            raise ValueError("one_of is a list of values")
        if name in {"absent", "present"} and not isinstance(wanted, bool):
            raise ValueError(f"{name} is true or false")
        if name == "matches":
            try:
                re.compile(str(wanted) if isinstance(wanted, str) else "(")
            except re.error as error:
                raise ValueError(f"matches is a regular expression: {error}") from None
    return expected


def _is_length(wanted: JsonValue) -> bool:
    bounds = [*wanted.values()] if isinstance(wanted, dict) and set(wanted) <= {"min", "max"} else [wanted]
    return bool(bounds) and all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in bounds)


Expected = Annotated[
    JsonValue,
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "description": "The value itself, or rules for it.",
            "anyOf": [
                {
                    "type": "object",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "properties": {
                        "equals": {"description": "Equal to this, as JSON has it."},
                        "type": {"enum": list(TYPES)},
                        "matches": {"type": "string", "description": "A regular expression found in the string."},
                        "contains": {"description": "Part of the string, or one of the array."},
                        "min": {"type": "number"},
                        "max": {"type": "number"},
                        "length": {
                            "description": "How many characters, items or keys: a number, or a range.",
                            "anyOf": [
                                {"type": "integer", "minimum": 0},
                                {
                                    "type": "object",
                                    "additionalProperties": False,
                                    "minProperties": 1,
                                    "properties": {
                                        "min": {"type": "integer", "minimum": 0},
                                        "max": {"type": "integer", "minimum": 0},
                                    },
                                },
                            ],
                        },
                        "one_of": {"type": "array", "minItems": 1, "description": "Equal to one of these."},
                        "absent": {"type": "boolean"},
                        "present": {"type": "boolean"},
                    },
                },
                {},
            ],
        }
    ),
]
"""A value, or a mapping of rules."""
