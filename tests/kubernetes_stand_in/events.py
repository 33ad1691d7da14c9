"""Events: what the controllers and the node say of an object, counted where they say it again."""

import secrets
import time

from tests.kubernetes_stand_in.store import Object, Store, now

AGAIN = 0.5
"""Seconds within which the same is not said again."""


class Events:
    """Keeps them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._told: dict[tuple[str, str, str], float] = {}

    def tell(self, thing: Object, kind: str, reason: str, message: str) -> None:
        """Say it once more of an object."""
        meta = thing["metadata"]
        if time.monotonic() - self._told.get((meta["uid"], reason, message), 0.0) < AGAIN:
            return
        self._told[meta["uid"], reason, message] = time.monotonic()
        for each in self.store.every("events", meta["namespace"]):
            if (each["involvedObject"]["uid"], each["reason"], each["message"]) == (meta["uid"], reason, message):
                each["count"] += 1
                each["lastTimestamp"] = now()
                self.store.update("events", each)
                return
        self.store.create(
            "events",
            {
                "metadata": {"name": f"{meta['name']}.{secrets.token_hex(8)}", "namespace": meta["namespace"]},
                "involvedObject": {
                    "apiVersion": thing["apiVersion"],
                    "kind": thing["kind"],
                    "name": meta["name"],
                    "namespace": meta["namespace"],
                    "uid": meta["uid"],
                },
                "type": kind,
                "reason": reason,
                "message": message,
                "count": 1,
                "firstTimestamp": now(),
                "lastTimestamp": now(),
                "source": {"component": "kubelet" if thing["kind"] == "Pod" else "controller-manager"},
                "reportingComponent": "",
                "reportingInstance": "",
            },
        )
