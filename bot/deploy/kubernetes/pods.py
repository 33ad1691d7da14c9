"""What is asked of the pods of one revision: which take traffic, what they print, how long a fresh one takes."""

import asyncio
import math
import time

from bot.deploy.kubernetes import objects, rollout, waiting
from bot.deploy.kubernetes.api import Api, Refused
from bot.deploy.kubernetes.forward import Pick
from bot.deploy.kubernetes.objects import Object

MOST = 5
"""Pods whose output is read."""
LINES = 400
"""The last lines of each pod's output that are read."""
BYTES = 65_536
"""Bytes of those lines that are read: the API ends there (`limitBytes`)."""
TRUSTED = 0.25
"""Seconds that a list of pods is good for: as long as a node takes to follow a change of the endpoints."""
PAUSE = 0.1
"""Seconds between two looks at a fresh pod: what its time is accurate to."""


def picking(api: Api, selector: dict[str, str], replica_set: str | None = None) -> Pick:
    """The pods that take traffic now, by their labels, and of one ReplicaSet only where one is named."""
    kept: tuple[float, list[Object]] | None = None

    async def pick() -> list[Object]:
        nonlocal kept
        if kept is None or time.monotonic() - kept[0] > TRUSTED:
            kept = (time.monotonic(), await taking_traffic(api, selector, replica_set))
        return kept[1]

    return pick


def of_image(pick: Pick, container: str, image: str) -> Pick:
    """Of those pods, the ones that were made with this image."""

    async def picked() -> list[Object]:
        return [each for each in await pick() if image_in(each, container) == image]

    return picked


def image_in(pod: Object, container: str) -> str:
    """The image that a pod's container was made with; empty where it has no such container."""
    found = (str(each["image"]) for each in pod["spec"]["containers"] if each["name"] == container)
    return next(found, "")


async def taking_traffic(api: Api, selector: dict[str, str], replica_set: str | None = None) -> list[Object]:
    """The pods that a Service of this selector sends traffic to."""
    if not selector:
        return []
    wanted = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    pods = [each for each in await api.every("pods", labelSelector=wanted) if objects.ready(each)]
    return [each for each in pods if replica_set is None or owner(each) == replica_set]


def owner(pod: Object) -> str:
    """The ReplicaSet that a pod belongs to, or the pod itself where nothing controls it."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(each["name"]) for each in owners if each.get("controller")), objects.name(pod))


def shares(counts: dict[str, int]) -> dict[str, int]:
    """Percent of whole numbers that add up to 100: what is left goes to the largest remainders.

    >>> shares({"a": 1, "b": 2})
    {'a': 33, 'b': 67}
    """
    total = sum(counts.values())
    if total == 0:
        return {}
    made = {key: 100 * count // total for key, count in counts.items()}
    by_rest = sorted(counts, key=lambda key: (-(100 * counts[key] % total), key))
    for key in by_rest[: 100 - sum(made.values())]:
        made[key] += 1
    return {key: share for key, share in made.items() if counts[key]}


async def output(api: Api, pods: list[Object], container: str, since: float) -> bytes:
    """What the newest pods printed since then (seconds since 1970, 0 for all), each under its name, redacted.

    Of a container that was started again, what it printed before that comes first: there is why it ended.
    """
    parts = []
    query = {"container": container, "tailLines": str(LINES), "limitBytes": str(BYTES)}
    if since:
        query["sinceSeconds"] = str(max(1, math.ceil(time.time() - since)))
    newest = sorted(pods, key=lambda each: str(each["metadata"].get("creationTimestamp", "")), reverse=True)
    for pod in newest[:MOST]:
        before = [await _printed(api, pod, {**query, "previous": "true"})] if _restarted(pod, container) else []
        now = await _printed(api, pod, query)
        # between two starts both are the same one
        if text := b"".join(dict.fromkeys([*before, now])):
            parts.append(f"== {objects.name(pod)}\n".encode() + text)
    return b"".join(parts)


async def _printed(api: Api, pod: Object, query: dict[str, str]) -> bytes:
    try:
        text = await api.log(objects.name(pod), query)
    except Refused as error:
        if error.status not in (400, 404):
            raise
        return b""  # it has not started yet, or is gone
    return api.redactor.data(text, cut=len(text) >= BYTES).rstrip(b"\n") + b"\n" if text else b""


def _restarted(pod: Object, container: str) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return any(each.get("name") == container and each.get("restartCount") for each in statuses)


async def fresh(api: Api, deployment: str, within: float) -> float | None:
    """Give a Deployment one pod more, time that to readiness, and take it away again; None where it never was ready."""
    before = await waiting.look(api, deployment)
    wanted = rollout.wants(before.deployment)
    known = {objects.uid(each) for each in before.pods}
    began = time.perf_counter()
    await api.patch("deployments", deployment, {"spec": {"replicas": wanted + 1}})
    try:
        while (passed := time.perf_counter() - began) < within:
            pods = await api.every("pods", labelSelector=objects.selector(before.deployment))
            if any(objects.uid(each) not in known and objects.ready(each) for each in pods):
                return time.perf_counter() - began
            await asyncio.sleep(min(PAUSE, within - passed))
        return None
    finally:
        await api.patch("deployments", deployment, {"spec": {"replicas": wanted}})
