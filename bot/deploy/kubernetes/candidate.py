"""The candidate's Deployment: the stable one's pods with another image, and labels that no Service selects. Pure."""

import copy
import math
from typing import Any

from bot.deploy.kubernetes import objects
from bot.deploy.kubernetes.memory import ACT, Memory
from bot.deploy.kubernetes.objects import Object
from bot.model import digest
from bot.model.value import canonical

LABEL = "stability-proof.dev/candidate-of"
RUN = "stability-proof.dev/run"
"""Tells this deploy's pods from those of one before that are still ending."""
LONGEST_LABEL = 63


def called(deployment: str) -> str:
    """The candidate's name.

    >>> called("chat")
    'chat-candidate'
    """
    return f"{deployment}-candidate"


def mark(deployment: str) -> str:
    """The value of its label: the stable Deployment's name, or what is unique to one that is too long for a label."""
    if len(deployment) <= LONGEST_LABEL:
        return deployment
    return f"{deployment[:40].rstrip('.-')}-{digest(deployment.encode())[-16:]}"


def labels(deployment: str, memory: Memory) -> dict[str, str]:
    """What the candidate's pods, and no others, are found by."""
    return {LABEL: mark(deployment), RUN: memory.token}


def unselected(theirs: dict[str, str], stable: Object, services: list[Object]) -> dict[str, str]:
    """The labels without those by which the stable Deployment, or any Service, would take the pods for its own."""
    selector = stable["spec"]["selector"]
    taken = set(selector.get("matchLabels") or {})
    taken |= {each["key"] for each in selector.get("matchExpressions") or () if each["operator"] in ("In", "Exists")}
    kept = {key: value for key, value in theirs.items() if key not in taken}
    for each in services:
        wanted = each["spec"].get("selector") or {}
        if objects.selects(wanted, kept):
            kept = {key: value for key, value in kept.items() if key not in wanted}
    return kept


def build(stable: Object, services: list[Object], memory: Memory, replicas: int, within: float) -> Object:
    """The Deployment to create. It goes when the stable one is deleted: that one owns it."""
    template = copy.deepcopy(objects.template(stable))
    for each in objects.containers(template):
        if each["name"] == memory.container:
            each["image"] = memory.image
    name = objects.name(stable)
    own = labels(name, memory)
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**unselected(metadata.get("labels") or {}, stable, services), **own}
    metadata.pop("creationTimestamp", None)
    ready = int(stable["spec"].get("minReadySeconds") or 0)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": called(name),
            "namespace": stable["metadata"]["namespace"],
            "labels": own,
            "annotations": {ACT: memory.model_dump_json()},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": objects.uid(stable)}
            ],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": ready,
            "progressDeadlineSeconds": max(ready + 1, math.ceil(within)),
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": own},
            "template": template,
        },
    }


def fingerprint(deployment: Object) -> str:
    """Tells one pods' template from another."""
    return digest(canonical(objects.template(deployment)))


def image_change(stable: Object, container: str, image: str) -> Object:
    """The strategic merge patch that promotes or rolls back: this one field, and only if nobody wrote meanwhile."""
    containers: list[dict[str, Any]] = [{"name": container, "image": image}]
    return {
        "metadata": {"resourceVersion": objects.version(stable)},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
