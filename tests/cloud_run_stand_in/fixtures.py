"""A fresh Cloud Run for a test, and the programs that its images stand for."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.deploy.cloud_run.target import CloudRunTarget
from bot.deploy.target import DeployContext
from bot.safety.redact import Redactor
from tests.cloud_run_stand_in.stand_in import TOKEN, StandIn

SERVES = """
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["K_REVISION"].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-revision", os.environ["K_REVISION"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128

print("hello from", os.environ["K_REVISION"], "password=hunter-two-hunter", flush=True)
Server(("127.0.0.1", int(os.environ["PORT"])), Service).serve_forever()
"""
CRASHES = "print('cannot find the database', flush=True)\nraise SystemExit(3)\n"
SILENT = "import time\ntime.sleep(600)\n"


@contextmanager
def cloud_run(folder: Path, startup: float = 3.0) -> Iterator[StandIn]:
    """A fresh one, with the images registry/shop:good, :crashes and :silent; raises if anything did not fit."""
    images = {}
    for name, source in {"good": SERVES, "crashes": CRASHES, "silent": SILENT}.items():
        program = folder / f"{name}.py"
        program.write_text(source)
        images[f"registry/shop:{name}"] = program
    with StandIn(images, startup) as running:
        yield running
    if running.violations:
        raise AssertionError("not as Google's APIs are described:\n" + "\n".join(running.violations))


PATH = "/v2/projects/proj-1/locations/europe-west1/services/shop"
COMMIT = "a" * 40


@dataclass
class Ground:
    """A Cloud Run with a service or without, and all that a target on it logged."""

    google: StandIn
    folder: Path
    logged: list[str] = field(default_factory=list)

    def target(self, **keys: object) -> CloudRunTarget:
        """The target with the image that serves."""
        given: dict[str, object] = {
            "project": "proj-1",
            "region": "europe-west1",
            "service": "shop",
            "image": "registry/shop:good",
            "within": "20s",
            "spread": "10ms",
            "token": TOKEN,
            "endpoint": self.google.url,
            "logging": self.google.url,
        }
        return CloudRunTarget.model_validate(given | keys)

    def context(self, state: str = "state") -> DeployContext:
        """What the target is told; another `state` is another machine."""
        return DeployContext(
            service="shop",
            environment="test",
            repository=self.folder,
            state=self.folder / state,
            redactor=Redactor(["hunter-two-hunter"]),
            log=self.logged.append,
        )

    def stable(
        self, traffic: list[dict[str, object]] | None = None, revision: str = "shop-00001-old", **more: object
    ) -> str:
        """Deploy a first revision as somebody else would: `gcloud run deploy`, with traffic that follows the latest."""
        container = {"image": "registry/shop:good", "env": [{"name": "MODE", "value": "a-secret-of-the-service"}]}
        body: dict[str, object] = {"template": {"revision": revision, "containers": [container]}, **more}
        if traffic:
            body["traffic"] = traffic
        self.google.act("POST", PATH.rpartition("/")[0] + "?serviceId=shop", body)
        return revision

    def others_deploy(self, revision: str, mask: str = "template", **more: object) -> None:
        """Somebody else deploys, by the latest revision or by what `traffic` says."""
        body = {"template": {"revision": revision, "containers": [{"image": "registry/shop:good"}]}, **more}
        self.google.act("PATCH", f"{PATH}?updateMask={mask}", body)

    def service(self) -> dict[str, Any]:
        """The service as the API shows it."""
        found: dict[str, Any] = self.google.service(PATH.removeprefix("/v2/"))
        return found

    def public(self) -> str:
        """Where users go by a load balancer, say: also where the service has no address of its own."""
        return self.google.world.service(PATH.removeprefix("/v2/")).public

    def shares(self) -> dict[str, int]:
        """The traffic as the platform gives it."""
        service = self.service()
        latest = service.get("latestReadyRevision", "").rpartition("/")[2]
        found: dict[str, int] = {}
        for each in service.get("trafficStatuses", ()):
            if each.get("percent"):
                name = each.get("revision", latest)
                found[name] = found.get(name, 0) + each["percent"]
        return found

    def tags(self) -> dict[str, str]:
        """The revision of each tag."""
        return {each["tag"]: each["revision"] for each in self.service()["trafficStatuses"] if "tag" in each}

    def marks(self) -> dict[str, str]:
        """The service's annotations."""
        found: dict[str, str] = self.service().get("annotations", {})
        return found


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """A Cloud Run without services; the test fails if anything was not as Google describes it."""
    monkeypatch.setattr("bot.deploy.cloud_run.api.PAUSE", 0.02)
    monkeypatch.setattr("bot.deploy.cloud_run.api.PATIENCE", 1.5)
    with cloud_run(tmp_path) as google:
        yield Ground(google, tmp_path)


def ask(url: str) -> str:
    """One request on a connection of its own: which revision answered."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())
