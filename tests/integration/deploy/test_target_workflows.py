"""The workflow on each target's page works when it is copied: followed step by step, with its permissions and no others.

GitHub, Cloud Run and Kubernetes are the stand-ins; that of `docker` is followed on a real engine (tests/end_to_end).
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cloud_run_stand_in.fixtures import Ground as CloudRun
from tests.cloud_run_stand_in.fixtures import ask, cloud_run
from tests.cloud_run_stand_in.stand_in import TOKEN
from tests.end_to_end.shop import free_port
from tests.finding import pick
from tests.github_stand_in import Repository, StandIn
from tests.integration.deploy import deploy_tool, kubernetes_ground
from tests.integration.deploy.ground import git
from tests.integration.deploy.kubernetes_ground import SERVES
from tests.integration.jobs import Job
from tests.integration.workflows import Page

CHAT = """
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Chat(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("x-revision", os.environ.get("REVISION", ""))
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass

ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Chat).serve_forever()
"""


class Origin:
    """A repository on GitHub that is a real one of git, and its jobs."""

    def __init__(self, github: StandIn, folder: Path) -> None:
        self.github, self.folder = github, folder
        self.git = folder / "origin"
        self.git.mkdir()
        git(self.git, "init", "--quiet", "--initial-branch", "main")
        git(self.git, "commit", "--quiet", "--allow-empty", "--message", "the first")
        git(self.git, "config", "uploadpack.allowAnySHA1InWant", "true")
        self.home: Repository = github.repository("example/chat", git=self.git)
        self.jobs = 0

    def push(self, files: dict[str, str]) -> str:
        """A commit with these files; its SHA."""
        for name, text in files.items():
            file = self.git / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755 if name.endswith(".sh") else 0o644)
        git(self.git, "add", ".")
        git(self.git, "commit", "--quiet", "--allow-empty", "--message", "a revision")
        sha = git(self.git, "rev-parse", "HEAD")
        self.home.push(sha)
        return sha

    def followed(self, page: Page, expected: str, **more: Any) -> tuple[Job, str]:
        """The page's job about the tip, which comes to this verdict and leaves nothing out."""
        self.jobs += 1
        job, log = page.followed(self.github, self.home, self.folder / f"job-{self.jobs}", **more)
        assert job.said["verdict"] == expected, log
        assert "permissions" not in log + job.summary
        assert "Traceback" not in log
        return job, log


@pytest.fixture
def origin(github: StandIn, tmp_path: Path) -> Origin:
    return Origin(github, tmp_path)


def test_process(origin: Origin) -> None:
    page = Page("process")
    first = origin.push({"chat/__main__.py": CHAT, "stability.yml": page.spec()})
    origin.followed(page, "first run")
    second = origin.push({})
    job, log = origin.followed(page, "stable")
    # fetch-depth: 0 is what the revision before is checked out from
    assert f"chat-{first[:7]}" in log
    run = json.loads((job.workspace / ".stability-proof/candidate/run.json").read_text())
    assert run["subject"]["revision"] == f"chat-{second[:7]}"


def test_url(origin: Origin) -> None:
    page = Page("url")
    ports, pid = [free_port(), free_port()], origin.folder / "pid"
    new, old = (f"http://127.0.0.1:{port}" for port in ports)
    script = f"""#!/bin/sh -e
revision=chat-$(git rev-parse HEAD | cut -c 1-7)
REVISION=$revision setsid {sys.executable} -m chat --port {ports[0]} >/dev/null 2>&1 &
echo $! >{pid}
until python3 -c "import urllib.request as r; r.urlopen('{new}')" 2>/dev/null; do sleep 0.02; done
echo "$revision is up"
"""
    spec = page.spec(url=new, baseline=old, baseline_revision="chat-before")
    sha = origin.push({"chat/__main__.py": CHAT, "stability.yml": spec, "deploy.sh": script})
    before = [sys.executable, "chat/__main__.py", "--port", str(ports[1])]
    with subprocess.Popen(before, cwd=origin.git, env=os.environ | {"REVISION": "chat-before"}) as process:
        try:
            _, log = origin.followed(page, "stable")
        finally:
            process.kill()
            os.kill(int(pid.read_text()), signal.SIGKILL)
    assert f"chat-{sha[:7]} is up" in log


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Path]:
    """The folder in which the deploy tool remembers: its platform."""
    folder = tmp_path / "platform"
    folder.mkdir()
    yield folder
    deploy_tool.end(folder)


def test_command(origin: Origin, tool: Path) -> None:
    verbs = {"up": "deploy", "url": "url", "show": "describe", "shift": "promote", "back": "rollback"}
    cases = "\n".join(f"  {word}) verb={verb};;" for word, verb in verbs.items())
    program = f"{shlex.quote(sys.executable)} {shlex.quote(str(deploy_tool.__file__))} {shlex.quote(str(tool))}"
    script = f"""#!/bin/sh -e
echo "the token is $DEPLOY_TOKEN"
case $1 in
{cases}
esac
shift
[ "$verb" != describe ] || set --
exec {program} $verb "$@"
"""
    page = Page("command")
    secrets = {"DEPLOY_TOKEN": "a-token-that-may-deploy"}
    first = origin.push({"deploy.sh": script, "stability.yml": page.spec()})
    origin.followed(page, "first run", secrets=secrets)
    assert json.loads((tool / "known.json").read_text())["serving"] == f"chat-{first[:7]}"
    second = origin.push({})
    job, log = origin.followed(page, "stable", secrets=secrets)
    assert json.loads((tool / "known.json").read_text())["serving"] == f"chat-{second[:7]}"
    # GitHub is told to mask it; and it is nowhere else
    assert {line for line in log.splitlines() if secrets["DEPLOY_TOKEN"] in line} == {
        f"::add-mask::{secrets['DEPLOY_TOKEN']}"
    }
    kept = [each for each in (job.workspace / ".stability-proof").rglob("*") if each.is_file()]
    assert not [each for each in kept if secrets["DEPLOY_TOKEN"].encode() in each.read_bytes()]


def test_cloud_run(origin: Origin, tmp_path: Path) -> None:
    page = Page("cloud_run")
    asked: list[dict[str, str]] = []

    def google(inputs: Any) -> dict[str, str]:
        asked.append(dict(inputs))
        return {"access_token": TOKEN}

    assert page.job["permissions"]["id-token"] == "write"  # without which that action gets no token of GitHub's
    with cloud_run(tmp_path) as running:
        ground = CloudRun(running, tmp_path)
        old = ground.stable()
        changed: dict[str, object] = {
            "project": "proj-1",
            "service": "shop",
            "image": "registry/shop:good",
            "memory": "512Mi",
            "endpoint": running.url,
            "logging": running.url,
            "spread": "10ms",
        }
        origin.push({"stability.yml": page.spec(**changed)})
        _, log = origin.followed(page, "stable", actions={"google-github-actions/auth": google})
        assert asked[0]["token_format"] == "access_token"
        assert TOKEN not in re.sub(r"::add-mask::.*", "", log)
        serving = ask(ground.service()["uri"])
        assert serving != old
        assert ground.shares() == {serving: 100}


def test_kubernetes(origin: Origin, tmp_path: Path) -> None:
    page = Page("kubernetes")
    manifests = yaml.safe_load_all(re.findall(r"```yml\n(.*?)```", page.text, re.DOTALL)[0])
    rules = pick(manifests, lambda each: each["kind"] == "Role")["rules"]
    named = SERVES.replace(
        "self.end_headers()", 'self.send_header("x-revision", REVISION)\n        self.end_headers()', 1
    )
    with kubernetes_ground.ground(tmp_path, tls=True) as kube:
        authority = kube.cluster.authority
        assert authority is not None
        secrets = {
            "KUBE_TOKEN": kube.cluster.person("system:serviceaccount:shop:stability-proof", rules),
            "KUBE_CA": authority.certificate.decode(),
        }
        image = f"{kubernetes_ground.REGISTRY}:{{commit}}"
        changed = {"server": kube.cluster.url, "url": kube.cluster.public("chat"), "image": image}
        sha = origin.push({"stability.yml": page.spec(**changed)})
        kube.push("a", named, name="chat-aaaaaaa")
        kube.push(sha, named, name=f"chat-{sha[:7]}")
        kube.install("a")
        origin.followed(page, "stable", secrets=secrets)
        kube.alone(sha)
