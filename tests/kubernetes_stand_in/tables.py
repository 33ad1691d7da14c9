"""Lists as the tables that `kubectl get` prints (meta.k8s.io/v1, which the published description leaves out)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.kubernetes_stand_in.store import Object, condition


def _age(thing: Object) -> str:
    made = datetime.fromisoformat(thing["metadata"]["creationTimestamp"])
    return f"{int((datetime.now(UTC) - made).total_seconds())}s"


def _pod_state(pod: Object) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for each in pod["status"].get("containerStatuses", ()):
        for kind in ("waiting", "terminated"):
            if kind in each["state"]:
                return str(each["state"][kind]["reason"])
    return str(pod["status"]["phase"])


def _ready(pod: Object) -> str:
    found = condition(pod, "Ready")
    return f"{int(found is not None and found['status'] == 'True')}/{len(pod['spec']['containers'])}"


COLUMNS: dict[str, dict[str, Callable[[Object], Any]]] = {
    "deployments": {
        "Ready": lambda each: f"{each.get('status', {}).get('readyReplicas', 0)}/{each['spec']['replicas']}",
        "Up-to-date": lambda each: each.get("status", {}).get("updatedReplicas", 0),
        "Available": lambda each: each.get("status", {}).get("availableReplicas", 0),
        "Age": _age,
    },
    "replicasets": {
        "Desired": lambda each: each["spec"]["replicas"],
        "Current": lambda each: each["status"]["replicas"],
        "Ready": lambda each: each["status"].get("readyReplicas", 0),
        "Age": _age,
    },
    "pods": {
        "Ready": _ready,
        "Status": _pod_state,
        "Restarts": lambda each: sum(one["restartCount"] for one in each["status"].get("containerStatuses", ())),
        "Age": _age,
    },
}


def table(kind: str, things: list[Object], version: str) -> Object:
    """The table of a kind; of one without columns of its own, names and ages."""
    columns = COLUMNS.get(kind, {"Age": _age})
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": [
            {
                "name": each,
                "type": "string",
                "format": "name" if each == "Name" else "",
                "description": "",
                "priority": 0,
            }
            for each in ("Name", *columns)
        ],
        "rows": [
            {
                "cells": [each["metadata"]["name"], *(cell(each) for cell in columns.values())],
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": each["metadata"],
                },
            }
            for each in things
        ],
    }
