"""The Deployment controller, after k8s.io/kubernetes pkg/controller/deployment: ReplicaSets, revisions, rolling updates."""

import hashlib
import json
import math
import time
from typing import Any

from tests.kubernetes_stand_in.store import Object, Store, condition, now, owned, owner, set_condition

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of a hash: Kubernetes leaves vowels out, so that no words come about."""
NOT_COPIED = {REVISION, "kubectl.kubernetes.io/last-applied-configuration"}


def template(thing: Object) -> Object:
    """The pods' template without the hash."""
    made = json.loads(json.dumps(thing["spec"]["template"]))
    (made["metadata"].get("labels") or {}).pop(HASH, None)
    return made


def template_hash(thing: Object) -> str:
    """Ten safe letters."""
    digest = hashlib.sha256(json.dumps(template(thing), sort_keys=True).encode()).digest()
    return "".join(SAFE[each % len(SAFE)] for each in digest[:10])


class Deployments:
    """Brings every Deployment nearer to what it says, one step a turn."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.observes = True
        self.scales = True
        """Whether it acts on what it has observed."""
        self._since: dict[str, float] = {}
        self._made: set[str] = set()

    def turn(self) -> None:
        """One step of each."""
        if not self.observes:
            return
        for each in self.store.every("deployments"):
            self._sync(each)

    def _sync(self, thing: Object) -> None:
        sets = [each for each in self._sets(thing) if owner(each) == thing["metadata"]["uid"]]
        new = self._new(thing, sets)
        old = [each for each in sets if new is None or each["metadata"]["uid"] != new["metadata"]["uid"]]
        if self.scales and not thing["spec"].get("paused"):
            if new is None:
                new = self._create(thing, old)
            self._revise(thing, new, old)
            self._roll(thing, new, old)
        self._status(thing)
        self._forget(thing)

    def _sets(self, thing: Object) -> list[Object]:
        return self.store.every("replicasets", thing["metadata"]["namespace"])

    def _new(self, thing: Object, sets: list[Object]) -> Object | None:
        wanted = template(thing)
        return next((each for each in sets if template(each) == wanted), None)

    def _create(self, thing: Object, old: list[Object]) -> Object:
        named = template_hash(thing)
        made = template(thing)
        made["metadata"].setdefault("labels", {})[HASH] = named
        selector = json.loads(json.dumps(thing["spec"]["selector"]))
        selector.setdefault("matchLabels", {})[HASH] = named
        meta = thing["metadata"]
        self._made.add(meta["uid"])
        return self.store.create(
            "replicasets",
            {
                "metadata": {
                    "name": f"{meta['name']}-{named}",
                    "namespace": meta["namespace"],
                    "labels": made["metadata"]["labels"],
                    "annotations": {REVISION: str(_last(old) + 1)},
                    "ownerReferences": owned(thing),
                },
                "spec": {
                    "replicas": 0,
                    "minReadySeconds": thing["spec"].get("minReadySeconds", 0),
                    "selector": selector,
                    "template": made,
                },
                "status": {"replicas": 0},
            },
        )

    def _revise(self, thing: Object, new: Object, old: list[Object]) -> None:
        """A ReplicaSet that is taken up again gets a new number; the Deployment's annotations are copied to it."""
        number = max(int(new["metadata"]["annotations"][REVISION]), _last(old) + 1)
        copied = {
            key: value for key, value in (thing["metadata"].get("annotations") or {}).items() if key not in NOT_COPIED
        }

        def annotate(each: Object, more: dict[str, str]) -> None:
            each["metadata"]["annotations"] = {**(each["metadata"].get("annotations") or {}), **more}

        self._change("replicasets", new, lambda each: annotate(each, {**copied, REVISION: str(number)}))
        self._change("deployments", thing, lambda each: annotate(each, {REVISION: str(number)}))

    def _roll(self, thing: Object, new: Object, old: list[Object]) -> None:
        wanted = thing["spec"]["replicas"]
        strategy = thing["spec"]["strategy"]
        if strategy["type"] == "Recreate":
            for each in old:
                self._scale(each, 0)
            pods = self.store.every("pods", thing["metadata"]["namespace"])
            left = {each["metadata"]["uid"] for each in old}
            if not any(owner(each) in left for each in pods):
                self._scale(new, wanted)
            return
        surge, unavailable = _budget(strategy["rollingUpdate"], wanted)
        total = new["spec"]["replicas"] + sum(each["spec"]["replicas"] for each in old)
        if new["spec"]["replicas"] > wanted:
            self._scale(new, wanted)
        elif new["spec"]["replicas"] < wanted:
            room = max(0, wanted + surge - total)
            self._scale(new, new["spec"]["replicas"] + min(room, wanted - new["spec"]["replicas"]))
        self._scale_down(new, old, wanted, unavailable)

    def _scale_down(self, new: Object, old: list[Object], wanted: int, unavailable: int) -> None:
        new = self.store.get("replicasets", new["metadata"]["namespace"], new["metadata"]["name"])
        total = new["spec"]["replicas"] + sum(each["spec"]["replicas"] for each in old)
        least = wanted - unavailable
        room = total - least - (new["spec"]["replicas"] - new["status"].get("availableReplicas", 0))
        for each in old:  # pods that are not up go first, and cost nobody anything
            sick = each["spec"]["replicas"] - each["status"].get("availableReplicas", 0)
            gone = max(0, min(sick, room))
            each["spec"]["replicas"] -= gone
            room -= gone
        available = sum(each["status"].get("availableReplicas", 0) for each in [new, *old])
        spare = max(0, available - least)
        for each in old:
            gone = min(each["spec"]["replicas"], spare)
            spare -= gone
            self._scale(each, each["spec"]["replicas"] - gone)

    def _scale(self, thing: Object, replicas: int) -> None:
        self._change("replicasets", thing, lambda each: each["spec"].update(replicas=replicas))

    def _change(self, kind: str, thing: Object, by: Any) -> None:
        self.store.change(kind, thing["metadata"]["namespace"], thing["metadata"]["name"], by)

    def _status(self, thing: Object) -> None:
        thing = self.store.get("deployments", thing["metadata"]["namespace"], thing["metadata"]["name"])
        sets = [each for each in self._sets(thing) if owner(each) == thing["metadata"]["uid"]]
        new = self._new(thing, sets)
        counts = {
            "replicas": sum(each["status"]["replicas"] for each in sets),
            "updatedReplicas": new["status"]["replicas"] if new else 0,
            "readyReplicas": sum(each["status"].get("readyReplicas", 0) for each in sets),
            "availableReplicas": sum(each["status"].get("availableReplicas", 0) for each in sets),
        }
        wanted = thing["spec"]["replicas"]
        counts["unavailableReplicas"] = max(0, sum(s["spec"]["replicas"] for s in sets) - counts["availableReplicas"])
        generation = thing["metadata"]["generation"]
        progressing = self._progressing(thing, counts, new, wanted)

        def write(each: Object) -> None:
            status = each.setdefault("status", {})
            for key, value in counts.items():
                status.pop(key, None)
                if value:
                    status[key] = value
            status["observedGeneration"] = generation
            strategy = each["spec"]["strategy"]
            down = _budget(strategy["rollingUpdate"], wanted)[1] if "rollingUpdate" in strategy else 0
            up = counts["availableReplicas"] >= wanted - down
            set_condition(
                each,
                "Available",
                "True" if up else "False",
                "MinimumReplicasAvailable" if up else "MinimumReplicasUnavailable",
                f"Deployment {'has' if up else 'does not have'} minimum availability.",
                lastUpdateTime=now(),
            )
            set_condition(each, "Progressing", *progressing, lastUpdateTime=now())
            failed = next((found for s in sets if (found := condition(s, "ReplicaFailure"))), None)
            status["conditions"] = [one for one in status["conditions"] if one["type"] != "ReplicaFailure" or failed]
            if failed:
                set_condition(each, "ReplicaFailure", "True", failed["reason"], failed["message"], lastUpdateTime=now())

        self._change("deployments", thing, write)

    def _progressing(self, thing: Object, counts: Any, new: Object | None, wanted: int) -> tuple[str, str, str]:
        """The condition, as `syncRolloutStatus` keeps it.

        One that says that the time was exceeded stays until there is progress, also when something else is asked for.
        """
        uid = thing["metadata"]["uid"]
        named = new["metadata"]["name"] if new else ""
        late, before = condition(thing, "Progressing"), thing.get("status", {})
        if counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted:
            return "True", "NewReplicaSetAvailable", f'ReplicaSet "{named}" has successfully progressed.'
        if uid in self._made or late is None:
            self._made.discard(uid)
            self._since[uid] = time.monotonic()
            return "True", "NewReplicaSetCreated", f'Created new replica set "{named}"'
        if _progresses(before, counts):
            self._since[uid] = time.monotonic()
            return "True", "ReplicaSetUpdated", f'ReplicaSet "{named}" is progressing.'
        under_way = late["reason"] not in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded")
        if under_way and time.monotonic() - self._since[uid] > thing["spec"]["progressDeadlineSeconds"]:
            return "False", "ProgressDeadlineExceeded", f'ReplicaSet "{named}" has timed out progressing.'
        return late["status"], late["reason"], late["message"]

    def _forget(self, thing: Object) -> None:
        """Old ReplicaSets beyond the history's limit go, once the rollout is complete."""
        thing = self.store.get("deployments", thing["metadata"]["namespace"], thing["metadata"]["name"])
        found = condition(thing, "Progressing")
        if found is None or found["reason"] != "NewReplicaSetAvailable":
            return
        sets = [each for each in self._sets(thing) if owner(each) == thing["metadata"]["uid"]]
        new = self._new(thing, sets)
        done = [
            each for each in sets if each != new and not each["spec"]["replicas"] and not each["status"]["replicas"]
        ]
        done.sort(key=lambda each: int(each["metadata"]["annotations"][REVISION]))
        for each in done[: max(0, len(done) - thing["spec"]["revisionHistoryLimit"])]:
            self.store.delete("replicasets", each["metadata"]["namespace"], each["metadata"]["name"])


def _progresses(before: Object, now_: Object) -> bool:
    """`DeploymentProgressing` of deployment_util.go: more that is new, ready or available, or less that is old."""

    def old(status: Object) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    more = any(now_[key] > before.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return more or old(now_) < old(before)


def _last(sets: list[Object]) -> int:
    return max((int(each["metadata"]["annotations"][REVISION]) for each in sets), default=0)


def _budget(rolling: dict[str, Any], wanted: int) -> tuple[int, int]:
    """How many pods more, and how many fewer, than wanted there may be: percent are rounded up and down."""

    def resolved(value: Any, up: Any) -> int:
        return int(up(int(value.rstrip("%")) * wanted / 100)) if isinstance(value, str) else int(value)

    surge, unavailable = resolved(rolling["maxSurge"], math.ceil), resolved(rolling["maxUnavailable"], math.floor)
    return surge, unavailable if surge or unavailable else 1
