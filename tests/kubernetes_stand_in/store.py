"""The objects, their versions, and what happened to them in which order."""

import itertools
import marshal
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

Object = dict[str, Any]
KINDS = {
    "deployments": ("apps/v1", "Deployment"),
    "replicasets": ("apps/v1", "ReplicaSet"),
    "pods": ("v1", "Pod"),
    "services": ("v1", "Service"),
    "events": ("v1", "Event"),
    "namespaces": ("v1", "Namespace"),
}
LISTS = {kind: f"{name}List" for kind, (_, name) in KINDS.items()}


Plain = TypeVar("Plain")


def copied(thing: Plain) -> Plain:
    """A copy of plain data, all through: ten times as fast as `copy.deepcopy`, which took most of a cluster's time."""
    made: Plain = marshal.loads(marshal.dumps(thing))
    return made


class Missing(Exception):
    """There is no such object."""


class Clash(Exception):
    """The object is there already, or was written meanwhile. The message is Kubernetes'."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Change:
    """One change: `ADDED`, `MODIFIED` or `DELETED`."""

    version: int
    kind: str
    type: str
    thing: Object


def now() -> str:
    """The time as Kubernetes writes it: to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """All writes go through it. `changed` is notified of each."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.changes: list[Change] = []
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._versions = itertools.count(1000)

    @property
    def version(self) -> int:
        """The version of the last change."""
        return self.changes[-1].version if self.changes else 999

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """A copy of an object."""
        with self.lock:
            if (kind, namespace, name) not in self._objects:
                raise Missing(name)
            return copied(self._objects[kind, namespace, name])

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The same, None where there is none."""
        with self.lock:
            return copied(self._objects.get((kind, namespace, name)))

    def every(self, kind: str, namespace: str | None = None) -> list[Object]:
        """Copies of all objects of a kind, by name."""
        with self.lock:
            found = [
                (key, each) for key, each in self._objects.items() if key[0] == kind and namespace in (None, key[1])
            ]
            return [copied(each) for _, each in sorted(found, key=lambda one: one[0])]

    def create(self, kind: str, thing: Object) -> Object:
        """Keep a new object."""
        with self.lock:
            thing = copied(thing)
            meta = thing["metadata"]
            key = (kind, meta.get("namespace", ""), meta["name"])
            version, named = KINDS[kind]
            if key in self._objects:
                group = f".{version.partition('/')[0]}" if "/" in version else ""
                raise Clash("AlreadyExists", f'{kind}{group} "{meta["name"]}" already exists')
            thing["apiVersion"], thing["kind"] = version, named
            meta.update(uid=str(uuid.uuid4()), creationTimestamp=now())
            if kind in ("deployments", "replicasets"):
                meta["generation"] = 1
                thing.setdefault("status", {})
            self._keep("ADDED", key, thing)
            return copied(thing)

    def update(self, kind: str, thing: Object) -> Object:
        """Keep a changed object; of an old `resourceVersion` it is refused."""
        with self.lock:
            meta = thing["metadata"]
            key = (kind, meta.get("namespace", ""), meta["name"])
            if key not in self._objects:
                raise Missing(meta["name"])
            old = self._objects[key]
            if meta.get("resourceVersion") not in (None, "", old["metadata"]["resourceVersion"]):
                raise Clash(
                    "Conflict",
                    f'Operation cannot be fulfilled on {kind}.apps "{meta["name"]}": the object has been modified; '
                    "please apply your changes to the latest version and try again",
                )
            if {**thing, "metadata": {**meta, "resourceVersion": ""}} == {
                **old,
                "metadata": {**old["metadata"], "resourceVersion": ""},
            }:
                return copied(old)
            thing = copied(thing)
            if "generation" in old["metadata"]:
                changed = thing.get("spec") != old.get("spec")
                thing["metadata"]["generation"] = old["metadata"]["generation"] + changed
            self._keep("MODIFIED", key, thing)
            return copied(thing)

    def change(self, kind: str, namespace: str, name: str, by: Callable[[Object], None]) -> Object | None:
        """Change an object in place; None where it is gone."""
        with self.lock:
            thing = self.find(kind, namespace, name)
            if thing is None:
                return None
            by(thing)
            return self.update(kind, thing)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object."""
        with self.lock:
            thing = self._objects.pop((kind, namespace, name), None)
            if thing is None:
                raise Missing(name)
            self._note("DELETED", kind, thing)

    def _keep(self, what: str, key: tuple[str, str, str], thing: Object) -> None:
        self._note(what, key[0], thing)
        self._objects[key] = thing

    def _note(self, what: str, kind: str, thing: Object) -> None:
        version = next(self._versions)
        thing["metadata"]["resourceVersion"] = str(version)
        self.changes.append(Change(version, kind, what, copied(thing)))
        self.changed.notify_all()


def owner(thing: Object) -> str | None:
    """The uid of its controller."""
    for each in thing["metadata"].get("ownerReferences") or ():
        if each.get("controller"):
            return str(each["uid"])
    return None


def owned(thing: Object) -> list[Object]:
    """The references by which a new object belongs to this one."""
    version, kind, meta = thing["apiVersion"], thing["kind"], thing["metadata"]
    reference = {"apiVersion": version, "kind": kind, "name": meta["name"], "uid": meta["uid"]}
    return [{**reference, "controller": True, "blockOwnerDeletion": True}]


def condition(thing: Object, kind: str) -> Object | None:
    """One of its conditions."""
    return next((each for each in thing.get("status", {}).get("conditions", ()) if each["type"] == kind), None)


def set_condition(thing: Object, kind: str, status: str, reason: str = "", message: str = "", **more: str) -> None:
    """Set one of its conditions; the time of its transition stays while its status does."""
    conditions = thing.setdefault("status", {}).setdefault("conditions", [])
    old = condition(thing, kind)
    made = {"type": kind, "status": status, "lastTransitionTime": now(), **more}
    made.update({key: value for key, value in (("reason", reason), ("message", message)) if value})
    if old is not None:
        if old["status"] == status:
            made["lastTransitionTime"] = old["lastTransitionTime"]
        if {**made, "lastUpdateTime": ""} == {**old, "lastUpdateTime": ""}:
            return
        conditions.remove(old)
    conditions.append(made)
