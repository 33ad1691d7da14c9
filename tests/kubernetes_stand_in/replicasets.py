"""The ReplicaSet controller, with the namespace's quota, and the collector of what nobody owns any more."""

import secrets
from datetime import UTC, datetime
from typing import Any

from tests.kubernetes_stand_in.deployments import SAFE
from tests.kubernetes_stand_in.events import Events
from tests.kubernetes_stand_in.store import Object, Store, condition, owned, owner, set_condition


def active(pod: Object) -> bool:
    """Does it count? Not one that is ending."""
    return not pod["metadata"].get("deletionTimestamp")


def ready(pod: Object) -> bool:
    """Does its condition say so?"""
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


class ReplicaSets:
    """Makes and deletes pods.

    `quota` is how many pods the namespace may have; None is as many as there are. `collects` is whether what nobody owns
    any more goes at once: on a busy cluster that takes a while.
    """

    def __init__(self, store: Store, events: Events) -> None:
        self.store = store
        self.events = events
        self.quota: int | None = None
        self.collects = True

    def turn(self) -> None:
        """One step of each."""
        for each in self.store.every("replicasets"):
            self._sync(each)
        if self.collects:
            self._collect()

    def _sync(self, thing: Object) -> None:
        namespace = thing["metadata"]["namespace"]
        pods = [each for each in self.store.every("pods", namespace) if owner(each) == thing["metadata"]["uid"]]
        pods = [each for each in pods if active(each)]
        missing = thing["spec"]["replicas"] - len(pods)
        refused = None
        for _ in range(missing):
            refused = self._make(thing, namespace)
            if refused:
                break
        # those that are not ready go first, then the youngest
        last = sorted(pods, key=lambda each: (ready(each), _reversed(each)))
        for each in last[: max(0, -missing)]:
            self.terminate(each)
        self._status(thing, pods, refused)

    def _make(self, thing: Object, namespace: str) -> str | None:
        name = f"{thing['metadata']['name']}-{''.join(secrets.choice(SAFE) for _ in range(5))}"
        there = self.store.every("pods", namespace)
        if self.quota is not None and len(there) >= self.quota:
            message = (
                f'pods "{name}" is forbidden: exceeded quota: pods, requested: pods=1, used: pods={len(there)}, '
                f"limited: pods={self.quota}"
            )
            self.events.tell(thing, "Warning", "FailedCreate", f"Error creating: {message}")
            return message
        made = thing["spec"]["template"]
        meta = {key: value for key, value in made["metadata"].items() if value is not None}
        self.store.create(
            "pods",
            {
                "metadata": {**meta, "name": name, "namespace": namespace, "ownerReferences": owned(thing)},
                "spec": made["spec"],
                "status": {"phase": "Pending", "qosClass": "BestEffort"},
            },
        )
        self.events.tell(thing, "Normal", "SuccessfulCreate", f"Created pod: {name}")
        return None

    def terminate(self, pod: Object) -> None:
        """Tell a pod to end; the node ends it."""

        def mark(each: Object) -> None:
            grace = each["spec"].get("terminationGracePeriodSeconds", 30)
            each["metadata"].setdefault("deletionTimestamp", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            each["metadata"]["deletionGracePeriodSeconds"] = grace

        self.store.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"], mark)

    def _status(self, thing: Object, pods: list[Object], refused: str | None) -> None:
        up = sum(map(ready, pods))
        least = thing["spec"].get("minReadySeconds", 0)
        old_enough = sum(ready(each) and _ready_for(each) >= least for each in pods)

        def write(each: Object) -> None:
            status: dict[str, Any] = {"replicas": len(pods), "observedGeneration": thing["metadata"]["generation"]}
            if pods:
                status["fullyLabeledReplicas"] = len(pods)
            if up:
                status["readyReplicas"] = up
            if old_enough:
                status["availableReplicas"] = old_enough
            kept = each.get("status", {}).get("conditions", [])
            each["status"] = {**status, "conditions": kept}
            if refused:
                set_condition(each, "ReplicaFailure", "True", "FailedCreate", refused)
            else:
                each["status"].pop("conditions")

        self.store.change("replicasets", thing["metadata"]["namespace"], thing["metadata"]["name"], write)

    def _collect(self) -> None:
        kinds = ("deployments", "replicasets", "pods")
        alive = {each["metadata"]["uid"] for kind in kinds for each in self.store.every(kind)}
        for kind in ("deployments", "replicasets", "pods"):
            for each in self.store.every(kind):
                owners = each["metadata"].get("ownerReferences") or ()
                if owners and not any(one["uid"] in alive for one in owners):
                    if kind == "pods":
                        self.terminate(each)
                    else:
                        self.store.delete(kind, each["metadata"]["namespace"], each["metadata"]["name"])


def _reversed(pod: Object) -> int:
    return -int(pod["metadata"]["resourceVersion"])


def _ready_for(pod: Object) -> float:
    found = condition(pod, "Ready")
    assert found is not None
    return (datetime.now(UTC) - datetime.fromisoformat(found["lastTransitionTime"])).total_seconds()
