"""A stand-in for Cloud Run: its Admin API over HTTP, with revisions that are real processes behind real proxies.

    with StandIn({"registry/shop:1": Path("shop.py")}) as google:
        httpx.get(f"{google.url}/v2/projects/proj/locations/here1/services/shop", headers=...)

Every request and every response is held to Google's own discovery documents; what does not fit is in `violations`.
"""

import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.cloud_run_stand_in import knative, validation
from tests.cloud_run_stand_in.validation import STATUSES, Call, Violation
from tests.cloud_run_stand_in.world import Json, Refusal, Service, Troubles, World, shown
from tests.github_stand_in.faults import Fault, Faults
from tests.github_stand_in.routing import Answer
from tests.github_stand_in.server import Server

TOKEN = "ya29.a-token-of-the-stand-in"
MARKED = re.compile(r'(\w+(?:\.\w+)*)(=|>=)"([^"]*)"')


class StandIn:
    """Google, as far as a deploy to Cloud Run sees it."""

    def __init__(self, images: dict[str, Path], startup: float = 3.0) -> None:
        self.world = World(images, startup)
        self.violations: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.tokens = {TOKEN}
        self.entries_readable = True
        self._faults = Faults()
        self._meanwhile: list[tuple[str, re.Pattern[str], Callable[[], object]]] = []
        self._stopping = threading.Event()
        self._server = Server("127.0.0.1", 0, self._respond)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.stop()
        self.world.stop()

    @property
    def url(self) -> str:
        """Where it listens; it also answers as a proxy for other hosts, which is how gcloud is led here."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def troubles(self) -> Troubles:
        """What goes wrong while a service is brought to be as it was asked."""
        return self.world.troubles

    def fault(
        self,
        method: str,
        path: str,
        *,
        status: int | None = 503,
        times: int = 1,
        skip: int = 0,
        message: str = "injected",
        after_effect: bool = False,
        drop: bool = False,
        retry_after: int | None = None,
        hang: float = 0.0,
    ) -> Fault:
        """Let the next requests that fit be answered like this."""
        body = refusal_body(status, STATUSES.get(status, "UNKNOWN"), message) if status else None
        fault = Fault(method, re.compile(path), times, status, after_effect, retry_after, hang, drop, body, skip)
        self._faults.add(fault)
        return fault

    def meanwhile(self, method: str, path: str, what: Callable[[], object]) -> None:
        """Let this happen just before the next request that fits is taken in: what somebody else does in between."""
        self._meanwhile.append((method, re.compile(path), what))

    def act(self, method: str, path: str, body: Json = None, caller: str = "ana@example.com") -> Json:
        """What somebody else does, held to the description too; the operation is waited for."""
        with self.world.lock:
            before, self.world.caller = self.world.caller, caller
            status, answer = self._done(method, path, json.dumps(body).encode() if body is not None else b"")
            self.world.caller = before
        assert status == 200, answer
        for thread in list(self.world.threads):
            thread.join()
        return answer

    def service(self, path: str) -> Json:
        """A service as the API shows it."""
        with self.world.lock:
            return shown(self.world.service(path).raw)

    def _respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer | None:
        split = urlsplit(target)
        path = split.path + (f"?{split.query}" if split.query else "")
        self.requests.append((method, path))
        for each in list(self._meanwhile):
            if each[0] == method and each[1].search(split.path):
                self._meanwhile.remove(each)
                each[2]()
        fault = self._faults.take(method, split.path)
        instead = fault is not None and (fault.drop or fault.status is not None)
        status, answer = 0, None
        if fault is None or fault.after_effect or not instead:
            if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
                status, answer = 401, refusal_body(401, "UNAUTHENTICATED", message)
            else:
                status, answer = self._done(method, path, body)
        if fault is not None and fault.hang:
            self._stopping.wait(fault.hang)
        if fault is not None and instead:
            if fault.drop:
                return None
            retry = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            return Answer(fault.status or 503, fault.body, retry)
        return Answer(status, answer, {})

    def _done(self, method: str, path: str, body: bytes) -> tuple[int, Json]:
        """The answer, with what does not fit noted down."""
        try:
            call = validation.read(method, path, body)
        except (Violation, ValueError) as error:
            self.violations.append(str(error))
            return 400, refusal_body(400, "INVALID_ARGUMENT", str(error))
        try:
            status, answer = 200, self._answer(call)
        except Refusal as refused:
            status, answer = refused.status, refusal_body(refused.status, refused.word, refused.message)
        try:
            validation.check_answer(call.operation, status, answer)
        except Violation as error:
            self.violations.append(str(error))
        return status, answer

    def _answer(self, call: Call) -> Json:
        part = call.path
        place = f"projects/{part.get('projectsId')}/locations/{part.get('locationsId')}"
        path = f"{place}/services/{part.get('servicesId')}"
        world = self.world
        with world.lock:
            match call.operation.id.partition(":")[2]:
                case "run.projects.locations.services.get":
                    return shown(world.service(path).raw)
                case "run.projects.locations.services.list":
                    found = [shown(each.raw) for name, each in world.services.items() if name.startswith(place + "/")]
                    return {"services": found}
                case "run.projects.locations.services.create":
                    return world.create(place, call.query["serviceId"], call.body)
                case "run.projects.locations.services.patch":
                    return world.patch(path, call.query.get("updateMask", ""), call.body, call.body.get("etag"))
                case "run.projects.locations.services.revisions.get":
                    return shown(world.revision(f"{path}/revisions/{part['revisionsId']}"))
                case "run.projects.locations.services.revisions.list":
                    return {"revisions": [shown(each) for each in world.service(path).revisions.values()]}
                case "run.projects.locations.operations.get" | "run.projects.locations.operations.wait":
                    name = f"{place}/operations/{part['operationsId']}"
                    if name not in world.operations:
                        raise Refusal(404, "NOT_FOUND", f"Operation '{name}' not found.")
                    return {key: value for key, value in world.operations[name].items() if value is not False}
                case "run.namespaces.services.get":
                    return knative.service(self._of(part["namespacesId"], part["servicesId"]))
                case "logging.entries.list":
                    return self._entries(call.body)
        raise Refusal(501, "UNIMPLEMENTED", call.operation.id)

    def _of(self, project: str, name: str) -> Service:
        for path, service in self.world.services.items():
            if path.startswith(f"projects/{project}/") and path.endswith(f"/services/{name}"):
                return service
        raise Refusal(404, "NOT_FOUND", f"Resource '{name}' of kind 'SERVICE' in namespace '{project}' does not exist.")

    def _entries(self, body: Json) -> Json:
        """entries.list, for filters of the form `label="x" AND timestamp>="…"`."""
        if not self.entries_readable:
            message = "Permission 'logging.logEntries.list' denied on resource 'projects/proj' (or it may not exist)."
            raise Refusal(403, "PERMISSION_DENIED", message)
        wanted = {name: value for name, _, value in MARKED.findall(body["filter"])}
        since = wanted["timestamp"]
        start = int(body.get("pageToken") or 0)
        entries = []
        for path, revision, at, line in self.world.printed():
            stamp = _stamp(at)
            if revision == wanted["resource.labels.revision_name"] and stamp >= since:
                labels = {"service_name": path.rpartition("/")[2], "revision_name": revision}
                entry = {"timestamp": stamp, "severity": "DEFAULT", "textPayload": line, "insertId": f"{at:.9f}"}
                entries.append(entry | {"resource": {"type": "cloud_run_revision", "labels": labels}})
        entries.sort(key=lambda each: str(each["timestamp"]))
        page = entries[start : start + body.get("pageSize", 50)]
        more = start + len(page) < len(entries)
        return {"entries": page} | ({"nextPageToken": str(start + len(page))} if more else {})


def refusal_body(status: int | None, word: str, message: str) -> Json:
    """The body of an error (https://google.aip.dev/193)."""
    return {"error": {"code": status, "status": word, "message": message}}


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
