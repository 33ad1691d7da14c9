"""One HTTP request, as the spec writes it and as it is sent."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from pydantic import AfterValidator, Field, JsonValue, model_validator

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
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Request:
    """A request that is ready to be sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None


class Body(Settings):
    """The parts of a request that carry data."""

    data: JsonValue = Field(None, alias="json")
    """The body, sent as JSON; `{name}` in its strings is what an earlier step captured."""
    form: dict[str, Scalar] | None = None
    """The body, sent as a form."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers."""
    query: dict[str, Scalar] = Field(default_factory=dict)
    """Query parameters, added to the path."""

    @model_validator(mode="after")
    def _one_body(self) -> "Body":
        if "data" in self.model_fields_set and self.form is not None:
            raise ValueError("a request has one body: either `json` or `form`")
        return self

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
    if isinstance(value, bool):
        return "true" if value else "false"
    return fill(value, captured) if isinstance(value, str) else str(value)


def _unique(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What the spec says of a header comes before what we would have said ourselves."""
    seen: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        seen.setdefault(name.lower(), (name, value))
    return tuple(seen.values())
