"""What a request carries when it is neither JSON nor a form: raw bytes, or a form in several parts with files."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue, ValidatorFunctionWrapHandler, WrapValidator

from bot.probes.probe import Settings
from bot.probes.templates import fill

Scalar = str | int | float | bool


def _checked_base64(text: str) -> str:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is not base64") from None
    return text


class Base64(Settings):
    """Bytes that are no text."""

    base64: Annotated[str, AfterValidator(_checked_base64)]
    """The bytes, in base64."""


def _raw(data: object, _handler: ValidatorFunctionWrapHandler) -> str | Base64:
    if isinstance(data, str | Base64):
        return data
    if isinstance(data, dict):
        return Base64.model_validate(data)
    raise ValueError("write text, or {base64: …} for bytes that are none")


Raw = Annotated[str | Base64, WrapValidator(_raw)]
"""Text, or bytes in base64."""


class FilePart(Settings):
    """A file in a form of several parts."""

    file: str = Field(min_length=1)
    """The file's name."""
    content: Raw = ""
    """What is in it: text, or `{base64: …}`."""
    type: str = Field("application/octet-stream", pattern=r"^[\w.+-]+/[\w.+-]+(\s*;.*)?$")
    """Its media type."""


def _part(data: object, _handler: ValidatorFunctionWrapHandler) -> Scalar | FilePart:
    if isinstance(data, str | int | float | bool | FilePart):
        return data
    if isinstance(data, dict):
        return FilePart.model_validate(data)
    raise ValueError("a field is a text, or a file as {file: name.txt, content: …}")


Part = Annotated[Scalar | FilePart, WrapValidator(_part)]
"""A field's text, or a file."""


def raw_bytes(raw: str | Base64, captured: Mapping[str, JsonValue]) -> bytes:
    """The bytes that are sent."""
    if isinstance(raw, Base64):
        return base64.b64decode(raw.base64)
    return fill(raw, captured).encode("utf-8", "surrogatepass")


def raw_strings(raw: str | Base64 | None) -> list[JsonValue]:
    """The strings in which names in braces are filled in."""
    return [raw] if isinstance(raw, str) else []


def part_strings(parts: Mapping[str, Scalar | FilePart]) -> list[JsonValue]:
    """The same of all parts."""
    found: list[JsonValue] = []
    for part in parts.values():
        found += [part.file, *raw_strings(part.content)] if isinstance(part, FilePart) else [scalar_text(part)]
    return found


def multipart(parts: Mapping[str, Scalar | FilePart], captured: Mapping[str, JsonValue]) -> tuple[bytes, str]:
    """The body, and its media type with the boundary (RFC 7578)."""
    import httpx

    files: list[tuple[str, Any]] = []
    seal = hashlib.sha256()
    for name, part in parts.items():
        if isinstance(part, FilePart):
            data = raw_bytes(part.content, captured)
            files.append((name, (fill(part.file, captured), data, part.type)))
        else:
            data = fill(scalar_text(part), captured).encode("utf-8", "surrogatepass")
            files.append((name, (None, data)))
        seal.update(data)
    # the same parts have the same boundary, which nothing that they hold can be
    media_type = f"multipart/form-data; boundary={seal.hexdigest()[:32]}"
    request = httpx.Request("POST", "http://multipart", files=files, headers={"content-type": media_type})
    return request.read(), media_type


def scalar_text(value: Scalar) -> str:
    """A plain value as a form sends it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
