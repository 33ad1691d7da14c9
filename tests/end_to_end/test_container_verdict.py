"""The action in its container, as a runner starts it, leaves on GitHub what the same entry point leaves by itself."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import events
from tests.end_to_end import shop as shops
from tests.end_to_end.runner import Runner, host_address
from tests.end_to_end.shop import HOME, Shop, wait_for
from tests.github_stand_in import StandIn
from tests.github_stand_in.runner import outputs, runner_environment

pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]
FILES = ("GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_EVENT_PATH")


@dataclass
class Stage:
    """A shop's repository on a GitHub of its own: issue #1, and pull request #2 that fixes it."""

    github: StandIn
    shop: Shop
    first: str
    second: str

    def __post_init__(self) -> None:
        self.world = self.github.repository("example/shop", git=str(self.shop.folder))
        self.world.branches["main"] = self.first
        self.world.open_issue("It should have apples", number=1)

    def pushed(self, folder: Path) -> dict[str, str]:
        """The first revision was pushed: the variables of the runner that this started."""
        return runner_environment(self.github, events.load("push", self.github, self.world), folder)

    def merged(self, folder: Path) -> dict[str, str]:
        """Pull request #2 was merged, which closed issue #1 at once: the runner of that push."""
        self.world.open_pull("Have apples", "Fixes #1", number=2, head_sha=self.second)
        self.world.merge(2, commit=self.second)
        return runner_environment(self.github, events.load("push", self.github, self.world), folder)

    def left(self) -> dict[str, Any]:
        """What is on GitHub, without what differs from run to run."""
        status = self.world.statuses[-1]
        check = [each for each in self.world.check_runs.values() if each.head_sha == self.second][-1]
        issue = self.world.issues[1]
        return {
            "comments": sorted(
                (each.number, each.login, findings(each.body)) for each in self.world.comments.values() if each.number
            ),
            "status": (status.sha, status.context, status.state, re.sub(r"\d+", "N", status.description or "")),
            "check": (check.name, check.status, check.conclusion),
            "issue": (issue.state, issue.state_reason),
            "artifacts": sorted({each.name for each in self.world.artifacts.values()}),
        }


def findings(comment: str) -> tuple[str, ...]:
    """The headings of a comment, and each finding with its mark."""
    rows = re.findall(r"^\| (\S+) \| (`[^`]+/[^`]+`) \|", comment, re.MULTILINE)
    return (*re.findall(r"^#+ .*", comment, re.MULTILINE), *(" ".join(row) for row in rows))


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    running: list[StandIn] = []

    def make(name: str, stock: str = f"# apples\n{shops.HEALTHY}", *, timed: bool = True) -> Stage:
        shop = Shop(tmp_path / name / "shop")
        spec = shop.folder / "stability.yml"
        text = spec.read_text().replace(f", port: {shop.port}, keep: true", "")
        spec.write_text(text if timed else text.replace("timeout: 4s,", "timeout: 4s, timed: false,"))
        shops.git(shop.folder, "add", "stability.yml")
        github = StandIn(host="0.0.0.0", public_host=host_address())
        github.start()
        running.append(github)
        return Stage(github, shop, shop.commit(shops.HEALTHY), shop.commit(stock))

    yield make
    for each in running:
        each.stop()
        assert each.violations == []


def by_itself(stage: Stage, environment: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    ended = subprocess.run(
        [sys.executable, "-m", "bot.action"],
        cwd=stage.shop.folder,
        env={**os.environ, **environment, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, outputs(dict(environment))


def in_container(runner: Runner, stage: Stage, environment: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    ended = prepared(runner, stage, environment).main()
    assert "Traceback" not in ended.log, ended.log
    return ended.exit_code, dict(ended.outputs)


def prepared(runner: Runner, stage: Stage, environment: Mapping[str, str]) -> Runner:
    runner.workspace = stage.shop.folder
    runner.event = Path(environment["GITHUB_EVENT_PATH"]).read_bytes()
    runner.token = environment["INPUT_GITHUB-TOKEN"]
    runner.environment = {
        key: value for key, value in environment.items() if key not in FILES and not key.startswith("INPUT_")
    }
    return runner


ENDS = [
    pytest.param(f"# apples\n{shops.HEALTHY}", 0, "stable", ("closed", "completed"), "success", id="stable"),
    pytest.param(shops.BROKEN_JSON, 1, "unstable", ("open", "reopened"), "failure", id="unstable"),
]


@pytest.mark.parametrize(("stock", "exit_code", "verdict", "issue", "gate"), ENDS)
def test_the_container_leaves_what_the_command_line_leaves(
    runner: Runner,
    make_stage: Callable[..., Stage],
    tmp_path: Path,
    stock: str,
    exit_code: int,
    verdict: str,
    issue: tuple[str, str],
    gate: str,
) -> None:
    # what is stable has to be so by its times as well; two runs of what is not may differ in them
    timed = verdict == "stable"
    alone, contained = (make_stage(name, stock, timed=timed) for name in ("alone", "contained"))
    kept = ("verdict", "risk", "readiness", "exit-code", "regressed", "proof-path")

    assert by_itself(alone, alone.pushed(tmp_path / "a1"))[1]["verdict"] == "first run"
    assert in_container(runner, contained, contained.pushed(tmp_path / "c1"))[1]["verdict"] == "first run"
    code, said = by_itself(alone, alone.merged(tmp_path / "a2"))
    contained_code, contained_said = in_container(runner, contained, contained.merged(tmp_path / "c2"))

    assert code == contained_code == exit_code
    assert {key: said[key] for key in kept} == {key: contained_said[key] for key in kept}
    assert said["verdict"] == verdict
    left = alone.left()
    assert left == contained.left()
    assert left["issue"] == issue
    assert left["status"][2] == gate
    assert left["check"][1:] == ("completed", gate)
    assert [number for number, *_ in left["comments"]] == [1, 2]
    assert any("rollback/" in row for row in left["comments"][1][2]) == (verdict == "unstable")
    assert "stability-baseline-shop-test-last-good" in left["artifacts"]


def test_what_a_killed_container_left_open_is_closed_after_the_job(
    runner: Runner, make_stage: Callable[..., Stage], tmp_path: Path
) -> None:
    stage = make_stage("killed")
    silent = stage.shop.commit(shops.SILENT)
    stage.world.push(silent)
    environment = runner_environment(stage.github, events.load("push", stage.github, stage.world), tmp_path / "k")
    started = prepared(runner, stage, environment).start()
    # once the baseline is asked for all is open; a kill in the middle of a request would leave half of one
    wait_for(lambda: stage.github.count("GET", "/actions/artifacts$") > 0, 60)

    ended = started.kill()
    assert stage.world.statuses[-1].state == "pending"
    after = runner.post(ended)

    assert after.exit_code == 0, after.log
    assert stage.world.statuses[-1].state == "error"
    assert [each.conclusion for each in stage.world.check_runs.values()] == ["cancelled"]
    assert [each.statuses[-1].state for each in stage.world.deployments.values()] == ["error"]
