"""What has no place of its own (a rehearsal, a refresh, a run that is stopped) writes over no newer run's verdict."""

import pytest

from bot.github import client as clients
from bot.github.client import Client
from bot.github.event import Activity, Kind
from bot.github.gate import word_of
from bot.github.publisher import Publisher, Texts
from bot.github.quiet import GateAlone
from bot.stages.kinds import labelled
from tests.github_stand_in import Repository, StandIn
from tests.integration.github.test_turns import run, shown, texts


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
def home(github: StandIn) -> Repository:
    """With issue 1, and pull request 2 that closes it."""
    made = github.repository("octo/chat")
    made.open_issue("It is slow")
    made.open_pull("Faster", "Fixes #1")
    return made


def of_kind(github: StandIn, home: Repository, sha: str, name: str, kind: Kind) -> Publisher:
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    made = Activity(sha, "asked for", kind=kind)
    wanted = Publisher if made.comments else GateAlone
    return wanted(client, made, sha, "chat", "staging", f"https://ci.invalid/{name}")


def said(name: str, verdict: str, kind: Kind) -> Texts:
    line = labelled(f"{verdict.capitalize()}: {name}", Activity(None, "", kind=kind))
    return Texts(verdict, f"## {name}", line, verdict, f"## {name}")


def test_of_two_probes_of_what_somebody_else_deployed_the_newer_has_the_word(github: StandIn, home: Repository) -> None:
    sha = home.merge(2)
    older, newer = (of_kind(github, home, sha, name, "probe") for name in ("older", "newer"))
    older.begin()
    newer.begin()
    newer.publish(said("newer", "unstable", "probe"), "stable")

    older.publish(said("older", "stable", "probe"), "stable")

    assert (home.statuses[-1].state, home.issues[1].state, shown(home, 2)) == ("failure", "open", ["## newer"])


@pytest.mark.parametrize("kind", ["rehearse", "refresh"])
def test_one_that_settles_nothing_leaves_the_gate_to_a_newer_verdict(
    github: StandIn, home: Repository, kind: Kind
) -> None:
    sha = home.merge(2)
    quiet, newer = of_kind(github, home, sha, "quiet", kind), run(github, home, sha, "newer")
    quiet.begin()
    newer.begin()
    newer.publish(texts("newer", "unstable"), "stable")

    quiet.publish(said("quiet", "stable", kind), "stable")

    assert (home.statuses[-1].state, home.statuses[-1].target_url) == ("failure", "https://ci.invalid/newer")
    assert {each.conclusion for each in home.check_runs.values()} == {"failure"}


@pytest.mark.parametrize("kind", ["rehearse", "refresh"])
def test_one_that_settles_nothing_makes_no_run_beside_it_give_way(
    github: StandIn, home: Repository, kind: Kind
) -> None:
    sha = home.merge(2)
    older, quiet = run(github, home, sha, "older"), of_kind(github, home, sha, "quiet", kind)
    older.begin()
    quiet.begin()
    quiet.publish(said("quiet", "stable", kind), "stable")

    older.publish(texts("older", "unstable"), "stable")

    assert (home.statuses[-1].state, home.issues[1].state, shown(home, 2)) == ("failure", "open", ["## older"])


@pytest.mark.parametrize("kind", ["prove", "refresh"])
def test_a_run_that_is_stopped_after_a_newer_one_ended_takes_no_verdict_away(
    github: StandIn, home: Repository, kind: Kind
) -> None:
    sha = home.merge(2)
    older, newer = of_kind(github, home, sha, "older", kind), run(github, home, sha, "newer")
    older.begin()
    newer.begin()
    newer.publish(texts("newer", "unstable"), "stable")

    older.abandon("It was stopped")

    assert (home.statuses[-1].state, home.statuses[-1].target_url) == ("failure", "https://ci.invalid/newer")
    assert {each.status for each in home.check_runs.values()} == {"completed"}
    assert all(each.statuses[-1].state != "in_progress" for each in home.deployments.values())


@pytest.mark.parametrize("kind", ["prove", "probe"])
def test_every_status_of_a_verdict_that_settles_something_is_read_back(kind: Kind) -> None:
    for verdict, state in (("stable", "success"), ("first run", "success"), ("unstable", "failure")):
        assert word_of(state, said("all of it", verdict, kind).status) == verdict
