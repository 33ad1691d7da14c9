"""What the stand-in for Cloud Run knows: services, revisions, operations, and how a service gets to be as it was asked.

The state is kept as the API's own JSON, with what a protocol buffer leaves out (zeros, false) filled in; `shown` leaves
it out again, as Google's JSON does.
"""

import copy
import hashlib
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.cloud_run_stand_in import instances
from tests.cloud_run_stand_in.instances import Instance
from tests.cloud_run_stand_in.proxy import Proxies

Json = Any
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
FORBIDDEN = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")
NEVER_LISTENED = (
    "The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment "
    "variable within the allocated timeout. This can happen when the container port is misconfigured or if the timeout "
    "is too short."
)


class Refusal(Exception):
    """An error as Google's APIs give it: HTTP's status, and a word."""

    def __init__(self, status: int, word: str, message: str) -> None:
        super().__init__(message)
        self.status, self.word, self.message = status, word, message


@dataclass
class Service:
    """A service with its revisions, its addresses and the operations on it."""

    raw: Json
    revisions: dict[str, Json] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    public: str = ""
    routes: list[Json] = field(default_factory=list)
    moved: float = 0.0
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Troubles:
    """What goes wrong on purpose. `slow`: seconds that each reconciliation takes; `fails`: it ends with this status.

    `trails`: seconds for which requests still go by the routes before, though the statuses have the new ones.
    """

    slow: float = 0.0
    fails: list[tuple[int, str]] = field(default_factory=list)
    condition: tuple[str, str] | None = None
    lag: float = 0.0
    trails: float = 0.0


class World:
    """All of it. `images` says which program an image's name stands for; `startup` is how long it may take to listen."""

    def __init__(self, images: dict[str, Path], startup: float = 3.0) -> None:
        self.images = images
        self.startup = startup
        self.lock = threading.RLock()
        self.services: dict[str, Service] = {}
        self.operations: dict[str, Json] = {}
        self.proxies = Proxies()
        self.troubles = Troubles()
        self.caller = "deployer@proj.iam.gserviceaccount.com"
        self.threads: list[threading.Thread] = []

    def stop(self) -> None:
        """Stop everything that runs."""
        for thread in self.threads:
            thread.join()
        self.proxies.stop()
        for service in self.services.values():
            for instance in service.instances.values():
                instance.stop()

    def create(self, parent: str, name: str, body: Json) -> Json:
        """services.create."""
        with self.lock:
            path = f"{parent}/services/{name}"
            if path in self.services:
                raise Refusal(409, "ALREADY_EXISTS", f"Resource '{name}' already exists.")
            template = copy.deepcopy(body.get("template") or {})
            raw = {"name": path, "uid": str(uuid.uuid4()), "generation": 0, "observedGeneration": 0}
            raw |= {"createTime": now(), "creator": self.caller, "conditions": [], "trafficStatuses": []}
            raw |= {"ingress": "INGRESS_TRAFFIC_ALL", "launchStage": "GA", "latestReadyRevision": ""}
            service = Service(raw | {"template": {}, "traffic": [], "latestCreatedRevision": ""})
            settings = {key: copy.deepcopy(value) for key, value in body.items() if key not in ("name", "etag")}
            self._check(service, settings | {"template": template})
            self.services[path] = service
            raw = service.raw
            raw |= settings
            service.public = self.proxies.open(name, lambda: self._backends(service, None))
            if not raw.get("defaultUriDisabled"):
                raw |= {"uri": service.public, "urls": [service.public]}
            return self._begin(service, "template" in body)

    def patch(self, path: str, mask: str, body: Json, etag: str | None) -> Json:
        """services.patch: only whole top fields can be named in the mask, as we do."""
        with self.lock:
            service = self.service(path)
            if etag is not None and etag != service.raw["etag"]:
                message = f"Conflict for resource '{path}': version '{etag}' was specified but current version is"
                raise Refusal(409, "ABORTED", f"{message} '{service.raw['etag']}'.")
            fields = mask.split(",") if mask else [key for key in body if key not in ("name", "etag")]
            settings = {key: copy.deepcopy(body[key]) for key in fields if key in body}
            self._check(service, settings)
            for key in fields:
                service.raw[key] = settings.get(key, [] if key == "traffic" else {})
            return self._begin(service, "template" in settings)

    def service(self, path: str) -> Service:
        """The service at this path."""
        if path not in self.services:
            raise Refusal(404, "NOT_FOUND", f"Resource '{path.rpartition('/')[2]}' of kind 'SERVICE' does not exist.")
        return self.services[path]

    def revision(self, path: str) -> Json:
        """The revision at this path."""
        owner, _, name = path.rpartition("/revisions/")
        revisions = self.services[owner].revisions if owner in self.services else {}
        if name not in revisions:
            raise Refusal(404, "NOT_FOUND", f"Resource '{name}' of kind 'REVISION' does not exist.")
        return revisions[name]

    def printed(self) -> Iterator[tuple[str, str, float, str]]:
        """Every line of every revision: service, revision, time, text."""
        for path, service in self.services.items():
            for name, instance in service.instances.items():
                for at, line in instance.printed:
                    yield path, name, at, line

    def _check(self, service: Service, settings: Json) -> None:
        """What Google refuses at once."""
        for key in settings.get("annotations") or {}:
            if any(key.partition("/")[0].endswith(each) for each in FORBIDDEN):
                raise Refusal(400, "INVALID_ARGUMENT", f"annotations[{key}]: system annotations are not supported")
        traffic = settings.get("traffic")
        if traffic:
            total = sum(each.get("percent", 0) for each in traffic)
            if total != 100:
                raise Refusal(400, "INVALID_ARGUMENT", f"traffic: the percentages must add up to 100, not {total}")
            tags = [each["tag"] for each in traffic if "tag" in each]
            if len(tags) != len(set(tags)):
                raise Refusal(400, "INVALID_ARGUMENT", "traffic: a tag may be used once only")
            if any((each["type"] == REVISION) != ("revision" in each) for each in traffic):
                raise Refusal(400, "INVALID_ARGUMENT", "traffic: a revision goes with an allocation by revision")
        template = settings.get("template")
        wanted = template and template.get("revision")
        if wanted:
            short = service.raw["name"].rpartition("/")[2]
            if not wanted.startswith(f"{short}-") or len(wanted) > 63:
                raise Refusal(400, "INVALID_ARGUMENT", f"template.revision: must begin with '{short}-', and be short")
            known = service.revisions.get(wanted)
            if known is not None and known["_template"] != template:
                message = f"Revision named '{wanted}' with different configuration already exists."
                raise Refusal(409, "ALREADY_EXISTS", message)

    def _begin(self, service: Service, templated: bool) -> Json:
        raw = service.raw
        raw["generation"] += 1
        raw["etag"] = f'"{secrets.token_hex(6)}"'
        raw |= {"reconciling": True, "updateTime": now(), "lastModifier": self.caller}
        raw["terminalCondition"] = condition("Ready", "CONDITION_RECONCILING", "Deploying Revision.")
        operation = {"name": f"{raw['name'].partition('/services/')[0]}/operations/{uuid.uuid4()}", "done": False}
        kind = "type.googleapis.com/google.cloud.run.v2.Service"
        operation["metadata"] = {"@type": kind, "name": raw["name"]}
        self.operations[operation["name"]] = operation
        work = (service, raw["generation"], operation, self._planned(service) if templated else None)
        thread = threading.Thread(target=self._reconcile, args=work)
        self.threads.append(thread)
        thread.start()
        return copy.deepcopy(operation)

    def _planned(self, service: Service) -> str | None:
        """The revision that the template asks for; None where there is one already."""
        template, short = service.raw["template"], service.raw["name"].rpartition("/")[2]
        name = template.get("revision") or f"{short}-{len(service.revisions) + 1:05d}-{secrets.token_hex(2)[:3]}"
        if name in service.revisions:
            return None
        made = {key: copy.deepcopy(value) for key, value in template.items() if key != "revision"}
        made |= {"name": f"{service.raw['name']}/revisions/{name}", "uid": str(uuid.uuid4()), "generation": 1}
        made |= {"service": short, "createTime": now(), "_template": copy.deepcopy(template), "etag": '"1"'}
        made.setdefault("maxInstanceRequestConcurrency", 80)
        made.setdefault("timeout", "300s")
        made.setdefault("serviceAccount", "1234-compute@developer.gserviceaccount.com")
        made["logUri"] = f"https://console.cloud.google.com/logs/viewer?resource=cloud_run_revision/{name}"
        made["conditions"] = [condition("Ready", "CONDITION_RECONCILING", "Deploying Revision.")]
        for each in made.get("containers", ()):
            each.setdefault("resources", {"limits": {"cpu": "1000m", "memory": "512Mi"}, "cpuIdle": True})
            each.setdefault("ports", [{"name": "http1", "containerPort": 8080}])
        service.revisions[name] = made
        service.raw["latestCreatedRevision"] = made["name"]
        return name

    def _reconcile(self, service: Service, generation: int, operation: Json, fresh: str | None) -> None:
        with service.turn:
            time.sleep(self.troubles.slow)
            if fresh is not None:
                self._start(service, fresh)
            with self.lock:
                failure = self._route(service)
            time.sleep(self.troubles.lag)
            with self.lock:
                self._end(service, generation, operation, failure)

    def _start(self, service: Service, name: str) -> None:
        """Bring a revision up: its image, its process, its start-up probe."""
        revision = service.revisions[name]
        began = time.monotonic()
        container = (revision.get("containers") or [{}])[0]
        program = self.images.get(container.get("image", ""))
        failed: Json = None
        if self.troubles.condition is not None:
            reason, message = self.troubles.condition
            field_name = "revisionReason" if reason.isupper() and reason in REVISION_REASONS else "reason"
            failed = {field_name: reason, "message": message}
        elif program is None:
            failed = {"reason": "CONTAINER_MISSING", "message": f"Image '{container.get('image')}' not found."}
        else:
            variables = {each["name"]: each.get("value", "") for each in container.get("env", ())}
            short = service.raw["name"].rpartition("/")[2]
            variables |= {"K_SERVICE": short, "K_REVISION": name, "K_CONFIGURATION": short}
            service.instances[name] = instance = instances.start(program, variables)
            if not instance.listens_within(self.startup):
                instance.stop()
                failed = {"revisionReason": "HEALTH_CHECK_CONTAINER_ERROR", "message": NEVER_LISTENED}
            digest = hashlib.sha256(program.read_bytes()).hexdigest()
            image = container["image"].partition("@")[0]
            bare = image.rpartition(":")[0] if ":" in image.rpartition("/")[2] else image
            revision["containerStatuses"] = [{"imageDigest": f"{bare}@sha256:{digest}"}]
        took = f"{time.monotonic() - began:.2f}s"
        with self.lock:
            if failed is None:
                said = {"Ready": f"Deploying revision succeeded in {took}.", "ContainerHealthy": f"in {took}"}
                said |= {"ResourcesAvailable": "", "Active": ""}
                revision["conditions"] = [condition(kind, "CONDITION_SUCCEEDED", each) for kind, each in said.items()]
                service.raw["latestReadyRevision"] = revision["name"]
            else:
                message = f"Revision '{name}' is not ready and cannot serve traffic. {failed['message']}"
                revision["conditions"] = [
                    condition("Ready", "CONDITION_FAILED", **failed | {"message": message}),
                    condition("ContainerHealthy", "CONDITION_FAILED", **failed),
                ]

    def _route(self, service: Service) -> str | None:
        """Give the traffic as it was asked, or say why not."""
        raw = service.raw
        statuses = []
        for each in raw["traffic"] or [{"type": LATEST, "percent": 100}]:
            name = raw["latestReadyRevision"].rpartition("/")[2] if each["type"] == LATEST else each["revision"]
            revision = service.revisions.get(name)
            if revision is None:
                return f"Revision '{name}' not found."
            ready = revision["conditions"][0]
            if ready["state"] != "CONDITION_SUCCEEDED":
                return ready["message"]
            status = {"type": each["type"], "revision": name, "percent": each.get("percent", 0)}
            if tag := each.get("tag"):
                status |= {"tag": tag} | ({} if raw.get("defaultUriDisabled") else {"uri": self._address(service, tag)})
            statuses.append(status)
        service.routes, service.moved = raw["trafficStatuses"], time.monotonic()
        raw["trafficStatuses"] = statuses
        return None

    def _address(self, service: Service, tag: str) -> str:
        if tag not in service.addresses:
            name = f"{tag}---{service.raw['name'].rpartition('/')[2]}"
            service.addresses[tag] = self.proxies.open(name, lambda: self._backends(service, tag))
        return service.addresses[tag]

    def _end(self, service: Service, generation: int, operation: Json, failure: str | None) -> None:
        raw = service.raw
        newest = service.revisions[raw["latestCreatedRevision"].rpartition("/")[2]]["conditions"][0]
        broken = newest if newest["state"] == "CONDITION_FAILED" else None
        routes = condition("RoutesReady", "CONDITION_FAILED" if failure else "CONDITION_SUCCEEDED", failure or "")
        configured = condition("ConfigurationsReady", "CONDITION_SUCCEEDED")
        raw["terminalCondition"] = condition("Ready", "CONDITION_SUCCEEDED")
        if broken or failure:
            said = {key: value for key, value in (broken or routes).items() if key not in ("type", "state")}
            raw["terminalCondition"] = condition("Ready", "CONDITION_FAILED", **said)
            configured = condition("ConfigurationsReady", "CONDITION_FAILED", **said) if broken else configured
        else:
            raw["observedGeneration"] = generation
        raw["conditions"] = [routes, configured]
        if self.troubles.fails:
            code, message = self.troubles.fails.pop(0)
            operation["error"] = {"code": code, "message": message}
        elif broken or failure:
            operation["error"] = {"code": 9, "message": raw["terminalCondition"]["message"]}
        else:
            kind = {"@type": "type.googleapis.com/google.cloud.run.v2.Service"}
            operation["response"] = kind | shown(raw)
        operation["done"] = True
        if generation == raw["generation"]:
            raw["reconciling"] = False

    def _backends(self, service: Service, tag: str | None) -> list[tuple[str, int, int]]:
        with self.lock:
            trailing = time.monotonic() < service.moved + self.troubles.trails
            return [
                (each["revision"], each["percent"] if tag is None else 1, service.instances[each["revision"]].port)
                for each in (service.routes if trailing else service.raw["trafficStatuses"])
                if tag is None or each.get("tag") == tag
            ]


REVISION_REASONS = ("HEALTH_CHECK_CONTAINER_ERROR", "MIN_INSTANCES_NOT_PROVISIONED", "ACTIVE_REVISION_LIMIT_REACHED")


def condition(kind: str, state: str, message: str = "", **more: str) -> Json:
    """A condition as the API gives it."""
    made = {"type": kind, "state": state, "lastTransitionTime": now()} | ({"message": message} if message else {})
    return made | {key: value for key, value in more.items() if key != "lastTransitionTime"}


def shown(raw: Json) -> Json:
    """As a protocol buffer's JSON form is: no zeros, no false, nothing empty, and 64-bit numbers as text."""
    made: Json = {}
    for key, value in raw.items():
        if key.startswith("_") or value in (0, False, "", [], {}, None):
            continue
        if key in ("generation", "observedGeneration"):
            made[key] = str(value)
        elif key in ("trafficStatuses", "traffic"):
            made[key] = [
                {k: v for k, v in each.items() if v not in (0, "") and (k, each["type"]) != ("revision", LATEST)}
                for each in value
            ]
        else:
            made[key] = copy.deepcopy(value)
    return made


def now() -> str:
    """A time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Handler = Callable[[Any], Json]
