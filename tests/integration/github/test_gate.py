"""The status and the check of a commit: closed exactly once each, within GitHub's limits, whatever GitHub answers."""

from typing import get_args

import pytest

from bot.github.annotations import Annotation, Place
from bot.github.client import Client
from bot.github.event import Kind
from bot.github.gate import CONCLUSIONS, STATES, Gate, word_of
from tests.github_stand_in import Repository, StandIn


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


@pytest.fixture
def gate(github: StandIn, home: Repository) -> Gate:
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    return Gate(client, home.branches["main"], "staging", "https://ci.example/1")


def test_only_what_was_measured_and_found_good_is_green() -> None:
    assert {word for word, state in STATES.items() if state == "success"} == {"stable", "first run"}
    assert {word for word, state in CONCLUSIONS.items() if state in ("success", "neutral", "skipped")} == {
        "stable",
        "first run",
    }
    assert STATES.keys() == CONCLUSIONS.keys()


def test_each_environment_has_a_status_and_a_check_of_its_own_name(home: Repository, gate: Gate) -> None:
    """Trap 15: a status and a check of one name would both be required."""
    other = Gate(gate.client, gate.sha, "production", None)
    for each in (gate, other):
        each.status("pending", "under way")
        each.begin_check()
    names = [each.context for each in home.statuses] + [each.name for each in home.check_runs.values()]
    assert len(set(names)) == 4


def test_a_status_is_cut_to_what_github_takes_and_links_to_the_run(home: Repository, gate: Gate) -> None:
    Gate(gate.client, gate.sha, "e" * 300, None).status("success", "short")
    gate.status("failure", "x" * 141)
    assert len(home.statuses[0].context) == 255
    assert home.statuses[-1].description == "x" * 139 + "…"
    assert home.statuses[-1].target_url == "https://ci.example/1"


def test_a_status_that_was_set_though_github_failed_is_only_set_again(
    github: StandIn, home: Repository, gate: Gate
) -> None:
    github.fail("POST", "/statuses/", after_effect=True)
    gate.status("failure", "it broke")
    assert {(each.state, each.context) for each in home.statuses} == {("failure", gate.context)}


def test_a_check_is_ended_as_it_was_begun(home: Repository, gate: Gate) -> None:
    number = gate.begin_check()
    assert number is not None
    assert home.check_runs[number].status == "in_progress"
    gate.end_check(number, "failure", "t" * 300, "s" * 70_000, "x" * 70_000)
    (only,) = home.check_runs.values()
    assert (only.status, only.conclusion) == ("completed", "failure")
    assert (len(only.title or ""), len(only.summary or ""), len(only.text or "")) == (250, 65_535, 65_535)


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_check_that_may_have_been_begun_is_looked_for_and_never_left_open(
    github: StandIn, home: Repository, gate: Gate, after_effect: bool
) -> None:
    github.fail("POST", "/check-runs$", after_effect=after_effect)
    number = gate.begin_check()
    assert number is not None
    assert github.count("POST", "/check-runs$") == (1 if after_effect else 2)
    gate.end_check(number, "success", "title", "summary")
    assert [each.conclusion for each in home.check_runs.values()] == ["success"]


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_check_that_may_have_been_ended_is_only_ended_again(
    github: StandIn, home: Repository, gate: Gate, after_effect: bool
) -> None:
    github.fail("POST", "/check-runs$", after_effect=after_effect)
    gate.end_check(None, "failure", "title", "summary")
    assert {(each.name, each.conclusion) for each in home.check_runs.values()} == {(gate.name, "failure")}


def test_an_earlier_verdict_on_the_same_commit_is_not_taken_for_this_one(
    github: StandIn, home: Repository, gate: Gate
) -> None:
    gate.end_check(None, "success", "title", "summary")
    github.fail("POST", "/check-runs$")
    gate.end_check(None, "failure", "title", "summary")
    newest = max(home.check_runs.values(), key=lambda each: each.id)
    assert newest.conclusion == "failure"


def test_the_end_of_a_check_is_sent_again(github: StandIn, home: Repository, gate: Gate) -> None:
    number = gate.begin_check()
    github.fail("PATCH", "/check-runs/")
    gate.end_check(number, "action_required", "title", "summary")
    assert [each.conclusion for each in home.check_runs.values()] == ["action_required"]


REMARKS = tuple(Annotation(Place("stability.yml", number), "failure", "t", "m") for number in range(1, 121))


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("after_effect", [True, False])
def test_more_annotations_than_a_request_takes_are_all_there_and_each_once(
    github: StandIn, home: Repository, gate: Gate, after_effect: bool, times: int
) -> None:
    number = gate.begin_check()
    github.fail("PATCH", "/check-runs/", times=times, skip=1, after_effect=after_effect)
    gate.end_check(number, "failure", "title", "summary", annotations=REMARKS)
    (only,) = home.check_runs.values()
    assert [each["start_line"] for each in only.annotations] == list(range(1, 121))
    assert only.conclusion == "failure"


def test_an_older_run_that_is_still_open_is_not_the_latest_check_and_is_closed_all_the_same(
    github: StandIn, home: Repository, gate: Gate
) -> None:
    gate.begin_check()
    other = Gate(gate.client, gate.sha, "staging", "https://ci.example/2")
    other.end_check(other.begin_check(), "success", "title", "summary")
    gate.cancel_check(None, "It was stopped")
    assert sorted(each.conclusion or "" for each in home.check_runs.values()) == ["cancelled", "success"]


def test_a_check_has_no_buttons(github: StandIn, gate: Gate) -> None:
    """Trap 3: with the token of a job nobody hears it when they are pressed."""
    gate.end_check(gate.begin_check(), "failure", "title", "summary", annotations=REMARKS[:3])
    assert all("actions" not in each.body for each in github.requests if each.method in ("POST", "PATCH"))


def test_a_status_says_its_verdict_also_behind_the_label_of_its_kind() -> None:
    every: frozenset[Kind] = frozenset(get_args(Kind))
    assert word_of("success", "First run: it") == "first run"
    assert word_of("failure", "deployed elsewhere: Unstable: it") == "unstable"
    for label in ("refresh", "before the merge"):
        assert word_of("success", f"{label}: Stable: it") is None
        assert word_of("success", f"{label}: Stable: it", every) == "stable"
        assert word_of("error", f"{label}: Stable: it", every) is None
    assert word_of("error", "The job was stopped", every) is None
