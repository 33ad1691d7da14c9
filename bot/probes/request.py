"""One HTTP request, as the spec writes it and as it is sent."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from pydantic import AfterValidator, Field, JsonValue, model_validator

from bot.probes.content import Part, Raw, Scalar, multipart, part_strings, raw_bytes, raw_strings, scalar_text
from bot.probes.probe import Settings
from bot.probes.templates import fill, fill_all, fill_target

_LINE = r"^[A-Z]{3,16} /\S*$"
_SAFE = "%/:=&?~#+!$,;'@()*[]"


def _checked_line(text: str) -> str:
    if not re.fullmatch(_LINE[1:-1], text):
        raise ValueError(f"{text!r} is no request; write a method and a path, as GET /health")
    return text


def _checked_path(text: str) -> str:
    if not re.fullmatch(r"/\S*", text):
        raise ValueError(f"{text!r} is no path; write it as /ws")
    return text


RequestLine = Annotated[str, AfterValidator(_checked_line), Field(json_schema_extra={"pattern": _LINE})]
"""A method and a path, as `GET /health`."""
Target = Annotated[str, AfterValidator(_checked_path), Field(json_schema_extra={"pattern": r"^/\S*$"})]
"""The path of a URL, with its query."""


@dataclass(frozen=True)
class Request:
    """A request that is ready to be sent, and the most bytes that are read of its answer."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None
    limit: int | None = None
    http2: bool = False


class Body(Settings):
    """The parts of a request that carry data."""

    data: JsonValue = Field(None, alias="json")
    """The body, sent as JSON; `{name}` in its strings is what an earlier step captured."""
    form: dict[str, Scalar] | None = None
    """The body, sent as a form."""
    multipart: dict[str, Part] | None = None
    """The body, sent as a form of several parts: a text by field, or a file as `{file: a.txt, content: hello}`."""
    body: Raw | None = None
    """The body as it is: text, or `{base64: …}` for bytes that are none."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers."""
    query: dict[str, Scalar] = Field(default_factory=dict)
    """Query parameters, added to the path."""

    @model_validator(mode="after")
    def _one_body(self) -> "Body":
        bodies = [self.form, self.multipart, self.body, True if "data" in self.model_fields_set else None]
        if sum(each is not None for each in bodies) > 1:
            raise ValueError("a request has one body: one of `json`, `form`, `multipart` and `body`")
        return self

    def strings(self) -> list[JsonValue]:
        """All of it in which names in braces are filled in."""
        parts: list[JsonValue] = [self.data, [*self.headers.values()], [scalar_text(v) for v in self.query.values()]]
        parts += [scalar_text(value) for value in (self.form or {}).values()]
        return [*parts, *part_strings(self.multipart or {}), *raw_strings(self.body)]

    def request(
        self, line: str, base: str, captured: Mapping[str, JsonValue], more: tuple[tuple[str, str], ...] = ()
    ) -> Request:
        """The request with everything filled in; `more` are headers that come from elsewhere."""
        method, target = line.split(" ", 1)
        headers = [(name, one_line(fill(value, captured))) for name, value in self.headers.items()]
        content: bytes | None = None
        if "data" in self.model_fields_set:
            content = json.dumps(fill_all(self.data, captured), separators=(",", ":")).encode()
            headers.append(("content-type", "application/json"))
        elif self.form is not None:
            content = urlencode({name: _text(value, captured) for name, value in self.form.items()}).encode()
            headers.append(("content-type", "application/x-www-form-urlencoded"))
        elif self.multipart is not None:
            content, media_type = multipart(self.multipart, captured)
            headers.insert(0, ("content-type", media_type))  # with its boundary, which nobody else can know
        elif self.body is not None:
            content = raw_bytes(self.body, captured)
            text = isinstance(self.body, str)
            headers.append(("content-type", "text/plain; charset=utf-8" if text else "application/octet-stream"))
        return Request(method, self.url(base, target, captured), (*_unique(headers), *more), content)

    def url(self, base: str, target: str, captured: Mapping[str, JsonValue]) -> str:
        """The whole URL."""
        url = base.rstrip("/") + quote(fill_target(target, captured), safe=_SAFE)
        if self.query:
            parameters = urlencode({name: _text(value, captured) for name, value in self.query.items()})
            url += ("&" if "?" in url else "?") + parameters
        return url


def one_line(value: str) -> str:
    """A header's value: line breaks, which would start another header, become spaces."""
    return re.sub(r"[\r\n\0]+", " ", value)


def _text(value: Scalar, captured: Mapping[str, JsonValue]) -> str:
    return fill(value, captured) if isinstance(value, str) else scalar_text(value)


def _unique(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What the spec says of a header comes before what we would have said ourselves."""
    seen: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        seen.setdefault(name.lower(), (name, value))
    return tuple(seen.values())
