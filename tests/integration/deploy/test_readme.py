"""The spec in the README, as far as it says how users' traffic moves, on a service that really answers."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import spec
from bot.cli import main
from tests.finding import pick
from tests.integration.deploy.ground import git
from tests.integration.deploy.test_target_workflows import CHAT

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
QUICK = {"pause": "1200ms", "starts": 0, "watch": {"before": "600ms", "after": "600ms", "rate": 200, "http": "GET /"}}
"""What a test cannot wait for."""


def test_its_deploy_runs_in_shadow_first_and_then_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: dict[str, Any] = yaml.safe_load(pick(BLOCKS, lambda each: each.startswith("version: 1")))
    assert whole["deploy"]["strategy"] == {"promote": [10, 50, 100], "rollback": "auto"}
    whole["deploy"]["strategy"] |= {"shadow": True, **QUICK}
    whole["deploy"]["process"] |= {"checkout": "{commit}"}
    kept = {key: whole[key] for key in ("version", "service", "environment", "deploy", "identity")}
    probes = {"health": {"http": "GET /health", "timed": False, "expect": {"status": 200}}}
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)  # the README's command starts whatever is called so
    repository = tmp_path / "repository"
    (repository / "chat").mkdir(parents=True)
    (repository / "chat" / "__main__.py").write_text(CHAT)
    (repository / "stability.yml").write_text(yaml.safe_dump({**kept, "probes": probes}))
    git(repository, "init", "--quiet", "--initial-branch", "main")
    git(repository, "add", ".")
    monkeypatch.chdir(repository)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    verdicts = []
    for _ in range(2):
        git(repository, "commit", "--quiet", "--allow-empty", "--message", "a revision")
        code = main(["run", "--commit", "HEAD", "--out", str(tmp_path / "out")])
        verdicts.append(json.loads((tmp_path / "out" / "verdict.json").read_text()))
        assert code == 0, [(each["id"], each["status"], each["reason"]) for each in verdicts[-1]["findings"]]
    first, second = verdicts
    assert (first["verdict"], second["verdict"]) == ("first run", "stable")
    found = {each["item"]: each["status"] for each in second["findings"] if each["probe"] == "rollout"}
    for when in ("before", "10 %", "50 %", "100 %", "settled"):
        assert found[f"promotion: traffic at {when}"] == "maintained"
    assert found["promotion: requests"] == "maintained"


def test_each_of_its_specs_is_right() -> None:
    [moving] = [each for each in BLOCKS if each.startswith("deploy:")]
    text = f"version: 1\nservice: chat\n{moving}probes: {{health: {{http: GET /health}}}}\n"
    loaded = spec.parse(text.encode(), "README.md")
    assert loaded.strategy.shadow
    assert loaded.target is not None
