"""The node: a pod is one or more processes on a loopback address of its own, with its probes really asked."""

import http.client
import itertools
import os
import secrets
import signal
import socket
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kubernetes_stand_in.events import Events
from tests.kubernetes_stand_in.store import Object, Store, now, set_condition

PACE = 0.05
"""What Kubernetes' periods are multiplied by: a probe of every 2 s is asked each 100 ms."""
BACK_OFF = 10.0
LONGEST_BACK_OFF = 300.0


@dataclass(frozen=True)
class Image:
    """What a registry has: the program to start, and the digest of the image."""

    command: tuple[str, ...]
    digest: str


@dataclass
class Running:
    """A container as the node has it. `due` is when something is to be tried next."""

    process: subprocess.Popen[bytes] | None = None
    output: Path | None = None
    earlier: Path | None = None
    restarts: int = 0
    tries: int = 0
    due: float = 0.0
    began: str = ""
    digest: str = ""
    last: dict[str, Any] | None = None
    ready: bool = False
    failures: int = 0
    probe: Future[str | None] | None = None
    probe_due: float = 0.0


@dataclass
class Held:
    """A pod as the node has it."""

    address: str
    ended: float | None = None
    containers: dict[str, Running] = field(default_factory=dict)


class Node:
    """Runs pods. `room` is how many it can hold; `images` are those that can be pulled."""

    def __init__(self, store: Store, events: Events, folder: Path) -> None:
        self.store = store
        self.events = events
        self.folder = folder
        self.images: dict[str, Image] = {}
        self.room: int | None = None
        self.held: dict[str, Held] = {}
        self._numbers = itertools.count()
        self._claim, self._subnet = _claimed()
        self._probing = ThreadPoolExecutor(4, thread_name_prefix="probe")

    def turn(self) -> None:
        """One step of each pod."""
        pods = {each["metadata"]["uid"]: each for each in self.store.every("pods")}
        for uid, pod in pods.items():
            if pod["metadata"].get("deletionTimestamp"):
                self._end(uid, pod)
            elif uid in self.held or self._scheduled(pod):
                self._sync(pod)

    def stop(self) -> None:
        """Kill everything."""
        self._probing.shutdown(wait=False, cancel_futures=True)
        self._claim.close()
        for held in self.held.values():
            for each in held.containers.values():
                _signal(each.process, signal.SIGKILL)
                if each.process is not None:
                    each.process.wait()

    def log(self, uid: str, container: str, *, previous: bool) -> bytes | None:
        """What a container printed; None where there is no such start of it."""
        held = self.held.get(uid)
        found = held.containers.get(container) if held else None
        file = None
        if found is not None:  # between two starts, the one before is the last one
            file = found.earlier if previous and found.process is not None else found.output
        return None if file is None else file.read_bytes()

    def _scheduled(self, pod: Object) -> bool:
        if self.room is not None and len(self.held) >= self.room:
            message = "0/1 nodes are available: 1 Insufficient cpu."
            self._write(pod, lambda each: set_condition(each, "PodScheduled", "False", "Unschedulable", message))
            self.events.tell(pod, "Warning", "FailedScheduling", message)
            return False
        held = Held(f"{self._subnet}.{next(self._numbers) % 250 + 2}")
        self.held[pod["metadata"]["uid"]] = held

        def write(each: Object) -> None:
            each["spec"]["nodeName"] = "node-1"
            each["status"].update(
                hostIP="127.0.0.1", podIP=held.address, podIPs=[{"ip": held.address}], startTime=now()
            )
            for kind in ("PodScheduled", "Initialized"):
                set_condition(each, kind, "True")

        self._write(pod, write)
        return True

    def _sync(self, pod: Object) -> None:
        held = self.held[pod["metadata"]["uid"]]
        statuses = [self._container(pod, held, each) for each in pod["spec"]["containers"]]
        up = all(each["ready"] for each in statuses)
        started = any("running" in each["state"] or each["restartCount"] for each in statuses)

        def write(each: Object) -> None:
            each["status"]["phase"] = "Running" if started else "Pending"
            each["status"]["containerStatuses"] = statuses
            names = [one["name"] for one in statuses if not one["ready"]]
            reason = ("", "") if up else ("ContainersNotReady", f"containers with unready status: {names}")
            for kind in ("Ready", "ContainersReady"):
                set_condition(each, kind, "True" if up else "False", *reason)

        self._write(pod, write)

    def _container(self, pod: Object, held: Held, spec: dict[str, Any]) -> dict[str, Any]:
        mine = held.containers.setdefault(spec["name"], Running())
        image = self.images.get(spec["image"])
        state: dict[str, Any]
        if mine.process is None and image is None:
            state = self._not_pulled(pod, mine, spec["image"])
        elif mine.process is None and time.monotonic() < mine.due:
            message = f"back-off {BACK_OFF:g}s restarting failed container={spec['name']} pod={pod['metadata']['name']}"
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        else:
            if mine.process is None:
                assert image is not None
                self._start(pod, held, mine, spec, image)
            state = self._watched(pod, held, mine, spec)
        digest = mine.digest
        named = spec["image"].partition("@")[0].rpartition(":")[0] or spec["image"]
        made = {
            "name": spec["name"],
            "image": spec["image"],
            "imageID": f"{named}@{digest}" if digest else "",
            "ready": mine.ready,
            "started": "running" in state,
            "restartCount": mine.restarts,
            "state": state,
        }
        return {**made, "lastState": {"terminated": mine.last} if mine.last else {}}

    def _not_pulled(self, pod: Object, mine: Running, image: str) -> dict[str, Any]:
        said = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
        if image != image.lower():
            message = f'Failed to apply default image tag "{image}": couldn\'t parse image name'
            return {"waiting": {"reason": "InvalidImageName", "message": message}}
        if time.monotonic() >= mine.due:
            mine.tries += 1
            mine.due = time.monotonic() + min(BACK_OFF * 2 ** (mine.tries - 1), LONGEST_BACK_OFF) * PACE
            self.events.tell(pod, "Warning", "Failed", f'Failed to pull image "{image}": {said}')
            return {"waiting": {"reason": "ErrImagePull", "message": said}}
        self.events.tell(pod, "Normal", "BackOff", f'Back-off pulling image "{image}"')
        return {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}

    def _start(self, pod: Object, held: Held, mine: Running, spec: dict[str, Any], image: Image) -> None:
        mine.earlier = mine.output
        mine.output = self.folder / f"{pod['metadata']['name']}-{spec['name']}-{mine.restarts}.log"
        given = {each["name"]: each.get("value", "") for each in spec.get("env", ())}
        environment = {"PATH": os.environ["PATH"], "POD_IP": held.address, "HOSTNAME": pod["metadata"]["name"], **given}
        with mine.output.open("wb") as output:
            mine.process = subprocess.Popen(
                image.command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        mine.began, mine.digest = now(), image.digest
        mine.ready = "readinessProbe" not in spec
        mine.failures, mine.probe, mine.probe_due = 0, None, 0.0

    def _watched(self, pod: Object, held: Held, mine: Running, spec: dict[str, Any]) -> dict[str, Any]:
        assert mine.process is not None
        code = mine.process.poll()
        if code is None:
            if probe := spec.get("readinessProbe"):
                self._probe(pod, held, mine, spec, probe)
            return {"running": {"startedAt": mine.began}}
        reason = "Completed" if code == 0 else "OOMKilled" if code == -signal.SIGKILL else "Error"
        ended = {"exitCode": code if code >= 0 else 128 - code, "reason": reason}
        mine.last = {**ended, "startedAt": mine.began, "finishedAt": now()}
        mine.due = time.monotonic() + min(BACK_OFF * 2**mine.restarts, LONGEST_BACK_OFF) * PACE
        mine.process, mine.ready = None, False
        mine.restarts += 1
        self.events.tell(pod, "Warning", "BackOff", f"Back-off restarting failed container {spec['name']}")
        return {"terminated": mine.last}

    def _probe(self, pod: Object, held: Held, mine: Running, spec: dict[str, Any], probe: dict[str, Any]) -> None:
        if mine.probe is not None and mine.probe.done():
            wrong = mine.probe.result()
            mine.probe = None
            if wrong is None:
                mine.ready, mine.failures = True, 0
            else:
                mine.failures += 1
                mine.ready = mine.ready and mine.failures < probe["failureThreshold"]
                self.events.tell(pod, "Warning", "Unhealthy", f"Readiness probe failed: {wrong}")
        if mine.probe is None and time.monotonic() >= mine.probe_due:
            mine.probe_due = time.monotonic() + probe["periodSeconds"] * PACE
            port = probe["httpGet"]["port"]
            if isinstance(port, str):
                port = next(each["containerPort"] for each in spec["ports"] if each["name"] == port)
            path, seconds = probe["httpGet"]["path"], probe["timeoutSeconds"]
            mine.probe = self._probing.submit(_asked, held.address, port, path, seconds)

    def _end(self, uid: str, pod: Object) -> None:
        held = self.held.get(uid)
        if held is not None:
            if held.ended is None:
                held.ended = time.monotonic()
                for each in held.containers.values():
                    _signal(each.process, signal.SIGTERM)
            grace = pod["metadata"].get("deletionGracePeriodSeconds", 30)
            running = [each for each in held.containers.values() if each.process and each.process.poll() is None]
            if running and time.monotonic() - held.ended < grace:
                return
            for each in running:
                _signal(each.process, signal.SIGKILL)
                if each.process:
                    each.process.wait()
            del self.held[uid]
        self.store.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _write(self, pod: Object, by: Any) -> None:
        self.store.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"], by)


def _claimed() -> tuple[socket.socket, str]:
    """Loopback addresses that no other cluster on this machine has, and what holds them while it is open."""
    while True:
        subnet = f"127.{64 + secrets.randbelow(128)}.{secrets.randbelow(256)}"
        claim = socket.socket()
        try:
            claim.bind((f"{subnet}.1", 7999))
        except OSError:
            claim.close()
        else:
            return claim, subnet


def _asked(address: str, port: int, path: str, seconds: float) -> str | None:
    """None where it is ready, else what is wrong, in the kubelet's words."""
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except OSError as error:
        return f'Get "http://{address}:{port}{path}": {error.strerror or error}'
    except http.client.HTTPException as error:
        return f'Get "http://{address}:{port}{path}": {type(error).__name__}'
    finally:
        connection.close()
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _signal(process: subprocess.Popen[bytes] | None, number: int) -> None:
    if process is not None and process.poll() is None:
        os.killpg(process.pid, number)
