"""Hold every request and response to GitHub's own description of its API (`openapi/github.json`)."""

import functools
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.schemas import remembering

EXTRACT = Path(__file__).parent / "openapi" / "github.json"
FORMATS = FormatChecker(formats=())
VALIDATOR = remembering()
LIMITS = {"maxLength", "maxItems"}
"""What GitHub itself answers with 422; all else that does not fit is a fault of the caller's code."""


class Violation(Exception):
    """Something is not as GitHub's description has it."""


class TooMuch(Exception):
    """A documented limit on a length is not kept; all else in `call` fits."""

    call: "Call"


@FORMATS.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def _uri(value: object) -> bool:
    return not isinstance(value, str) or value == "" or bool(urlsplit(value).scheme and urlsplit(value).netloc)


@dataclass(frozen=True)
class Described:
    """One operation as GitHub describes it."""

    index: int
    id: str
    method: str
    pattern: re.Pattern[str]
    source: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request that fits the description."""

    operation: Described
    path: dict[str, Any]
    query: dict[str, Any]
    body: dict[str, Any]


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(EXTRACT.read_text())
    return document


@functools.cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(_document()["$id"], DRAFT202012.create_resource(_document()))


@functools.cache
def _operations() -> list[Described]:
    made = []
    for index, source in enumerate(_document()["operations"]):
        # the path of a file may contain slashes; so may a reference
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(source["template"]))
        pattern = re.sub(r"\(\?P<(path|ref|basehead)>\[\^/\]\+\)", r"(?P<\1>.+)", pattern)
        made.append(Described(index, source["id"], source["method"], re.compile(pattern), source))

    # the longer before the shorter (/commits/{ref}/status), a literal before a placeholder (/issues/comments/{id})
    def order(each: Described) -> tuple[int, str]:
        template = each.source["template"]
        return -template.count("/"), template.replace("{", "~")

    return sorted(made, key=order)


@functools.cache
def _validator(place: str) -> Draft202012Validator:
    schema: Any = _document()
    for step in json.loads(place):
        schema = schema[step]
    return VALIDATOR(schema, registry=_registry(), format_checker=FORMATS)


def _faults(value: Any, *place: str | int) -> list[ValidationError]:
    return list(_validator(json.dumps(place)).iter_errors(value))


def _say(what: str, errors: list[ValidationError]) -> str:
    error = best_match(errors)
    where = "/".join(map(str, error.absolute_path)) or "the top"
    return f"{what}: at {where}: {error.message[:400]}"


def find(method: str, path: str) -> Described:
    """The operation that a request is one of.

    Raises:
        Violation: GitHub describes none, or the stand-in was not taught it (`openapi/extract.py`).
    """
    matches = [each for each in _operations() if each.pattern.fullmatch(path)]
    for each in matches:
        if each.method == method:
            return each
    raise Violation(f"{method} {path} is not an operation that the stand-in knows")


def read(method: str, target: str, body: bytes) -> Call:
    """A request, held to the description, with its values as the types that they are described as.

    Raises:
        Violation: it does not fit.
        TooMuch: it fits but for a length that GitHub refuses with 422.
    """
    path, _, query = target.partition("?")
    described = find(method, path)
    found = described.pattern.fullmatch(path)
    assert found is not None
    segments = {name: unquote(value) for name, value in found.groupdict().items()}
    given = dict(parse_qsl(query, keep_blank_values=True))
    value, too_much = _body(body, described)
    call = Call(described, _typed("path", segments, described), _typed("query", given, described), value)
    if too_much:
        too_much.call = call
        raise too_much
    return call


def _typed(kind: str, texts: dict[str, str], described: Described) -> dict[str, Any]:
    schemas = described.source.get(kind, {})
    made: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in schemas:
            raise Violation(f"{described.id}: the {kind} parameter {name!r} is not described")
        wanted = schemas[name].get("type")
        if wanted == "integer" and re.fullmatch(r"-?\d+", text):
            made[name] = int(text)
        elif wanted == "boolean" and text in ("true", "false"):
            made[name] = text == "true"
        else:
            made[name] = text
        if errors := _faults(made[name], "operations", described.index, kind, name):
            raise Violation(_say(f"{described.id}: {kind} parameter {name!r}", errors))
    return made


def _body(body: bytes, described: Described) -> tuple[dict[str, Any], TooMuch | None]:
    wanted = described.source.get("body")
    if wanted is None:
        if body.strip() not in (b"", b"{}", b"null"):
            raise Violation(f"{described.id} takes no body")
        return {}, None
    if not body.strip():
        if wanted["required"]:
            raise Violation(f"{described.id} needs a body")
        return {}, None
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Violation(f"{described.id}: the body is not JSON: {error}") from None
    if isinstance(value, dict) and wanted["keys"] and (unknown := set(value) - set(wanted["keys"])):
        raise Violation(f"{described.id}: the body has {sorted(unknown)}, which is not described")
    errors = _faults(value, "operations", described.index, "body", "schema")
    if others := [each for each in errors if each.validator not in LIMITS]:
        raise Violation(_say(f"{described.id}: body", others))
    # a list is the whole body of some operations; it goes by no name
    return value if isinstance(value, dict) else {"": value}, _too_much(errors[0]) if errors else None


def _too_much(error: ValidationError) -> TooMuch:
    given = len(error.instance)
    if error.validator == "maxItems":
        what = f"No more than {error.validator_value} items are allowed; {given} were supplied."
    else:
        what = f"Only {error.validator_value} characters are allowed; {given} were supplied."
    return TooMuch(f"Invalid request.\n\n{what}")


def check_answer(described: Described, status: int, body: Any) -> None:
    """Hold a response to the description.

    Raises:
        Violation: it does not fit, or the operation has no such success.
    """
    responses = described.source["responses"]
    if str(status) not in responses:
        if status < 400:
            raise Violation(f"{described.id} is not described as answering {status}")
        # limits, permissions and outages are described once for all of the API, in prose
        errors = _faults(body, "$defs", "basic-error") if body is not None else []
    elif responses[str(status)] is None:
        errors = []
        if body not in (None, b"") and status < 300:
            raise Violation(f"{described.id}: {status} has no body, but one was answered")
    else:
        errors = _faults(body, "operations", described.index, "responses", str(status))
    if errors:
        raise Violation(_say(f"{described.id}: answer {status}", errors))
