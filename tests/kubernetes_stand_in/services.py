"""A Service on a loopback port: each connection goes to one of the pods that are ready, as kube-proxy does it."""

import contextlib
import random
import selectors
import socket
import threading

from tests.kubernetes_stand_in.replicasets import active, ready
from tests.kubernetes_stand_in.store import Store


class Proxy:
    """Listens while it is open."""

    def __init__(self, store: Store, namespace: str, name: str) -> None:
        self.store = store
        self.namespace = namespace
        self.name = name
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, name="service").start()

    def stop(self) -> None:
        """Accept no more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def endpoints(self) -> list[tuple[str, int]]:
        """Where connections go now."""
        service = self.store.get("services", self.namespace, self.name)
        wanted = service["spec"]["selector"].items()
        target = service["spec"]["ports"][0]["targetPort"]
        found = []
        for pod in self.store.every("pods", self.namespace):
            if active(pod) and ready(pod) and wanted <= (pod["metadata"].get("labels") or {}).items():
                ports = [port for each in pod["spec"]["containers"] for port in each.get("ports", ())]
                named = (each["containerPort"] for each in ports if each.get("name") == target)
                found.append((pod["status"]["podIP"], target if isinstance(target, int) else next(named)))
        return found

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._carry, args=(client,), name="connection").start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            where = self.endpoints()
            if not where:
                return
            with socket.create_connection(random.choice(where), timeout=5) as pod, selectors.DefaultSelector() as wait:
                other = {client: pod, pod: client}
                for each in other:
                    wait.register(each, selectors.EVENT_READ)
                while True:
                    for key, _ in wait.select():
                        assert isinstance(key.fileobj, socket.socket)
                        data = key.fileobj.recv(65_536)
                        if not data:
                            return
                        other[key.fileobj].sendall(data)
