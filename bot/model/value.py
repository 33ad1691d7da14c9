"""The base of every plain value, the one way to write it as JSON, and its digest."""

import hashlib
import json
import math
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from bot.model.errors import FormatError


class Value(BaseModel):
    """A plain, immutable value that knows its JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    absent_when_empty: ClassVar[frozenset[str]] = frozenset()
    """Fields that came later than the format: empty, they are left out, so that what has none keeps its bytes."""

    @model_serializer(mode="wrap")
    def _leave_absent_fields_out(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # not exclude_none: that would also drop the nulls inside a fact's own JSON
        return {
            key: value
            for key, value in serialise(self).items()
            if value is not None and (value or key not in self.absent_when_empty)
        }

    def to_json(self) -> bytes:
        """The canonical bytes: sorted keys, no spaces, UTF-8, no NaN, absent optionals left out, one newline."""
        return canonical(self.model_dump(mode="json", by_alias=True))

    def fingerprint(self) -> str:
        """`sha256:…` of the canonical bytes."""
        return digest(self.to_json())

    @classmethod
    def from_json(cls, text: bytes | str, name: str = "input") -> Self:
        """Read the JSON form.

        Raises:
            FormatError: it is not JSON, holds a NaN or an infinity, or does not have this shape. The message
                names `name` and the first place that is wrong.
        """
        data = strict_json(text, name)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the top level"
            raise FormatError(f"{name}: not a {cls.__name__.lower()}: at {place}: {first['msg']}") from None


def canonical(data: Any) -> bytes:
    """The one JSON form of plain data: what is digested and compared byte by byte."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def digest(data: bytes) -> str:
    """`sha256:` and the hexadecimal SHA-256 of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def strict_json(text: bytes | str, name: str = "input") -> Any:
    """JSON as RFC 8259 has it: Python's NaN and Infinity are refused.

    Raises:
        FormatError: with `name`, line and column.
    """

    def refuse(word: str) -> Any:
        raise FormatError(f"{name}: {word} is not a JSON number")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # a ValueError of its own: an integer of 5,000 digits
        where = f":{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise FormatError(f"{name}{where}: not JSON: {error}") from None


def finite(number: float | None) -> float | None:
    """The number, or None where it is none: a NaN or an infinity is not a measurement."""
    return number if number is not None and math.isfinite(number) else None


def six(number: float) -> float:
    """Round to six significant digits, as every number in a verdict is.

    >>> six(0.12345678), six(123456789.0)
    (0.123457, 123457000.0)
    """
    if number == 0 or not math.isfinite(number):
        return number
    return float(f"{number:.6g}")
