"""The whole way on a cluster: deployed, probed in shadow, promoted while users are watched, or taken back."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from tests.finding import pick
from tests.integration.deploy.kubernetes_ground import REGISTRY, SERVES
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground

pytest.importorskip("bot.strategy")

NAMED = SERVES.replace("self.end_headers()", 'self.send_header("x-revision", REVISION)\n        self.end_headers()', 1)
BROKEN = NAMED.replace("200 if ready else 503", "200 if self.path == '/ready' else 500", 1)

BESIDE = NAMED.replace(
    "200 if ready else 503", "500 if self.path == '/orders' and 'candidate' not in os.environ['HOSTNAME'] else 200", 1
)
"""Right as long as it is beside the others, and wrong among users."""


def committed(folder: Path) -> str:
    git = ["git", "-C", str(folder), "-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "A revision"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def run(kube: Ground, folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, Any, str, str]:
    """Run the command line on the second of two commits; the exit code, the verdict, and both commits."""
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    old, new = committed(folder), committed(folder)
    for sha, text in ((old, NAMED), (new, source)):
        kube.push(sha, text, name=f"chat-{sha[:7]}")
    kube.install(old)
    (folder / "stability.yml").write_text(f"""
version: 1
service: chat
environment: production
deploy:
  kubernetes:
    deployment: chat
    image: "{REGISTRY}:{{commit}}"
    kubeconfig: "{kube.cluster.kubeconfig()}"
    url: "{kube.cluster.public("chat")}"
  strategy: {{starts: 1}}
identity: {{header: x-revision}}
probes:
  health: {{http: GET /health, expect: {{status: 200}}, severity: critical, timed: false}}
  orders: {{http: GET /orders, expect: {{status: 200}}, severity: critical, timed: false}}
""")
    monkeypatch.chdir(folder)
    code = main(["run", "--commit", new, "--out", str(folder / "out"), "--state", str(folder / "state")])
    return code, json.loads((folder / "out/verdict.json").read_text()), old, new


def found(verdict: Any, name: str) -> Any:
    return pick(verdict["findings"], lambda each: each["id"] == name)


def told(verdict: Any) -> str:
    """What is said of the bot's own acts, for whoever reads a failed test."""
    own = [each for each in verdict["findings"] if each["probe"] in ("deploy", "rollout", "rollback", "health")]
    return "\n".join(f"{each['id']}: {each['status']}, {each.get('after')}; {each.get('reason')}" for each in own)


def test_a_stable_candidate_is_promoted_and_no_user_notices(
    kube: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, verdict, _, new = run(kube, tmp_path / "repository", NAMED, monkeypatch)
    assert (code, verdict["verdict"]) == (0, "stable"), told(verdict)
    assert found(verdict, "rollout/promotion: requests")["status"] == "maintained"
    assert [each["id"] for each in verdict["findings"] if each["status"] == "changed"] == []
    kube.alone(new)


def test_a_candidate_that_fails_in_shadow_never_had_a_user(
    kube: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, verdict, old, _ = run(kube, tmp_path / "repository", BROKEN, monkeypatch)
    assert (code, verdict["verdict"]) == (1, "unstable")
    assert found(verdict, "health/status")["status"] == "regressed"
    assert found(verdict, "rollout/rollback: requests")["status"] == "maintained", told(verdict)
    kube.alone(old)


def test_a_candidate_that_fails_only_among_users_is_taken_back(
    kube: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, verdict, old, _ = run(kube, tmp_path / "repository", BESIDE, monkeypatch)
    assert (code, verdict["verdict"]) == (1, "unstable")
    assert found(verdict, "orders/status")["status"] == "maintained"
    assert found(verdict, "rollout/at 100 %: orders")["status"] == "broken"
    kube.alone(old)
