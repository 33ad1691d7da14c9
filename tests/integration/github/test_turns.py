"""Several runs about one commit or one issue: the one that began last has the word, whoever ends last."""

import pytest

from bot.github.client import Client
from bot.github.comment import Sticky
from bot.github.event import Activity
from bot.github.publisher import Publisher
from bot.github.turn import Turn
from tests.github_stand_in import Repository, StandIn
from tests.integration.github.runs import KEY, changed, run, shown, texts

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def home(github: StandIn) -> Repository:
    return changed(github)


def test_an_older_run_that_ends_later_has_not_the_last_word(github: StandIn, home: Repository) -> None:
    sha = home.merge(2)
    older, newer = run(github, home, sha, "older"), run(github, home, sha, "newer")
    older.begin()
    newer.begin()
    newer.publish(texts("newer", "unstable"), "stable")

    done = older.publish(texts("older", "stable"), "stable")

    assert (shown(home, 1), shown(home, 2)) == (["## newer"], ["## newer"])
    assert (home.statuses[-1].state, home.statuses[-1].target_url) == ("failure", "https://ci.invalid/newer")
    assert home.issues[1].state == "open"
    assert {each.conclusion for each in home.check_runs.values()} == {"failure"}
    assert done.lines == ["a newer run of this commit has the word: https://ci.invalid/newer"]


def test_a_run_again_of_the_older_one_is_the_newer_one(github: StandIn, home: Repository) -> None:
    sha = home.merge(2)
    for name, verdict in (("a", "unstable"), ("b", "unstable"), ("a", "stable")):
        each = run(github, home, sha, name)
        each.begin()
        each.publish(texts(f"{name} {verdict}", verdict), "stable")
    assert shown(home, 2) == ["## a stable"]
    assert (home.statuses[-1].state, home.issues[1].state) == ("success", "closed")


def test_on_an_issue_of_two_changes_the_older_run_leaves_the_newer_verdict_and_the_state(
    github: StandIn, home: Repository
) -> None:
    home.open_pull("Faster still", "Fixes #1", head="more")
    older = run(github, home, home.merge(2), "older")
    older.begin()
    newer = run(github, home, home.merge(3), "newer")
    newer.begin()
    newer.publish(texts("newer", "unstable"), "stable")

    done = older.publish(texts("older", "stable"), "stable")

    assert (shown(home, 1), shown(home, 2), shown(home, 3)) == (["## newer"], ["## older"], ["## newer"])
    assert home.issues[1].state == "open"
    assert "#1 shows the verdict of a run that began later" in done.lines


def test_two_comments_of_two_runs_at_once_become_the_oldest_with_the_newest_verdict(
    github: StandIn, home: Repository
) -> None:
    first = home.comment(1, f"{KEY}\n{Turn('2026-01-01T00:00:00Z', 1).line}\n## first", login="github-actions[bot]")
    home.comment(1, f"{KEY}\n{Turn('2026-01-01T00:00:02Z', 3).line}\n## third", login="github-actions[bot]")
    home.comment(1, f"{KEY}\nforged", login="mallory")
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)

    written = Sticky(client, KEY).on_issue(1, f"{Turn('2026-01-01T00:00:01Z', 2).line}\n## second")

    assert written.superseded
    assert shown(home, 1) == ["## third", "forged"]
    assert home.comments[first.id].body.endswith("## third")


def test_a_comment_that_another_run_made_in_the_same_moment_is_found_after_ours(
    github: StandIn, home: Repository
) -> None:
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    github.fail("GET", "/issues/1/comments$", status=200, body=[])  # the other's is not there yet
    other = home.comment(1, f"{KEY}\n{Turn('2026-01-01T00:00:00Z', 1).line}\n## other", login="github-actions[bot]")

    Sticky(client, KEY).on_issue(1, f"{Turn('2026-01-01T00:00:01Z', 2).line}\n## ours")

    assert shown(home, 1) == ["## ours"]
    assert other.id in home.comments


@pytest.mark.parametrize("claimed", ["nothing", "the newer run of another change", "a refresh of this commit"])
def test_a_turn_that_somebody_forged_keeps_no_verdict_out_and_no_issue_closed(
    github: StandIn, home: Repository, claimed: str
) -> None:
    """Who may triage can edit the bot's comments: a newer run that is named there has to be one, and about that issue."""
    sha = home.merge(2)
    ours = run(github, home, sha, "ours")
    ours.begin()
    turn = Turn(home.statuses[-1].created_at, home.statuses[-1].id + 1, sha)
    if claimed == "the newer run of another change":
        home.open_pull("Something else", "", head="else")
        other = run(github, home, home.merge(3), "other")
        other.begin()
        other.publish(texts("other", "stable"), "stable")
        turn = next(each for each in (other.turn,) if each is not None)
    elif claimed == "a refresh of this commit":
        refresh = run(github, home, sha, "refresh", "refresh")
        refresh.begin()
        turn = next(each for each in (refresh.turn,) if each is not None)
    for number in (1, 2):
        home.comment(number, f"{KEY}\n{turn.line}\n## STABLE, all is well", login="github-actions[bot]")

    ours.publish(texts("ours", "unstable"), "stable")

    assert (shown(home, 1), shown(home, 2)) == (["## ours"], ["## ours"])
    assert home.issues[1].state == "open"


def test_a_turn_that_somebody_forged_for_the_future_keeps_no_verdict_out(github: StandIn, home: Repository) -> None:
    home.comment(1, f"{KEY}\n{Turn('2099-01-01T00:00:00Z', 1).line}\n## forged", login="github-actions[bot]")
    sha = home.merge(2)
    said = run(github, home, sha, "ours")
    said.begin()
    said.publish(texts("ours", "stable"), "stable")
    assert shown(home, 1) == ["## ours"]


def test_a_comment_of_a_version_without_turns_is_taken_over(github: StandIn, home: Repository) -> None:
    home.comment(2, f"{KEY}\n## before", login="github-actions[bot]")
    said = run(github, home, home.merge(2), "ours")
    said.begin()
    said.publish(texts("ours", "stable"), "stable")
    assert shown(home, 2) == ["## ours"]


def test_a_newer_run_that_ended_without_a_verdict_takes_none_away(github: StandIn, home: Repository) -> None:
    sha = home.merge(2)
    older, newer = run(github, home, sha, "older"), run(github, home, sha, "newer")
    older.begin()
    newer.begin()
    newer.abandon("It was stopped")
    older.publish(texts("older", "unstable"), "stable")
    assert (home.statuses[-1].state, shown(home, 2), home.issues[1].state) == ("failure", ["## older"], "open")


def test_begun_by_two_and_written_by_the_older_first_ends_in_the_newer_one(github: StandIn, home: Repository) -> None:
    """The smallest schedule that the property test found: the older run must not end its check once more."""
    sha = home.merge(2)
    older, newer = run(github, home, sha, "older"), run(github, home, sha, "newer")
    older.begin()
    newer.begin()
    older.publish(texts("older", "stable"), "stable")
    newer.publish(texts("newer", "inconclusive"), "stable")
    assert [github.count("PATCH", f"/check-runs/{each.check}$") for each in (older, newer)] == [1, 2]
    assert (home.statuses[-1].state, home.issues[1].state) == ("error", "open")


def test_two_services_of_one_workflow_run_keep_out_of_each_others_way(github: StandIn, home: Repository) -> None:
    sha = home.merge(2)
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    both = [Publisher(client, Activity(sha, "pushed"), sha, name, "staging", "https://ci.invalid/1") for name in "ab"]
    for each in both:
        each.begin()
    both[1].publish(texts("b", "stable"), "never")
    both[0].publish(texts("a", "unstable"), "never")
    assert {each.context: each.state for each in home.statuses} == {
        "stability-proof / a / staging": "failure",
        "stability-proof / b / staging": "success",
    }
    assert [each.conclusion for each in home.check_runs.values()] == ["failure", "success"]
    assert [each.statuses[-1].state for each in home.deployments.values()] == ["failure", "success"]
    assert len(home.comments_on(2)) == 2


def test_a_service_killed_beside_another_closes_its_own(github: StandIn, home: Repository) -> None:
    sha = home.merge(2)
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    for name in "ab":
        Publisher(client, Activity(sha, "pushed"), sha, name, "staging", "https://ci.invalid/1").begin()
    Publisher(client, Activity(sha, "x"), sha, "a", "staging", "https://ci.invalid/1").abandon("It was stopped")
    assert [each.status for each in home.check_runs.values()] == ["completed", "in_progress"]
    assert [each.statuses[-1].state for each in home.deployments.values()] == ["error", "in_progress"]


def test_a_commit_with_hundreds_of_other_statuses_hides_no_newer_run(github: StandIn, home: Repository) -> None:
    sha = home.merge(2)
    older, newer = run(github, home, sha, "older"), run(github, home, sha, "newer")
    older.begin()
    newer.begin()
    newer.publish(texts("newer", "unstable"), "stable")
    ours = home.statuses[-1]
    for _ in range(250):
        home.statuses.append(ours.model_copy(update={"id": github.world.number(), "context": "ci", "state": "success"}))

    done = older.publish(texts("older", "stable"), "stable")

    assert done.lines == ["a newer run of this commit has the word: https://ci.invalid/newer"]
    assert shown(home, 2) == ["## newer"]
