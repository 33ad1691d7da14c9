"""A final status that GitHub would not take is written after the job: the gate is always closed, and as it was judged."""

import pytest

from bot.github import client as clients
from bot.github.environment import Environment
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
