"""The action in its container deploys containers beside itself: as the target's page says, on a real engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import events
from tests.end_to_end import shop as shops
from tests.end_to_end.docked import Dock, asked, docker
from tests.end_to_end.runner import Runner, host_address
from tests.end_to_end.test_container_verdict import FILES
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import runner_environment
from tests.integration.workflows import Page

pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]
PAGE = Page("docker")
SPEC = PAGE.spec(
    strategy={"promote": [50, 100], "pause": "1s", "starts": 1},
    probes={"stock": {"http": "GET /stock", "timed": False, "expect": {"status": 200, "body": "apples "}}},
)


class Harbour:
    """A repository on a GitHub of its own, whose service is a container on this machine."""

    def __init__(self, github: StandIn, folder: Path) -> None:
        self.github = github
        self.dock = Dock(folder / "shop", "chat@staging")
        self.dock.commit(files={"stability.yml": SPEC})
        self.world: Repository = github.repository("example/shop", git=str(self.dock.folder))

    def proven(self, runner: Runner, folder: Path, word: str) -> tuple[str, dict[str, Any], str]:
        """A revision is pushed: the verdict, the run, and the job's log."""
        commit = self.dock.commit(word, files={"stability.yml": SPEC})
        self.world.push(commit)
        event = events.load("push", self.github, self.world)
        environment = runner_environment(self.github, event, folder, permissions=PAGE.job["permissions"])
        runner.workspace = self.dock.folder
        runner.event = Path(environment["GITHUB_EVENT_PATH"]).read_bytes()
        runner.token = environment["INPUT_GITHUB-TOKEN"]
        runner.environment = {
            key: value for key, value in environment.items() if key not in FILES and not key.startswith("INPUT_")
        }
        ended = runner.main()
        assert "Traceback" not in ended.log, ended.log
        assert "permissions" not in ended.log + ended.summary  # nothing was left out for want of one
        assert ended.outputs["verdict"], ended.log
        run = json.loads((self.dock.folder / ".stability-proof" / "candidate" / "run.json").read_text())
        return ended.outputs["verdict"], run, ended.log

    def front(self) -> str:
        """Where users come to."""
        name = "stability-proof-chat-staging-front"
        address = docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", name)
        return f"http://{address}:8080"  # the front's own port


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[Harbour]:
    github = StandIn(host="0.0.0.0", public_host=host_address())
    github.start()
    try:
        made = Harbour(github, tmp_path)
        yield made
        made.dock.close()
    finally:
        github.stop()
    assert github.violations == []


def test_a_revision_is_proven_in_shadow_promoted_in_steps_and_an_unfit_one_never_gets_a_user(
    runner: Runner, harbour: Harbour, tmp_path: Path
) -> None:
    first, run, log = harbour.proven(runner, tmp_path / "a", "apples")
    assert first == "first run", log
    assert run["subject"]["image"].startswith("sha256:")
    serving = run["subject"]["revision"]
    assert asked(harbour.front()) == (serving, "apples ")

    second, run, log = harbour.proven(runner, tmp_path / "b", "apples")
    assert second == "stable", log
    serving = run["subject"]["revision"]
    assert asked(harbour.front())[0] == serving
    observed = {each["probe"]: each for each in run["observations"]}
    assert "rollout" in observed, log
    assert harbour.dock.running() == {serving: "revision", "front": "front"}

    third, run, log = harbour.proven(runner, tmp_path / "c", "pears")
    assert third == "unstable", log
    assert run["subject"]["revision"] != serving
    assert {asked(harbour.front())[0] for _ in range(6)} == {serving}
    assert harbour.dock.running() == {serving: "revision", "front": "front"}
    shops.git(harbour.dock.folder, "status")
