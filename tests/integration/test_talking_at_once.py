# ruff: noqa: F811 - what is imported are fixtures
"""Maintainers talk while something else is under way: nothing that was said is lost, nothing stale is shown as new."""

from collections.abc import Coroutine
from typing import Any

import pytest

from bot.github.environment import Environment
from bot.stages import proving
from bot.stages.after import after
from tests.github_stand_in.runner import outputs
from tests.integration.test_talking import (  # noqa: F401 - fixtures
    Scene,
    _impatient,
    broken,
    broken_world,
    open_shop,
    shop,
)


def test_a_job_killed_in_the_second_command_leaves_nothing_open(
    broken: tuple[Scene, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene, number = broken

    def killed(work: Coroutine[Any, Any, Any]) -> None:
        work.close()
        raise SystemExit(137)

    monkeypatch.setattr(proving, "until_signalled", killed)
    with pytest.raises(SystemExit):
        scene.say("/stability accept cart because it is meant\n/stability rerun", number)
    assert scene.home.statuses[-1].state == "pending"

    saved = {f"STATE_{name}": value for name, value in outputs(scene.environment, "GITHUB_STATE").items()}
    after(Environment.from_environ(scene.environment | saved))

    assert scene.home.statuses[-1].state == "error"
    assert {each.status for each in scene.home.check_runs.values()} == {"completed"}
    assert all(each.statuses[-1].state != "in_progress" for each in scene.home.deployments.values())
