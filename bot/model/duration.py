"""Durations as a spec writes them (`250ms`, `10s`, `5m`, `1h30m`), and as the code uses them: seconds."""

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"\d+(?:\.\d+)?\s*(?:ms|s|m|h)"
PATTERN = rf"^\s*(?:{_PART}\s*)+$"


def parse_duration(text: object) -> float:
    """Seconds. A number without a unit is taken as seconds.

    Raises:
        ValueError: it is no duration, or not more than nothing; the message says how one is written.

    >>> parse_duration("250ms"), parse_duration("10s"), parse_duration("1m30s"), parse_duration(2)
    (0.25, 10.0, 90.0, 2.0)
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        seconds = float(text)
    elif isinstance(text, str) and re.match(PATTERN, text, re.ASCII):
        seconds = math.fsum(float(number) * UNITS[unit] for number, unit in _parts(text))
    else:
        raise ValueError(f"{text!r} is no duration; write it as 250ms, 10s, 5m or 1h30m")
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{text!r} is no duration that something can take; write it as 250ms, 10s, 5m or 1h30m")
    return seconds


def _parts(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)", text, re.ASCII)


def format_duration(seconds: float) -> str:
    """The shortest way to write it, as a reader says it.

    >>> format_duration(0.25), format_duration(10.0), format_duration(90.0), format_duration(300)
    ('250 ms', '10 s', '90 s', '5 min')
    """
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "number", "exclusiveMinimum": 0}]},
        mode="validation",
    ),
]
"""Seconds, written in the spec as `10s`, `250ms`, `5m`."""
