"""The service itself, started once for all tests, with a database of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

EMAIL = "ana@example.com"
PASSWORD = "only for tests"
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Service:
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def socket(self, token: str | None) -> ClientConnection:
        """A new WebSocket connection."""
        headers = {"Authorization": f"Bearer {token}"} if token else None
        return connect(f"ws://127.0.0.1:{self.port}/ws", additional_headers=headers, open_timeout=5)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, ready to answer."""
    folder = tmp_path_factory.mktemp("service")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    environ |= {"CHAT_USER": EMAIL, "CHAT_PASSWORD": PASSWORD, "REVISION": "chat-test", "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "chat", "--port", str(port)], cwd=folder, env=environ, stdout=log, stderr=log
        )
    running = Service(port, process, folder / "log")
    try:
        _wait_until_ready(running)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture(scope="session")
def token(service: Service) -> str:
    """An access token."""
    answer = httpx.post(f"{service.url}/auth/login", json={"email": EMAIL, "password": PASSWORD})
    return str(answer.json()["access_token"])


@pytest.fixture
def visitor(service: Service) -> Iterator[httpx.Client]:
    """A client that is not signed in."""
    with httpx.Client(base_url=service.url) as client:
        yield client


@pytest.fixture
def client(service: Service, token: str) -> Iterator[httpx.Client]:
    """A client that is signed in."""
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def _wait_until_ready(service: Service) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and service.process.poll() is None:
        try:
            if httpx.get(f"{service.url}/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the service did not start:\n{service.log.read_text()}")
