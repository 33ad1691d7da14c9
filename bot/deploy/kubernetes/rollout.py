"""What state a rollout is in, by kubectl's own rules and a little stricter. Pure.

The rules are those of `kubectl rollout status` (rollout_status.go of k8s.io/kubectl). What is added: an old pod that
still takes traffic keeps a rollout from being complete whatever the counts say (they may be older than the pods), and
so do fewer ready pods than were wanted. A failure says why, in one sentence.
"""

from dataclasses import dataclass
from typing import Literal

from bot.deploy.kubernetes import objects
from bot.deploy.kubernetes.objects import Object
from bot.deploy.kubernetes.troubles import Trouble, troubles

State = Literal["progressing", "complete", "failed"]


@dataclass(frozen=True)
class Progress:
    """Where a rollout is. `trouble` is what keeps it from going on; a failure always has one."""

    state: State
    says: str
    trouble: Trouble | None = None


def progress(deployment: Object, replica_sets: list[Object], pods: list[Object], events: list[Object]) -> Progress:
    """Exactly one state, from one look at the Deployment and at what belongs to it."""
    status = deployment.get("status") or {}
    wanted = wants(deployment)
    if (deployment["metadata"].get("generation") or 0) > (status.get("observedGeneration") or 0):
        return Progress("progressing", "Kubernetes has not yet seen the change")
    new = objects.newest(deployment, replica_sets)
    mine = [each for each in pods if new is not None and objects.owned_by(each, new)]
    known = troubles(deployment, mine, events)
    if given_up := _given_up(deployment):
        why = _why(known, given_up)
        return Progress("failed", why.sentence, why)
    if final := next((each for each in known if each.final), None):
        return Progress("failed", final.sentence, final)
    waiting = _waiting(status, wanted) or _looking(deployment, wanted, mine, pods, replica_sets)
    if waiting is None:
        return Progress("complete", f"{wanted} of {wanted} pods are up to date and ready")
    return Progress("progressing", waiting, next(iter(known), None))


def wants(deployment: Object) -> int:
    """How many pods it wants; 1 where it does not say, as Kubernetes takes it."""
    replicas = deployment["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def gave_up(deployment: Object) -> bool:
    """Does Kubernetes say that the time for it was exceeded?"""
    return _given_up(deployment) is not None


def _given_up(deployment: Object) -> Trouble | None:
    found = objects.condition(deployment, "Progressing")
    if found is None or found.get("reason") != "ProgressDeadlineExceeded":
        return None
    seconds = deployment["spec"].get("progressDeadlineSeconds") or 600
    sentence = f"Kubernetes gave the rollout up: there was no progress within {seconds} s"
    return Trouble("ProgressDeadlineExceeded", sentence, str(found.get("message", "")), final=True)


def _why(known: list[Trouble], given_up: Trouble) -> Trouble:
    """What is behind it, where that can be seen: a deadline alone explains nothing."""
    if not known:
        return given_up
    deeper = known[0]
    return Trouble(deeper.reason, f"{given_up.sentence}: {deeper.sentence}", deeper.message, final=True)


def _waiting(status: Object, wanted: int) -> str | None:
    """What the counts say is still to come; kubectl's own order."""
    replicas, updated = status.get("replicas") or 0, status.get("updatedReplicas") or 0
    available = status.get("availableReplicas") or 0
    if updated < wanted:
        return f"{updated} of {wanted} pods are up to date"
    if replicas > updated:
        return f"{replicas - updated} old pods are still there"
    if available < updated:
        return f"{available} of {updated} new pods are available"
    return None


def _looking(
    deployment: Object, wanted: int, mine: list[Object], pods: list[Object], replica_sets: list[Object]
) -> str | None:
    """What the pods themselves say."""
    ready = sum(map(objects.ready, mine))
    if ready < wanted:
        return f"{ready} of {wanted} new pods are ready"
    own = [each for each in replica_sets if objects.owned_by(each, deployment)]
    ours = {objects.name(each) for each in mine}
    old = [
        each
        for each in pods
        if objects.name(each) not in ours
        and any(objects.owned_by(each, owner) for owner in own)
        and objects.ready(each)
    ]
    return f"{len(old)} old pods still take traffic" if old else None
