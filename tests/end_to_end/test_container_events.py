"""The action in its container on other events than a push, and when its job is cancelled; started as a runner does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import events
from tests.end_to_end import shop as shops
from tests.end_to_end.runner import Ended, Runner
from tests.end_to_end.shop import wait_for
from tests.end_to_end.test_container_verdict import Stage, in_container, make_stage, prepared
from tests.github_stand_in.runner import obeyed, runner_environment

__all__ = ["make_stage"]
pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]


def started_by(stage: Stage, event: events.Event, folder: Path) -> dict[str, str]:
    return runner_environment(stage.github, event, folder)


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """A shop of which nothing is timed: what else the machine does decides no verdict here."""
    made = make_stage("shop")
    spec = made.shop.folder / "stability.yml"
    spec.write_text(spec.read_text().replace("timeout: 4s", "timed: false, timeout: 4s"))
    return made


def quiet(ended: Ended) -> Ended:
    """What a job left, whose log commands the runner nothing but to mask."""
    assert all(each.startswith(("add-mask ", "error ")) for each in obeyed(ended.log)), ended.log
    assert "Traceback" not in ended.log, ended.log
    return ended


def test_a_merge_queue_is_rehearsed_in_the_container(runner: Runner, stage: Stage, tmp_path: Path) -> None:
    assert in_container(runner, stage, stage.pushed(tmp_path / "1"))[1]["verdict"] == "first run"
    comments, artifacts = len(stage.world.comments), len(stage.world.artifacts)
    stage.world.push(stage.second, branch="gh-readonly-queue/main/pr-2-0")
    group = events.load("merge_group", stage.github, stage.world, sha=stage.second)

    ended = quiet(prepared(runner, stage, started_by(stage, group, tmp_path / "2")).main())

    assert (ended.exit_code, ended.outputs["verdict"]) == (0, "stable"), ended.log
    assert "This is a rehearsal" in ended.summary
    status = stage.world.statuses[-1]
    assert (status.sha, status.state) == (stage.second, "success")
    assert len(stage.world.comments) == comments
    new = [each.name for each in list(stage.world.artifacts.values())[artifacts:]]
    assert not [each for each in new if "baseline" in each]
    assert stage.world.issues[1].state == "open"


def test_a_comment_that_asks_nothing_is_nothing_to_the_container(runner: Runner, stage: Stage, tmp_path: Path) -> None:
    comment = stage.world.comment(1, "::set-output name=verdict::stable\nnice work!", login="passer-by")
    said = events.load("issue_comment_created", stage.github, stage.world, number=1, comment=comment)
    before = len(stage.github.requests)

    ended = quiet(prepared(runner, stage, started_by(stage, said, tmp_path / "1")).main())

    assert (ended.exit_code, dict(ended.outputs)) == (0, {"verdict": "", "exit-code": "0"})
    assert "the comment asks nothing of the bot" in ended.log
    assert len(stage.github.requests) == before
    assert runner.post(ended).exit_code == 0


def test_a_maintainers_comment_is_answered_in_the_container(runner: Runner, stage: Stage, tmp_path: Path) -> None:
    assert in_container(runner, stage, stage.pushed(tmp_path / "1"))[1]["verdict"] == "first run"
    comment = stage.world.comment(1, "/stability help\n/stability pin", login=stage.world.owner)
    said = events.load("issue_comment_created", stage.github, stage.world, number=1, comment=comment)

    ended = quiet(prepared(runner, stage, started_by(stage, said, tmp_path / "2")).main())

    assert (ended.exit_code, dict(ended.outputs)) == (0, {"verdict": "", "exit-code": "0"}), ended.log
    replies = [each.body for each in stage.world.comments_on(1) if "reply=" in each.body]
    assert len(replies) == 2
    assert "/stability accept" in replies[0]
    assert "Pinned" in replies[1]
    assert any(each.name.endswith("-pinned") for each in stage.world.artifacts.values())
    assert runner.post(ended).exit_code == 0


def test_a_cancelled_job_leaves_nothing_open_and_the_revision_before_in_its_place(
    runner: Runner, stage: Stage, tmp_path: Path
) -> None:
    """Trap 9: what a cancelled job left open is closed by the step after it."""
    assert in_container(runner, stage, stage.pushed(tmp_path / "1"))[1]["verdict"] == "first run"
    silent = stage.shop.commit(shops.SILENT)
    stage.world.push(silent)
    pushed = events.load("push", stage.github, stage.world)
    asked = stage.github.count("GET", "/actions/artifacts$")
    running = prepared(runner, stage, started_by(stage, pushed, tmp_path / "2")).start()
    # once the baseline is asked for; earlier on it is the step after the job that closes what was opened
    wait_for(lambda: stage.github.count("GET", "/actions/artifacts$") > asked, 60)

    ended = quiet(running.cancel())
    after = quiet(runner.post(ended))

    assert after.exit_code == 0, after.log
    assert ended.exit_code != 0
    mine = [each for each in stage.world.statuses if each.sha == silent]
    assert (mine[0].state, mine[-1].state) == ("pending", "error")
    assert all(each.status == "completed" for each in stage.world.check_runs.values())
    assert [each.statuses[-1].state for each in stage.world.deployments.values() if each.sha == silent] == ["error"]
    assert ended.state.get("done") == "true", "it had the time to put everything back itself"
    # and the next deploy is compared with the revision that was good, not with what was cancelled
    third = stage.shop.commit(f"# pears\n{shops.HEALTHY}")
    stage.world.push(third)
    again = events.load("push", stage.github, stage.world)
    code, said = in_container(runner, stage, started_by(stage, again, tmp_path / "3"))
    assert (code, said["verdict"]) == (0, "stable")
