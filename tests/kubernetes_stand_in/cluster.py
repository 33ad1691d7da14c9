"""One cluster of the stand-in: started, filled, looked at, stopped."""

import base64
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.kubernetes_stand_in import defaults
from tests.kubernetes_stand_in.certificates import Authority
from tests.kubernetes_stand_in.deployments import Deployments
from tests.kubernetes_stand_in.events import Events
from tests.kubernetes_stand_in.gateway import Fault, Gateway
from tests.kubernetes_stand_in.node import Image, Node
from tests.kubernetes_stand_in.people import Person
from tests.kubernetes_stand_in.replicasets import ReplicaSets
from tests.kubernetes_stand_in.server import Server
from tests.kubernetes_stand_in.services import Proxy
from tests.kubernetes_stand_in.store import Object, Store

TURN = 0.015
"""Seconds between two turns of the controllers."""


class Cluster:
    """While it is open, it serves; with `tls`, by certificates of an authority of its own."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.authority = Authority() if tls else None
        self.store = Store()
        self.events = Events(self.store)
        self.deployments = Deployments(self.store)
        self.sets = ReplicaSets(self.store, self.events)
        self.node = Node(self.store, self.events, folder)
        self.gateway = Gateway(self.store, self.sets, self.node)
        self.server = Server(self.gateway, self.authority.server(folder) if self.authority else None)
        self.admin = self.person("admin")
        self._proxies: dict[str, Proxy] = {}
        self._stop = threading.Event()
        self._manager = threading.Thread(target=self._manage, name="controllers")
        self.broke: BaseException | None = None

    def __enter__(self) -> Self:
        self.server.start()
        self._manager.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._manager.join()
        self.server.stop()
        for each in self._proxies.values():
            each.stop()
        self.node.stop()
        if self.broke is not None:
            raise self.broke

    @property
    def url(self) -> str:
        """Where the API server is."""
        return self.server.url

    def person(self, name: str, rules: list[dict[str, Any]] | None = None) -> str:
        """The token of somebody with the rules of a Role; without any, of somebody who may do everything."""
        token = secrets.token_hex(16)
        self.gateway.people[token] = Person(name, rules)
        return token

    def certified(self, name: str) -> dict[str, str]:
        """A kubeconfig's user with a client certificate, who may do everything."""
        assert self.authority is not None
        certificate, key = self.authority.pair(name)
        self.gateway.people[f"certificate {name}"] = Person(name)
        return {
            "client-certificate-data": base64.b64encode(certificate).decode(),
            "client-key-data": base64.b64encode(key).decode(),
        }

    def kubeconfig(self, token: str | None = None, user: dict[str, Any] | None = None, **cluster: str) -> Path:
        """A kubeconfig for whom the token belongs to, or for a user as one is written there."""
        if self.authority is not None:
            authority = base64.b64encode(self.authority.certificate).decode()
            cluster = {"certificate-authority-data": authority, **cluster}
        file = self.folder / f"kubeconfig-{secrets.token_hex(4)}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stand-in",
            "clusters": [{"name": "here", "cluster": {"server": self.url, **cluster}}],
            "users": [{"name": "me", "user": user or {"token": token or self.admin}}],
            "contexts": [{"name": "stand-in", "context": {"cluster": "here", "user": "me", "namespace": "shop"}}],
        }
        file.write_text(json.dumps(config))
        return file

    def push(self, image: str, *command: str) -> None:
        """Put an image into the registry: the program that it starts."""
        self.node.images[image] = Image(command, f"sha256:{secrets.token_hex(32)}")

    def apply(self, kind: str, thing: Object) -> Object:
        """Make an object, as `kubectl create` does."""
        defaults.FILL.get(kind, lambda _: None)(thing)
        return self.store.create(kind, thing)

    def fail(self, method: str, path: str, status: int | None = None, **more: Any) -> Fault:
        """Let something go wrong with the next requests that fit; `path` is a regular expression."""
        fault = Fault(method, path, status, **more)
        self.gateway.faults.append(fault)
        return fault

    def public(self, service: str, namespace: str = "shop") -> str:
        """The address of a Service."""
        if service not in self._proxies:
            self._proxies[service] = Proxy(self.store, namespace, service)
        return self._proxies[service].url

    def wait(self, until: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait until something is so."""
        ends = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < ends, "it did not come about"
            time.sleep(0.02)

    def kubectl(self, program: Path, *words: str, seconds: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run a real kubectl on it."""
        command = [
            str(program),
            "--kubeconfig",
            str(self.kubeconfig()),
            "--cache-dir",
            str(self.folder / "cache"),
            *words,
        ]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)

    def _manage(self) -> None:
        while not self._stop.wait(TURN):
            try:
                with self.store.lock:
                    self.deployments.turn()
                    self.sets.turn()
                    self.node.turn()
            except BaseException as error:  # noqa: BLE001 - said when the cluster is left
                self.broke = error
                return
