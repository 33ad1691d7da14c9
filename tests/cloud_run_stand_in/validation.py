"""Hold every request and response to Google's own description of its APIs (`discovery/google.json`)."""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.schemas import remembering

EXTRACT = Path(__file__).parent / "discovery" / "google.json"
VALIDATOR = remembering()
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
STATUSES |= {409: "ABORTED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


class Violation(Exception):
    """Something is not as Google's description has it."""


@dataclass(frozen=True)
class Described:
    """One method as Google describes it."""

    id: str
    method: str
    pattern: re.Pattern[str]
    source: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request that fits the description."""

    operation: Described
    path: dict[str, str]
    query: dict[str, str]
    body: Any


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(EXTRACT.read_text())
    return document


@functools.cache
def _operations() -> list[Described]:
    made = []
    for each in _document()["operations"]:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(each["template"]))
        made.append(Described(each["id"], each["method"], re.compile(pattern), each))
    return made


@functools.cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(_document()["$id"], DRAFT202012.create_resource(_document()))


def _hold(what: str, value: Any, schema: dict[str, Any]) -> None:
    errors = list(VALIDATOR(schema, registry=_registry()).iter_errors(value))
    if errors:
        error = best_match(errors)
        where = "/".join(map(str, error.absolute_path)) or "the top"
        raise Violation(f"{what}: at {where}: {error.message[:400]}")


def _no_output(what: str, value: Any, schema: dict[str, Any]) -> None:
    """A request says nothing about what is Google's alone to say."""
    if "$ref" in schema:
        schema = _document()["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        for each in value:
            _no_output(what, each, schema.get("items", {}))
    elif isinstance(value, dict):
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties") or {})
            if isinstance(inner, dict):
                if inner.get("readOnly"):
                    raise Violation(f"{what}: {name} is output only")
                _no_output(what, each, inner)


def read(method: str, target: str, body: bytes) -> Call:
    """A request, held to the description.

    Raises:
        Violation: it does not fit, or the stand-in was not taught it (`discovery/extract.py`).
    """
    path, _, text = target.partition("?")
    for each in _operations():
        found = each.pattern.fullmatch(path)
        if found and each.method == method:
            break
    else:
        raise Violation(f"{method} {path} is not a method that the stand-in knows")
    query = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
    for name, value in query.items():
        if name not in each.source["query"]:
            raise Violation(f"{each.id}: the parameter {name!r} is not described")
        schema = each.source["query"][name]
        typed: Any = value
        if schema.get("type") == "integer":
            typed = int(value)
        elif schema.get("type") == "boolean":
            typed = {"true": True, "false": False}.get(value, value)
        _hold(f"{each.id}: parameter {name!r}", typed, schema)
    return Call(each, {name: unquote(value) for name, value in found.groupdict().items()}, query, _body(each, body))


def _body(described: Described, body: bytes) -> Any:
    schema = described.source["request"]
    if schema is None:
        if body.strip():
            raise Violation(f"{described.id} takes no body")
        return None
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Violation(f"{described.id}: the body is not JSON: {error}") from None
    _hold(f"{described.id}: body", value, schema)
    _no_output(f"{described.id}: body", value, schema)
    return value


def check_answer(described: Described, status: int, body: Any) -> None:
    """Hold a response to the description; an error has the form that all of Google's APIs give it (AIP-193).

    Raises:
        Violation: it does not fit.
    """
    if status < 400:
        _hold(f"{described.id}: answer", body, described.source["response"])
        return
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or error.get("code") != status or not {"message", "status"} <= set(error):
        raise Violation(f"{described.id}: an error {status} has another form: {body!r}")
