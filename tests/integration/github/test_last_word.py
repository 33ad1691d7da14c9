"""What has no place of its own (a rehearsal, a refresh, a run that is stopped) writes over no newer run's verdict."""

from dataclasses import replace

import pytest

from bot.github.annotations import Annotation, Place
from bot.github.event import Kind
from bot.github.gate import word_of
from tests.github_stand_in import Repository, StandIn
from tests.integration.github.runs import changed, run, shown, texts

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def home(github: StandIn) -> Repository:
    return changed(github)


@pytest.mark.parametrize("kind", ["probe", "refresh"])
def test_of_two_runs_of_a_kind_the_newer_has_the_word(github: StandIn, home: Repository, kind: Kind) -> None:
    """Of two that probe what somebody else deployed, and of two refreshes."""
    sha = home.merge(2)
    older, newer = (run(github, home, sha, name, kind) for name in ("older", "newer"))
    older.begin()
    newer.begin()
    newer.publish(texts("newer", "unstable", kind), "stable")

    older.publish(texts("older", "stable", kind), "stable")

    assert (home.statuses[-1].state, home.statuses[-1].target_url) == ("failure", "https://ci.invalid/newer")
    assert {each.conclusion for each in home.check_runs.values()} == {"failure"}
    settled = ("open", ["## newer"]) if kind == "probe" else ("closed", [])
    assert (home.issues[1].state, shown(home, 2)) == settled


@pytest.mark.parametrize("kind", ["rehearse", "refresh"])
def test_one_that_settles_nothing_leaves_the_gate_to_a_newer_verdict(
    github: StandIn, home: Repository, kind: Kind
) -> None:
    """A queue's commit becomes the default branch's: its rehearsal and its deploy are about one commit."""
    sha = home.merge(2)
    quiet, newer = run(github, home, sha, "quiet", kind), run(github, home, sha, "newer")
    quiet.begin()
    newer.begin()
    newer.publish(texts("newer", "unstable"), "stable")

    done = quiet.publish(texts("quiet", "stable", kind), "stable")

    assert (home.statuses[-1].state, home.statuses[-1].target_url) == ("failure", "https://ci.invalid/newer")
    assert {each.conclusion for each in home.check_runs.values()} == {"failure"}
    assert (shown(home, 1), home.issues[1].state) == (["## newer"], "open")
    assert done.lines == ["a newer run of this commit has the word: https://ci.invalid/newer"]


@pytest.mark.parametrize("kind", ["rehearse", "refresh"])
@pytest.mark.parametrize(
    ("verdict", "state", "issue"), [("unstable", "failure", "open"), ("stable", "success", "closed")]
)
def test_one_that_settles_nothing_makes_no_run_beside_it_give_way(
    github: StandIn, home: Repository, kind: Kind, verdict: str, state: str, issue: str
) -> None:
    """It writes no comment and closes no issue, so it never has the word over what does."""
    sha = home.merge(2)
    older, quiet = run(github, home, sha, "older"), run(github, home, sha, "quiet", kind)
    older.begin()
    quiet.begin()
    quiet.publish(texts("quiet", "unstable" if verdict == "stable" else "stable", kind), "stable")

    older.publish(texts("older", verdict), "stable")

    assert (home.statuses[-1].state, home.statuses[-1].target_url) == (state, "https://ci.invalid/older")
    assert (home.issues[1].state, shown(home, 1), shown(home, 2)) == (issue, ["## older"], ["## older"])


@pytest.mark.parametrize("kind", ["prove", "refresh"])
def test_a_run_that_is_stopped_after_a_newer_one_ended_takes_no_verdict_away(
    github: StandIn, home: Repository, kind: Kind
) -> None:
    sha = home.merge(2)
    older, newer = run(github, home, sha, "older", kind), run(github, home, sha, "newer")
    older.begin()
    newer.begin()
    newer.publish(texts("newer", "unstable"), "stable")

    older.abandon("It was stopped")

    assert (home.statuses[-1].state, home.statuses[-1].target_url) == ("failure", "https://ci.invalid/newer")
    assert {each.status for each in home.check_runs.values()} == {"completed"}
    assert all(each.statuses[-1].state != "in_progress" for each in home.deployments.values())


def test_the_check_of_a_rehearsal_has_its_remarks_on_the_lines_of_the_spec(github: StandIn, home: Repository) -> None:
    rehearsal = run(github, home, home.merge(2), "queue", "rehearse")
    rehearsal.begin()
    remark = Annotation(Place("stability.yml", 7), "failure", "health", "it broke")
    rehearsal.publish(replace(texts("queue", "unstable", "rehearse"), annotations=[remark]), "stable")
    (check,) = home.check_runs.values()
    assert [each["start_line"] for each in check.annotations] == [7]
    assert (home.comments, home.deployments) == ({}, {})


@pytest.mark.parametrize("kind", ["prove", "probe"])
def test_every_status_of_a_verdict_that_settles_something_is_read_back(kind: Kind) -> None:
    for verdict, state in (("stable", "success"), ("first run", "success"), ("unstable", "failure")):
        assert word_of(state, texts("all of it", verdict, kind).status) == verdict
