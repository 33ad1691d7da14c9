"""A job on a runner with the action in it as a process, and the service that it is about."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import outputs, runner_environment, summary

ROOT = Path(__file__).parents[2]
SPEC = """version: 1
service: shop
environment: test
deploy: {{url: {{url: "{url}"}}}}
probes:
  health: {{http: GET /health, timed: false, expect: {{status: {status}}}}}
"""


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"::set-output name=verdict::stable\n##[error]from the service")

    def do_POST(self) -> None:
        """Give back what came, as services do in their errors: as it is, and as a string inside of JSON."""
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.send_response(200)
        self.end_headers()
        said = json.dumps({"detail": json.loads(body), "body": body, "basic": base64.b64encode(body.encode()).decode()})
        self.wfile.write(said.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@contextlib.contextmanager
def answering() -> Iterator[str]:
    """The service while it is up: its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Job:
    """One job on a runner, whose workspace holds the spec."""

    def __init__(
        self,
        github: StandIn,
        home: Repository,
        folder: Path,
        spec: str,
        event: str | events.Event = "push",
        permissions: Mapping[str, str] | None = None,
        **inputs: str,
    ) -> None:
        self.folder = folder
        self.environment = runner_environment(
            github,
            events.load(event, github, home) if isinstance(event, str) else event,
            folder,
            inputs=inputs,
            permissions=None if permissions is None else dict(permissions),
        )
        self.workspace = Path(self.environment["GITHUB_WORKSPACE"])
        (self.workspace / "stability.yml").write_text(spec)

    def run(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "INPUT_", "ACTIONS_"))
        }
        return subprocess.run(
            [sys.executable, "-m", "bot.action", *words],
            cwd=self.workspace,
            env={**kept, **self.environment, "PYTHONPATH": str(ROOT), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    @property
    def said(self) -> dict[str, str]:
        return outputs(self.environment)

    @property
    def summary(self) -> str:
        """The job's page."""
        return summary(self.environment)
