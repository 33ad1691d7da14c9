"""Hold every request and response to Kubernetes' own description of its API (`openapi/kubernetes.json`)."""

import functools
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.schemas import remembering

EXTRACT = Path(__file__).parent / "openapi" / "kubernetes.json"
FORMATS = FormatChecker(formats=())
VALIDATOR = remembering()
STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
EVENT = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"


class Violation(Exception):
    """Something is not as Kubernetes' description has it."""


@FORMATS.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@dataclass(frozen=True)
class Operation:
    """One operation as Kubernetes describes it."""

    index: int
    pattern: re.Pattern[str]
    source: dict[str, Any]

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.source["id"])


@dataclass(frozen=True)
class Call:
    """A request that fits the description."""

    operation: Operation
    path: dict[str, str]
    query: dict[str, str]
    body: Any


@functools.cache
def document() -> dict[str, Any]:
    """The extract."""
    loaded: dict[str, Any] = json.loads(EXTRACT.read_text())
    return loaded


@functools.cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(document()["$id"], DRAFT202012.create_resource(document()))


@functools.cache
def _operations() -> list[Operation]:
    made = []
    for index, source in enumerate(document()["operations"]):
        template = re.escape(source["template"].rstrip("/"))
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", template)
        made.append(Operation(index, re.compile(pattern), source))
    return made


@functools.cache
def _validator(place: str) -> Draft202012Validator:
    schema: Any = document()
    for step in json.loads(place):
        schema = schema[step]
    return VALIDATOR(schema, registry=_registry(), format_checker=FORMATS)


def hold(what: str, value: Any, *place: str | int) -> None:
    """Hold a value to the schema at a place of the extract.

    Raises:
        Violation: it does not fit.
    """
    errors = list(_validator(json.dumps(place)).iter_errors(value))
    if errors:
        error = best_match(errors)
        where = "/".join(map(str, error.absolute_path)) or "the top"
        raise Violation(f"{what}: at {where}: {error.message[:400]}")


def read(method: str, target: str, kind: str, body: bytes) -> Call:
    """A request, held to the description.

    Raises:
        Violation: it does not fit.
    """
    path, _, query = target.partition("?")
    for each in _operations():
        if each.source["method"] == method and (found := each.pattern.fullmatch(path.rstrip("/"))):
            break
    else:
        raise Violation(f"{method} {path} is not an operation that the stand-in knows")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := set(given) - set(each.source["query"]):
        raise Violation(f"{each.id}: the query parameters {sorted(unknown)} are not described")
    wanted = each.source.get("body")
    value = json.loads(body) if body.strip() else None
    if wanted is None and value is not None:
        raise Violation(f"{each.id} takes no body")
    if wanted is not None and (value is not None or method != "DELETE"):
        consumes = each.source["consumes"]
        if "*/*" not in consumes and kind.partition(";")[0] not in consumes:
            raise Violation(f"{each.id} does not take {kind}")
        # a patch of JSON operations is a list, where the description's `Patch` says object
        if kind != "application/json-patch+json":
            hold(f"{each.id}: body", value, "operations", each.index, "body")
    return Call(each, {name: unquote(text) for name, text in found.groupdict().items()}, given, value)


def check_answer(operation: Operation, status: int, body: Any) -> None:
    """Hold an answer to the description.

    Raises:
        Violation: it does not fit.
    """
    if status >= 400:
        hold(f"{operation.id}: answer {status}", body, "$defs", STATUS)
        return
    responses = operation.source["responses"]
    if str(status) not in responses:
        raise Violation(f"{operation.id} is not described as answering {status}")
    if responses[str(status)] is not None:
        hold(f"{operation.id}: answer {status}", body, "operations", operation.index, "responses", str(status))
