"""The workflow on a target's page, followed step by step as a runner does; what its actions do is told by the test."""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.integration.jobs import ROOT, Job

Action = Callable[[Mapping[str, str]], dict[str, str]]
"""What stands for somebody else's action: from its inputs to its outputs."""

QUICK = {"starts": 1, "watch": {"before": "200ms", "after": "300ms"}}
HEALTH = {"health": {"http": "GET /health", "timed": False, "expect": {"status": 200}}}
_EXPRESSION = re.compile(r"\$\{\{ ([a-z_.A-Z-]+) \}\}")


class Page:
    """A target's page: its example of a spec, and its workflow, which is a file of its own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.text = (ROOT / "docs" / "targets" / f"{kind}.md").read_text()
        self.file = ROOT / "examples" / "workflows" / "targets" / f"{kind}.yml"
        self.workflow: dict[Any, Any] = yaml.safe_load(self.file.read_text())
        self.job: dict[str, Any] = self.workflow["jobs"]["proof"]

    def spec(
        self, *, strategy: Mapping[str, object] = QUICK, probes: Mapping[str, object] = HEALTH, **changed: object
    ) -> str:
        """A spec with the page's example in it; `changed` are the keys that lead elsewhere than in the example."""
        example: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", self.text, re.DOTALL)[0])
        keys = example["deploy"][self.kind]
        assert set(changed) <= set(keys) | {"endpoint", "logging", "spread", "baseline_revision"}
        deploy: dict[str, Any] = {self.kind: {**keys, **changed}}
        if strategy:
            deploy["strategy"] = dict(strategy)
        whole = {"version": 1, "service": "chat", "environment": "staging", "deploy": deploy}
        identity = example.get("identity", {"header": "x-revision"})
        return yaml.safe_dump({**whole, "identity": identity, "probes": dict(probes)}, sort_keys=False)

    def followed(
        self,
        github: StandIn,
        home: Repository,
        folder: Path,
        secrets: Mapping[str, str] | None = None,
        actions: Mapping[str, Action] | None = None,
    ) -> tuple[Job, str]:
        """The job `proof` as the push of the tip starts it: the job, and its log. Its last step is ours."""
        work = Job(github, home, folder, "", events.load("push", github, home), self.job["permissions"])
        known = {f"secrets.{name}": value for name, value in (secrets or {}).items()}
        log = ""
        for step in self.job["steps"]:
            assert set(step) <= {"name", "id", "uses", "with", "run", "env"}
            given = {name: _filled(str(value), known) for name, value in step.get("with", {}).items()}
            variables = {name: _filled(value, known) for name, value in step.get("env", {}).items()}
            used = step.get("uses", "").partition("@")[0]
            if "run" in step:
                log += _run(step["run"], work, variables)
            elif used == "actions/checkout":
                _checked_out(work, home, given)
            elif used == "OWNER/stability-proof":
                assert given == {"spec": "stability.yml"}  # as in the job's own environment
                ended = work.run(**variables)
                log += ended.stdout + ended.stderr
                assert ended.returncode == int(work.said["exit-code"])
            else:
                said = (actions or {})[used](given)
                known |= {f"steps.{step['id']}.outputs.{name}": value for name, value in said.items()}
        return work, log


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda match: known[match[1]], text)


def _run(script: str, work: Job, variables: Mapping[str, str]) -> str:
    """A step with `run:`, by the shell that the runner takes where none is named: `bash -e`."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **work.environment, **variables}
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=work.workspace,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _checked_out(work: Job, home: Repository, given: Mapping[str, str]) -> None:
    """What actions/checkout does: one commit, or all of them where `fetch-depth` is 0."""
    assert given["persist-credentials"] == "False"
    depth = [] if given.get("fetch-depth") == "0" else ["--depth", "1"]
    tip = home.branches["main"]
    for words in (
        ["init", "--quiet", "."],
        ["fetch", "--quiet", *depth, f"file://{home.git}", tip],
        ["checkout", "--quiet", "--force", tip],
    ):
        subprocess.run(["git", *words], cwd=work.workspace, check=True, capture_output=True)
