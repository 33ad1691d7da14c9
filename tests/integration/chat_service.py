"""Start the example service from a tree of its history, and talk to it as a client would."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

USER = "ana@example.com"
PASSWORD = "a password for tests"
SECONDS = 20.0
"""How long anything may take before a test gives up; no test expects it to take a certain time."""


@dataclass(frozen=True)
class Service:
    """A running service. `folder` holds its database and its log."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def log(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def client(self, token: str | None = None) -> httpx.Client:
        """A client, signed in when there is a token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=SECONDS)

    def sign_in(self) -> str:
        """An access token."""
        with self.client() as client:
            answer = client.post("/auth/login", json={"email": USER, "password": PASSWORD})
            return str(answer.raise_for_status().json()["access_token"])

    def socket(self, token: str) -> ClientConnection:
        """A new WebSocket connection."""
        headers = {"Authorization": f"Bearer {token}"}
        return connect(f"ws://127.0.0.1:{self.port}/ws", additional_headers=headers, open_timeout=SECONDS)

    def ask_agent(self, text: str) -> list[dict[str, Any]]:
        """The agent's events for a text in a new thread, up to `agent_completed`."""
        token = self.sign_in()
        with self.client(token) as client:
            thread = client.post("/threads").raise_for_status().json()["id"]
        with self.socket(token) as websocket:
            websocket.send(json.dumps({"type": "execute_agent", "thread": thread, "text": text}))
            events = [hear(websocket)]
            while events[-1]["type"] != "agent_completed":
                events.append(hear(websocket))
        return events


def hear(websocket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    heard: dict[str, Any] = json.loads(websocket.recv(timeout=SECONDS))
    return heard


@contextmanager
def running(tree: Path, folder: Path, **environ: str) -> Iterator[Service]:
    """The service of a tree, ready; `folder` becomes its working directory. It has ended when the block is left."""
    with ending(start(tree, folder, **environ)) as service:
        wait_until_ready(service)
        yield service


@contextmanager
def ending(service: Service) -> Iterator[Service]:
    """End the service when the block is left."""
    try:
        yield service
    finally:
        service.process.terminate()
        try:
            service.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()


def start(tree: Path, folder: Path, **environ: str) -> Service:
    """Start the service of a tree, and do not wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tree),
        "CHAT_USER": USER,
        "CHAT_PASSWORD": PASSWORD,
        **environ,
    }
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "chat", "--port", str(port)]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    return Service(process, port, folder)


def wait_until_ready(service: Service) -> None:
    """Return when the service says that it is ready; fail with its log when it does not."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and service.process.poll() is None:
        try:
            with service.client() as client:
                if client.get("/ready").status_code == 200:
                    return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the service did not become ready:\n{(service.folder / 'log').read_text()}")
