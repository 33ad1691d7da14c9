"""A cluster with a small service in it, in several revisions, and what a bot on it needs."""

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from bot.deploy.kubernetes import waiting
from bot.deploy.kubernetes.target import KubernetesTarget
from bot.deploy.target import DeployContext
from bot.safety.redact import Redactor
from tests.kubernetes_stand_in.cluster import Cluster
from tests.kubernetes_stand_in.store import Object

SERVICE = """
import os, sys, time, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = REVISION.encode()
        ready = self.path != "/ready" or READY
        self.send_response(200 if ready else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False

print("password=hunter-two-hunter", REVISION, flush=True)
"""
STOPS = """
import signal
def drain():
    time.sleep(0.1)  # until no Service sends it anything any more, as a preStop hook does
    server.shutdown()
def stop(*_):
    threading.Thread(target=drain).start()
signal.signal(signal.SIGTERM, stop)
"""
SERVES = SERVICE + 'server = Server((os.environ["POD_IP"], 8000), Service)\n' + STOPS + "server.serve_forever()\n"
CRASHES = "import sys\nprint('cannot find the database', file=sys.stderr)\nsys.exit(3)\n"
WANTS_MEMORY = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
REGISTRY = "registry.example.com/chat"


def commit(letter: str) -> str:
    """A commit's SHA."""
    return letter * 40


def image(letter: str) -> str:
    """The image of a commit, by its letter or in full."""
    return f"{REGISTRY}:{commit(letter) if len(letter) == 1 else letter}"


def manifest(name: str = "chat", first: str = "a", **spec: Any) -> Object:
    """A Deployment as somebody writes it."""
    container = {
        "name": "chat",
        "image": image(first),
        "ports": [{"name": "http", "containerPort": 8000}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"limits": {"memory": "128Mi", "cpu": "500m"}, "requests": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
    }
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name, "tier": "web"}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 3},
            },
            **spec,
        },
    }


@dataclass
class KubernetesGround:
    """The cluster, and a bot's place beside it."""

    cluster: Cluster
    folder: Path
    lines: list[str] = field(default_factory=list)
    bots: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def push(self, letter: str, source: str = SERVES, *, ready: bool = True, name: str | None = None) -> str:
        """Put a revision's image into the registry, which calls itself by that name."""
        file = self.folder / f"{letter}.py"
        file.write_text(f"REVISION = {name or letter!r}\nREADY = {ready}\n{source}")
        self.cluster.push(image(letter), sys.executable, "-I", "-S", str(file))
        return image(letter)

    def install(self, first: str = "a", *, wait: bool = True, **spec: Any) -> None:
        """Make the Deployment and its Service, and wait until it serves."""
        if image(first) not in self.cluster.node.images:
            self.push(first)
        self.cluster.apply("deployments", manifest(first=first, **spec))
        service = {"selector": {"app": "chat"}, "ports": [{"port": 80, "targetPort": "http"}]}
        self.cluster.apply("services", {"metadata": {"name": "chat", "namespace": "shop"}, "spec": service})
        if wait:
            self.settled()

    def settled(self, name: str = "chat") -> None:
        """Wait until a Deployment's rollout is complete and only its own pods are left."""

        def complete() -> bool:
            thing = self.deployment(name)
            status, wanted = thing["status"], thing["spec"]["replicas"]
            counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
            return status.get("observedGeneration") == thing["metadata"]["generation"] and counts == [wanted] * 3

        self.cluster.wait(complete)

    def target(self, **keys: Any) -> KubernetesTarget:
        """The target, as a spec has it."""
        config = keys.pop("kubeconfig", None) or str(self.cluster.kubeconfig(keys.pop("token", None)))
        said = {
            "deployment": "chat",
            "image": f"{REGISTRY}:{{commit}}",
            "kubeconfig": config,
            "within": 20,
            "patience": 1.5,
        }
        return KubernetesTarget.model_validate({**said, **keys})

    def context(self) -> DeployContext:
        """What a bot is told."""
        return DeployContext(
            service="chat",
            environment="production",
            repository=self.folder,
            state=self.folder / "state",
            redactor=Redactor(["hunter-two-hunter"]),
            log=self.lines.append,
        )

    def deployment(self, name: str = "chat") -> Object:
        """A Deployment as it is."""
        return self.cluster.store.get("deployments", "shop", name)

    def images(self) -> dict[str, str]:
        """The images of all Deployments."""
        every = self.cluster.store.every("deployments")
        return {each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["image"] for each in every}

    def pods(self) -> Counter[str]:
        """How many pods of each image are there and not ending."""
        every = self.cluster.store.every("pods")
        left = [each for each in every if not each["metadata"].get("deletionTimestamp")]
        return Counter(each["spec"]["containers"][0]["image"] for each in left)

    def alone(self, letter: str, pods: int = 2) -> None:
        """Assert that this revision serves with all that it should have, and that nothing else is left."""
        self.settled()
        self.cluster.wait(lambda: self.pods() == {image(letter): pods})
        assert self.images() == {"chat": image(letter)}

    def bot(self, *words: str) -> subprocess.Popen[bytes]:
        """A bot in a process of its own (`kubernetes_bot.py`), which can be killed."""
        command = [sys.executable, "-m", "tests.integration.deploy.kubernetes_bot", *words]
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig()), "PYTHONPATH": str(Path.cwd())}
        output = (self.folder / "bot.log").open("ab")
        with output:
            self.bots.append(subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT))
        return self.bots[-1]


def ask(url: str, path: str = "/", body: bytes | None = None) -> str:
    """One answer."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


class Users:
    """Asks all the time, from several threads, and counts who answered and how often nobody did."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers[ask(self.url)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[type(error).__name__] += 1
            time.sleep(0.01)


@contextlib.contextmanager
def ground(folder: Path, *, tls: bool = False) -> Iterator[KubernetesGround]:
    """A cluster; afterwards every exchange has to have been as Kubernetes describes it."""
    with Cluster(folder / "cluster", tls=tls) as cluster, pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "LONGEST_PAUSE", 0.1)  # the stand-in's time goes faster
        made = KubernetesGround(cluster, folder)
        try:
            yield made
        finally:
            for bot in made.bots:  # a test that failed did not wait for its own
                bot.kill()
                bot.wait()
    assert cluster.gateway.violations == []
