# ruff: noqa: F811 - what is imported are fixtures
"""Maintainers talk while something else is under way: nothing that was said is lost, nothing stale is shown as new."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import pipeline
from bot.github.environment import Environment
from bot.stages import answering, proving
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


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Something happens once, after the next pass has probed and before it is judged."""
    observe = pipeline._Pass._observe
    done: list[bool] = []

    async def observed(work: pipeline._Pass, *given: Any) -> Any:
        found = await observe(work, *given)
        if not done:
            done.append(True)
            await asyncio.to_thread(elsewhere, act)
        return found

    monkeypatch.setattr(pipeline._Pass, "_observe", observed)


def elsewhere(act: Callable[[], object]) -> None:
    """Another job: it has a workspace of its own."""
    here = Path.cwd()
    act()
    os.chdir(here)


def test_what_is_accepted_during_a_deploy_is_taken_on_after_it(
    broken: tuple[Scene, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, number = broken
    scene.merged("Next")
    meanwhile(monkeypatch, lambda: scene.say("/stability accept cart because it is meant", number))
    scene.prove()
    assert scene.home.statuses[-1].state == "failure", "it began before"
    assert [each.finding for each in scene.kept("last").accepted] == ["cart/body"]

    scene.merged("After it")
    assert scene.prove() == "stable"


def test_two_who_accept_at_once_are_both_heard(broken: tuple[Scene, int], monkeypatch: pytest.MonkeyPatch) -> None:
    scene, _ = broken
    number = scene.merged("Two")
    scene.shop.answers["/health"] = (200, b"full")
    scene.shop.answers["/cart"] = (404, b"somebody else's")
    assert scene.prove() == "unstable"
    first, second = sorted(each.id for each in scene.proof()[0].findings if each.status in ("broken", "regressed"))
    again, done = answering.judged_again, list[bool]()

    def judged(*given: Any, **named: Any) -> Any:
        if not done:
            done.append(True)
            elsewhere(lambda: scene.say(f"/stability accept {first} because it is meant", number, by="mia"))
        return again(*given, **named)

    monkeypatch.setattr(answering, "judged_again", judged)
    scene.say(f"/stability accept {second} because so is this", number)

    assert sorted(each.finding for each in scene.kept("last").accepted) == [first, second]


def hours(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(hours=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("now", "verdict"), [(b"empty", "stable"), (b"somebody else's", "unstable")])
def test_what_was_measured_again_since_it_was_written_is_accepted_as_bad_as_it_was_then(
    broken: tuple[Scene, int], now: bytes, verdict: str
) -> None:
    """Whoever accepts has seen one verdict, and no later one."""
    scene, number = broken
    for each in scene.home.artifacts.values():
        each.created_at = hours(ago=2)
    comment = scene.home.comment(number, "/stability accept cart because it is meant", login="wim")
    comment.created_at = hours(ago=1)
    scene.shop.answers["/cart"] = (200, now)
    assert scene.prove() == "unstable"

    scene.say("", number, comment=comment)

    assert f"is **{verdict}**" in scene.reply(comment)
    assert "is accepted, as bad as it was when that was written: it was measured again since" in scene.reply(comment)
    assert [each.finding for each in scene.kept("last").accepted] == ["cart/body"]
    if verdict == "unstable":
        assert any("accepted of cart/body does not cover it" in rule for rule in scene.proof()[0].rules)


def test_what_is_proven_again_in_the_same_comment_is_not_accepted_unseen(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    for each in scene.home.artifacts.values():
        each.created_at = hours(ago=2)
    asked = "/stability rerun\n/stability accept cart because it is meant"
    comment = scene.home.comment(number, asked, login="wim")
    comment.created_at = hours(ago=1)
    scene.shop.answers["/cart"] = (200, b"somebody else's")

    scene.say("", number, comment=comment)

    assert "is **unstable**" in scene.reply(comment, 2)
    assert scene.home.statuses[-1].state == "failure"


def test_what_nobody_can_have_seen_is_not_accepted(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.home.comment(number, "/stability accept cart because it is meant", login="wim")
    comment.created_at = hours(ago=1)

    scene.say("", number, comment=comment)

    assert "no proof of it is from before this comment" in scene.reply(comment)
    assert scene.home.statuses[-1].state == "failure"


def test_who_accepts_next_goes_on_from_what_is_kept_where_no_proof_was_uploaded(broken: tuple[Scene, int]) -> None:
    scene, _ = broken
    number = scene.merged("Two")
    scene.shop.answers["/cart"] = (404, b"somebody else's")
    assert scene.prove() == "unstable"
    first, second = sorted(each.id for each in scene.proof()[0].findings if each.status in ("broken", "regressed"))
    scene.say(f"/stability accept {first} because it is meant", number)
    newest = max((each for each in scene.home.artifacts.values() if "proof" in each.name), key=lambda each: each.id)
    del scene.home.artifacts[newest.id]

    comment = scene.say(f"/stability accept {second} because so is this", number)

    assert "was **unstable** and is **inconclusive**" in scene.reply(comment), "a 404 leaves its answer not measured"
    assert sorted(each.finding for each in scene.kept("last").accepted) == [first, second]


def test_what_is_judged_again_does_not_stand_over_what_is_being_measured(
    broken: tuple[Scene, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, number = broken
    comments = []

    def accept() -> None:
        time.sleep(1.1)  # GitHub's clock shows whole seconds
        comments.append(scene.say("/stability accept cart because it is meant", number))

    meanwhile(monkeypatch, accept)
    scene.shop.answers["/health"] = (500, b"down")

    scene.prove()

    assert "is **stable**" in scene.reply(comments[0])
    assert "Unstable" in scene.verdict_comment(number)
    assert scene.home.statuses[-1].state == "failure"


def test_what_is_judged_again_is_not_recorded_as_deployed(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    scene.merged("Later")
    scene.prove()
    before = {each.id: [one.state for one in each.statuses] for each in scene.home.deployments.values()}

    scene.say("/stability accept cart because it is meant", number)

    assert {each.id: [one.state for one in each.statuses] for each in scene.home.deployments.values()} == before


def test_what_is_judged_again_and_still_bad_reopens_nothing(broken: tuple[Scene, int]) -> None:
    scene, _ = broken
    issue = scene.home.open_issue("It is slow")
    number = scene.merged("Two", f"Fixes #{issue.number}")
    scene.shop.answers["/cart"] = (404, b"somebody else's")
    scene.prove()
    assert scene.home.issues[issue.number].state == "open"
    issue.close("completed", "ana")

    comment = scene.say("/stability accept cart/status because it is meant", number)

    assert "is **unstable**" in scene.reply(comment)
    assert scene.home.issues[issue.number].state == "closed"


def test_an_issue_that_is_closed_by_accepting_is_remembered(broken: tuple[Scene, int]) -> None:
    scene, _ = broken
    issue = scene.home.open_issue("It is slow")
    number = scene.merged("Two", f"Fixes #{issue.number}")
    scene.prove()
    assert scene.home.issues[issue.number].state == "open"

    scene.say("/stability accept cart because it is meant", number)

    assert scene.home.issues[issue.number].state == "closed"
    assert list(scene.kept("last-good").closed) == [str(issue.number)]
    scene.merged("Three")
    scene.shop.answers["/health"] = (500, b"down")
    scene.prove()
    assert scene.home.issues[issue.number].state == "open"


def test_a_reply_that_somebody_forged_keeps_no_command_from_being_done(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.home.comment(number, "/stability accept cart because it is meant", login="wim")
    marker = f"<!-- stability-proof:v1 reply={comment.id}/1 -->"
    forged = scene.home.comment(number, f"{marker}\n<!-- done -->\nNothing to see here.", login="mallory")

    scene.say("", number, comment=comment)

    assert forged.body.endswith("Nothing to see here.")
    assert scene.home.statuses[-1].state == "success"
    replies = [each for each in scene.home.comments_on(number) if each.body.startswith(marker)]
    assert [each.login for each in replies] == ["mallory", "github-actions[bot]"]
