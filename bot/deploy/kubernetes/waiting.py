"""Waiting for a rollout: looking again and again until it is complete, has failed, or time is up."""

import asyncio
import time
from dataclasses import dataclass, field

from bot.deploy.kubernetes import objects
from bot.deploy.kubernetes.api import Api
from bot.deploy.kubernetes.objects import Object
from bot.deploy.kubernetes.rollout import Progress, gave_up, progress
from bot.deploy.kubernetes.troubles import Trouble
from bot.model.duration import format_duration

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
MARGIN = 5.0
"""Seconds beyond its own grace period that a pod may take to end."""


@dataclass(frozen=True)
class Look:
    """All that belongs to a Deployment, as one look showed it."""

    deployment: Object
    replica_sets: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)

    @property
    def newest(self) -> Object | None:
        """The ReplicaSet of the Deployment's present template."""
        return objects.newest(self.deployment, self.replica_sets)

    def of(self, replica_set: Object | None) -> list[Object]:
        """A ReplicaSet's pods."""
        return [each for each in self.pods if replica_set is not None and objects.owned_by(each, replica_set)]


@dataclass(frozen=True)
class Waited:
    """What became of it. `seconds` is from the start until it was complete, None when it never was."""

    look: Look
    progress: Progress
    seconds: float | None


async def look(api: Api, name: str) -> Look:
    """Look once. Events are asked for only while there are pods that are not ready: they are many."""
    deployment = await api.get("deployments", name)
    selector = objects.selector(deployment)
    replica_sets = await api.every("replicasets", labelSelector=selector)
    pods = await api.every("pods", labelSelector=selector)
    events = []
    if not all(map(objects.ready, pods)):
        events = await api.every("events", fieldSelector="involvedObject.kind=Pod,type=Warning")
    return Look(deployment, replica_sets, pods, events)


async def rolled_out(api: Api, name: str, within: float, patience: float) -> Waited:
    """Look until the rollout is complete or has failed, for `within` seconds at most.

    A trouble that only waiting could end (an image that is not pulled, a container that ends again and again) is a
    failure once it has stood for `patience` seconds in which no further pod became ready. So is a deadline that had been
    exceeded when we came: Kubernetes says so of the rollout before until it sees progress of this one
    (`syncRolloutStatus` in pkg/controller/deployment/progress.go).

    Raises:
        DeployError: the API server refuses, or is down.
    """
    began = time.monotonic()
    pause = FIRST_PAUSE
    since: dict[str, float] = {}
    best = -1
    of_before = True
    while True:
        seen = await look(api, name)
        now = time.monotonic()
        state = progress(seen.deployment, seen.replica_sets, seen.pods, seen.events)
        of_before = of_before and gave_up(seen.deployment)
        if of_before and state.state == "failed" and now - began < patience:
            state = Progress("progressing", state.says)
        if state.state == "complete":
            return Waited(seen, state, now - began)
        up = sum(map(objects.ready, seen.of(seen.newest)))
        if up > best:
            best, since = up, {}
        if state.trouble is not None:
            since.setdefault(state.trouble.reason, now)
        failed = state if state.state == "failed" else _stuck(state, since, now, patience)
        if failed is not None:
            return Waited(seen, failed, None)
        if now - began >= within:
            return Waited(seen, _late(state, within), None)
        await asyncio.sleep(min(pause, max(0.0, within - (now - began))))
        pause = min(pause * 1.5, LONGEST_PAUSE)


async def drained(api: Api, name: str, within: float) -> bool:
    """Wait until the pods of a Deployment's former ReplicaSets have ended, as long as they are given to; have they?

    One that is ending takes no new traffic by Kubernetes' word, but a proxy, an ingress or a load balancer learns of it a
    little later, and it answers until it has ended. So do the sockets that it holds.
    """
    began = time.monotonic()
    while True:
        seen = await look(api, name)
        mine = {objects.uid(each) for each in seen.of(seen.newest)}
        own = [each for each in seen.replica_sets if objects.owned_by(each, seen.deployment)]
        left = [
            each
            for each in seen.pods
            if objects.uid(each) not in mine
            and any(objects.owned_by(each, owner) for owner in own)
            and (each.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        if not left:
            return True
        given = max(float(each["spec"].get("terminationGracePeriodSeconds", 30)) for each in left)
        if time.monotonic() - began >= min(within, given + MARGIN):
            return False
        await asyncio.sleep(FIRST_PAUSE * 2)


def _stuck(state: Progress, since: dict[str, float], now: float, patience: float) -> Progress | None:
    trouble = state.trouble
    if trouble is None or trouble.patient or now - since[trouble.reason] < patience:
        return None
    return Progress("failed", trouble.sentence, trouble)


def _late(state: Progress, within: float) -> Progress:
    says = f"it is not complete after {format_duration(within)}: {state.says}"
    if state.trouble is not None:
        says = f"{says}: {state.trouble.sentence}"
    trouble = state.trouble or Trouble("Late", says, "")
    return Progress("failed", says, trouble)
