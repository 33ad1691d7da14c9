"""A request in, an answer out: faults, who asks, the description, then the store."""

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.kubernetes_stand_in import defaults, discovery, patches, people, selecting, tables, validation
from tests.kubernetes_stand_in.node import Node
from tests.kubernetes_stand_in.people import Person
from tests.kubernetes_stand_in.replicasets import ReplicaSets
from tests.kubernetes_stand_in.store import KINDS, LISTS, Clash, Missing, Object, Store
from tests.kubernetes_stand_in.validation import Call, Violation


@dataclass(frozen=True)
class Answer:
    """`body` is JSON, or bytes; `stream` are lines of JSON that come as they happen."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[Any] | None = None


@dataclass
class Fault:
    """What goes wrong with requests that fit: `status` is answered, or the connection is reset (0), `times` times.

    `method` is a regular expression, as `path` is; `skip` requests that fit go through before.
    `first` is called before; `after` lets the request be done all the same, and only its answer be lost.
    """

    method: str
    path: str
    status: int | None = None
    times: int = 1
    skip: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    first: Callable[[], None] | None = None
    after: bool = False


@dataclass(frozen=True)
class Asked:
    """A request that was made, for a test to look at."""

    method: str
    target: str
    body: Any
    status: int


class Gateway:
    """The API server's inside."""

    def __init__(self, store: Store, sets: ReplicaSets, node: Node) -> None:
        self.store = store
        self.sets = sets
        self.node = node
        self.people: dict[str, Person] = {}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self.stopping = threading.Event()

    def respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """The answer; None resets the connection."""
        fault = self._fault(method, target)
        if fault is not None and fault.first is not None:
            fault.first()
        if fault is not None and fault.status is not None and not fault.after:
            lost = (
                None
                if fault.status == 0
                else failure(fault.status, "ServerError", "a fault of the test", fault.headers)
            )
            self._note(method, target, body, fault.status)
            return lost
        answer = self._answered(method, target, headers, body)
        self._note(method, target, body, answer.status)
        if fault is not None and fault.after:
            return None
        return answer

    def pod_address(self, call: Call) -> str | None:
        """Where a pod answers; None where there is no such pod, or it does not run."""
        pod = self.store.find("pods", call.path["namespace"], call.path["name"])
        return None if pod is None else pod["status"].get("podIP")

    def admitted(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Call | Answer:
        """The call, held to the description and to who may make it, or its refusal."""
        try:
            call = validation.read(method, target, headers.get("content-type", ""), body)
        except Violation as error:
            self.violations.append(str(error))
            return failure(404, "NotFound", str(error))
        person = self.people.get(headers.get("authorization", "").removeprefix("Bearer "))
        if person is None:
            return failure(401, "Unauthorized", "Unauthorized")
        for verb, group, resource in people.asked(call.operation, call.query):
            namespace, name = call.path["namespace"], call.path.get("name", "")
            if person.refused(verb, group, resource, name):
                return failure(403, "Forbidden", people.refusal(person, verb, group, resource, namespace, name))
        return call

    def _answered(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        call = self.admitted(method, target, headers, body)
        if isinstance(call, Answer):
            return call
        try:
            answer = self._done(call, headers)
        except Missing:
            kind, name = self._kind(call), call.path.get("name", "")
            group = ".apps" if KINDS.get(kind, ("",))[0] == "apps/v1" else ""
            answer = failure(404, "NotFound", f'{kind}{group} "{name}" not found')
        except Clash as error:
            answer = failure(409, error.reason, str(error))
        except defaults.Invalid as error:
            answer = failure(422, "Invalid", str(error))
        except ValueError as error:
            answer = failure(400, "BadRequest", str(error))
        try:
            if answer.stream is None and not (isinstance(answer.body, dict) and answer.body.get("kind") == "Table"):
                shown = answer.body.decode(errors="replace") if isinstance(answer.body, bytes) else answer.body
                validation.check_answer(call.operation, answer.status, shown)
        except Violation as error:
            self.violations.append(str(error))
        return answer

    def _kind(self, call: Call) -> str:
        template = call.operation.source["template"]
        return str(template.partition("{namespace}/")[2].partition("/")[0] or "namespaces")

    def _done(self, call: Call, headers: dict[str, str]) -> Answer:
        if (found := discovery.answer(call.operation.id)) is not None:
            return Answer(200, found)
        kind, namespace, name = self._kind(call), call.path.get("namespace", ""), call.path.get("name", "")
        method = call.operation.source["method"]
        if call.operation.source["template"].endswith("/log"):
            return self._log(namespace, name, call.query)
        if method == "GET" and name:
            thing = self.store.get(kind, namespace, name)
            return Answer(200, tables.table(kind, [thing], "") if _tabular(headers) else thing)
        if method == "GET":
            return self._list(kind, namespace, call.query, headers)
        if method == "POST":
            return Answer(201, self._create(kind, namespace, call.body))
        if method == "DELETE":
            return self._delete(kind, namespace, name, call.body or {})
        with self.store.lock:
            old = self.store.get(kind, namespace, name)
            by = patches.APPLY[headers["content-type"].partition(";")[0]] if method == "PATCH" else None
            made = by(old, call.body) if by else {**call.body, "status": old.get("status", {})}
            return Answer(200, self._written(kind, made, old))

    def _written(self, kind: str, made: Object, old: Object) -> Object:
        if made["spec"]["selector"] != old["spec"]["selector"]:
            raise defaults.Invalid(f"{kind}: spec.selector: field is immutable")
        defaults.FILL.get(kind, lambda _: None)(made)
        return self.store.update(kind, made)

    def _create(self, kind: str, namespace: str, thing: Object) -> Object:
        thing["metadata"].setdefault("namespace", namespace)
        if "generateName" in thing["metadata"]:
            thing["metadata"]["name"] = thing["metadata"].pop("generateName") + secrets.token_hex(3)
        defaults.FILL.get(kind, lambda _: None)(thing)
        return self.store.create(kind, thing)

    def _delete(self, kind: str, namespace: str, name: str, options: Object) -> Answer:
        thing = self.store.get(kind, namespace, name)
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted not in (None, thing["metadata"]["uid"]):
            raise Clash("Conflict", f"Precondition failed: UID in precondition: {wanted}")
        if kind == "pods":
            self.sets.terminate(thing)
            return Answer(200, self.store.get(kind, namespace, name))
        self.store.delete(kind, namespace, name)
        details = {"name": name, "group": "apps", "kind": kind, "uid": thing["metadata"]["uid"]}
        return Answer(
            200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    def _list(self, kind: str, namespace: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        if query.get("watch") in ("true", "1"):
            return Answer(200, stream=self._watch(kind, namespace, query))
        with self.store.lock:
            found, version = self._selected(self.store.every(kind, namespace), query), str(self.store.version)
        if _tabular(headers):
            return Answer(200, tables.table(kind, found, version))
        api = KINDS[kind][0]
        body = {"kind": LISTS[kind], "apiVersion": api, "metadata": {"resourceVersion": version}, "items": found}
        return Answer(200, body)

    def _selected(self, things: list[Object], query: dict[str, str]) -> list[Object]:
        found = selecting.labelled(things, query.get("labelSelector", ""))
        return selecting.fielded(found, query.get("fieldSelector", ""))

    def _watch(self, kind: str, namespace: str, query: dict[str, str]) -> Iterator[Any]:
        since = int(query.get("resourceVersion") or 0)
        ends = time.monotonic() + float(query.get("timeoutSeconds", 60))
        while time.monotonic() < ends and not self.stopping.is_set():
            with self.store.changed:
                new = [each for each in self.store.changes if each.version > since]
                if not new:
                    self.store.changed.wait(0.1)
                    continue
            since = new[-1].version
            for each in new:
                meta = each.thing["metadata"]
                if each.kind == kind and meta.get("namespace") == namespace and self._selected([each.thing], query):
                    event = {"type": each.type, "object": each.thing}
                    validation.hold("watch", event, "$defs", validation.EVENT)
                    yield event

    def _log(self, namespace: str, name: str, query: dict[str, str]) -> Answer:
        pod = self.store.get("pods", namespace, name)
        container = query.get("container") or pod["spec"]["containers"][0]["name"]
        text = self.node.log(pod["metadata"]["uid"], container, previous=query.get("previous") == "true")
        if text is None:
            message = f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating'
            return failure(400, "BadRequest", message)
        if "tailLines" in query:
            text = b"".join(text.splitlines(keepends=True)[-int(query["tailLines"]) :])
        return Answer(200, text[: int(query["limitBytes"])] if "limitBytes" in query else text)

    def _fault(self, method: str, target: str) -> Fault | None:
        for each in self.faults:
            if each.times > 0 and re.fullmatch(each.method, method) and re.search(each.path, target):
                if each.skip > 0:
                    each.skip -= 1
                    continue
                each.times -= 1
                return each
        return None

    def _note(self, method: str, target: str, body: bytes, status: int) -> None:
        self.asked.append(Asked(method, target, json.loads(body) if body.strip() else None, status))


def failure(status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """A `Status` that says no."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": status,
    }
    return Answer(status, body, headers or {})


def _tabular(headers: dict[str, str]) -> bool:
    return "as=Table" in headers.get("accept", "")
