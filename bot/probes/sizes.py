"""Sizes as a spec writes them (`64KB`, `1MB`), and as the code uses them: bytes."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

UNITS = {"B": 1, "KB": 1000, "MB": 1000**2, "KIB": 1024, "MIB": 1024**2}
LARGEST = 64 * 1024**2
"""The most that is ever held in memory of one answer."""
PATTERN = r"^\s*\d+(?:\.\d+)?\s*(?:B|KB|MB|KiB|MiB)\s*$"


def parse_size(text: object) -> int:
    """Bytes. A number without a unit is taken as bytes.

    Raises:
        ValueError: it is no size, or more than we would hold; the message says how one is written.

    >>> parse_size("1MB"), parse_size("64 KiB"), parse_size(10)
    (1000000, 65536, 10)
    """
    if isinstance(text, int) and not isinstance(text, bool):
        size = text
    elif isinstance(text, str) and re.match(PATTERN, text, re.ASCII | re.IGNORECASE):
        number, unit = re.findall(r"[\d.]+|[a-z]+", text, re.IGNORECASE)
        size = int(float(number) * UNITS[unit.upper()])
    else:
        raise ValueError(f"{text!r} is no size; write it as 500B, 64KB or 1MB")
    if not 0 < size <= LARGEST:
        raise ValueError(f"{text!r} is no size that can be kept: from 1B to {LARGEST // 1024**2}MiB")
    return size


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "integer", "exclusiveMinimum": 0}]}),
]
"""Bytes, written in the spec as `64KB`, `1MB`."""
