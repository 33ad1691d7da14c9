"""A final status that GitHub would not take is written after the job: the gate is always closed, and as it was judged."""

import pytest

from bot import pipeline
from bot.github import client as clients
from bot.github.environment import Environment
from bot.github.publisher import Publisher
from bot.model.errors import DeployError
from bot.stages.after import after
from tests.github_stand_in.runner import outputs
from tests.integration.test_talking import (  # noqa: F401 - fixtures
    Scene,
    Shop,
    _impatient,
    open_shop,
    scene,
    shop,
)


def later(scene: Scene) -> None:  # noqa: F811
    saved = {f"STATE_{name}": value for name, value in outputs(scene.environment, "GITHUB_STATE").items()}
    after(Environment.from_environ(scene.environment | saved))


def test_a_status_that_was_not_taken_is_written_after_the_job(
    scene: Scene,  # noqa: F811
    shop: Shop,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "PAUSES", (0.01,))
    scene.merged("Good")
    scene.prove()
    scene.merged("Empty")
    shop.answers["/cart"] = (200, b"empty")
    scene.github.fail("POST", "/statuses/", times=2, skip=1)

    scene.prove()

    assert scene.home.statuses[-1].state == "pending"
    assert outputs(scene.environment)["exit-code"] == "4"
    later(scene)
    assert scene.home.statuses[-1].state == "failure"
    assert scene.home.statuses[-1].description.startswith("Unstable: ")
    assert {each.status for each in scene.home.check_runs.values()} == {"completed"}


def test_nothing_is_owed_where_it_was_taken(scene: Scene) -> None:  # noqa: F811
    scene.merged("Good")
    scene.prove()
    before = len(scene.github.requests)
    later(scene)
    assert len(scene.github.requests) == before


def test_what_was_judged_and_not_taken_is_closed_after_the_job(
    scene: Scene,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "PAUSES", (0.01,))
    scene.merged("Good")
    begin = Publisher.begin

    def begun(publisher: Publisher) -> None:
        begin(publisher)
        scene.github.fail("*", "/(check-runs|deployments)", times=10**6)

    monkeypatch.setattr(Publisher, "begin", begun)
    scene.prove()
    assert outputs(scene.environment)["exit-code"] == "4"
    assert [each.status for each in scene.home.check_runs.values()] == ["in_progress"]
    scene.github.heal()

    later(scene)

    (check,), (record,) = scene.home.check_runs.values(), scene.home.deployments.values()
    assert (check.status, check.conclusion) == ("completed", "success")
    assert check.title
    assert "job's page" in str(check.summary)
    assert record.statuses[-1].state == "success"
    assert "kept as sha256:" in str(record.statuses[-1].description)
    assert scene.home.statuses[-1].state == "success"


def test_what_a_run_gave_up_on_and_could_not_say_is_closed_after_the_job(
    scene: Scene,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "PAUSES", (0.01,))
    scene.merged("Good")

    async def broken(*_: object) -> None:
        scene.github.fail("*", "/(statuses|check-runs|deployments)", times=10**6)
        raise DeployError("the platform is down")

    monkeypatch.setattr(pipeline, "run", broken)
    with pytest.raises(DeployError):
        scene.prove()
    assert scene.home.statuses[-1].state == "pending"
    scene.github.heal()

    later(scene)

    assert (scene.home.statuses[-1].state, scene.home.statuses[-1].description) == ("error", "the platform is down")
    (check,), (record,) = scene.home.check_runs.values(), scene.home.deployments.values()
    assert (check.status, check.conclusion) == ("completed", "cancelled")
    assert record.statuses[-1].state == "error"


def test_what_a_run_gave_up_on_and_said_is_left_alone_after_the_job(
    scene: Scene,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene.merged("Good")

    async def broken(*_: object) -> None:
        raise DeployError("the platform is down")

    monkeypatch.setattr(pipeline, "run", broken)
    with pytest.raises(DeployError):
        scene.prove()
    before = len(scene.github.requests)
    later(scene)
    assert len(scene.github.requests) == before
