"""The record of what is where: made once, always closed, and with the baseline that the last good one pins."""

import pytest

from bot.github import deployments
from bot.github.client import Client, Denied
from bot.github.deployments import Deployments
from tests.finding import pick
from tests.github_stand_in import Repository, StandIn

RUN = "https://ci.example/1"
KEPT = "sha256:" + "a" * 64


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


@pytest.fixture
def client(github: StandIn, home: Repository) -> Client:
    return Client(github.url, github.token(home.full_name), home.full_name, patience=20.0)


def record(client: Client, sha: str, run: str | None = RUN, service: str = "chat") -> Deployments:
    return Deployments(client, sha, service, "staging", run)


def states(home: Repository) -> list[list[str]]:
    return [[one.state for one in each.statuses] for each in home.deployments.values()]


def test_a_deployment_is_under_way_and_then_ended_with_where_it_is(home: Repository, client: Client) -> None:
    made = record(client, home.branches["main"])
    made.end(made.begin(), "stable", KEPT, "https://chat.example/")
    (only,) = home.deployments.values()
    assert (only.sha, only.ref, only.environment) == (home.branches["main"], home.branches["main"], "staging")
    assert only.payload == {"format": deployments.FORMAT, "service": "chat", "run": RUN}
    assert states(home) == [["in_progress", "success"]]
    assert {each.log_url for each in only.statuses} == {RUN}
    assert (only.statuses[-1].environment_url, only.statuses[-1].description) == (
        "https://chat.example/",
        f"Stable; kept as {KEPT}",
    )


def test_github_merges_nothing_and_waits_for_no_status(github: StandIn, home: Repository, client: Client) -> None:
    """Trap 14: without `auto_merge: false` and `required_contexts: []` GitHub merges, or refuses for our own open gate."""
    sha = home.branches["main"]
    client.repository.get_commit(sha).create_status("pending", context="stability-proof / staging")
    record(client, sha).begin()
    body = pick(github.requests, lambda each: each.path.endswith("/deployments")).body
    assert (body["auto_merge"], body["required_contexts"]) == (False, [])
    assert states(home) == [["in_progress"]]


@pytest.mark.parametrize(
    ("verdict", "state"),
    [("stable", "success"), ("first run", "success"), ("unstable", "failure"), ("inconclusive", "error")],
)
def test_only_what_was_shown_to_be_good_is_a_success(
    home: Repository, client: Client, verdict: str, state: str
) -> None:
    made = record(client, home.branches["main"])
    made.end(made.begin(), verdict, KEPT, "not a url")
    assert states(home)[0][-1] == state
    assert ("kept as" in home.deployments[min(home.deployments)].statuses[-1].description) == (state == "success")


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_record_that_may_have_been_made_is_looked_for(
    github: StandIn, home: Repository, client: Client, after_effect: bool
) -> None:
    github.fail("POST", "/deployments$", after_effect=after_effect)
    made = record(client, home.branches["main"])
    made.end(made.begin(), "stable", None, None)
    assert states(home) == [["in_progress", "success"]]


def test_what_a_killed_job_left_under_way_is_closed_and_nobody_elses(home: Repository, client: Client) -> None:
    sha = home.branches["main"]
    record(client, sha).begin()
    record(client, sha, "https://ci.example/2").abandon(None, "It was stopped")
    assert states(home) == [["in_progress"]]
    record(client, sha).abandon(None, "x" * 300)
    assert states(home) == [["in_progress", "error"]]
    assert len(home.deployments[min(home.deployments)].statuses[-1].description) == 140


def test_a_missing_permission_is_named(github: StandIn, home: Repository) -> None:
    token = github.token(home.full_name, {"contents": "read"})
    with pytest.raises(Denied, match="add `deployments: write`"):
        record(Client(github.url, token, home.full_name), home.branches["main"]).begin()


def test_the_last_good_one_says_which_run_was_kept(home: Repository, client: Client) -> None:
    first = home.branches["main"]
    good = record(client, first)
    good.end(good.begin(), "stable", KEPT, None)
    bad = record(client, home.commit("worse"), "https://ci.example/2")
    bad.end(bad.begin(), "unstable", None, None)
    record(client, home.commit("under way"), "https://ci.example/3").begin()
    assert deployments.last_successful(client, "staging", "chat") == {
        "service": "chat",
        "baseline": {"commit": first, "digest": KEPT, "run": RUN},
    }


def test_one_that_a_later_one_replaced_still_counts_and_one_that_failed_later_does_not(
    home: Repository, client: Client
) -> None:
    good = record(client, home.branches["main"])
    number = good.begin()
    good.end(number, "stable", KEPT, None)
    other = record(client, home.commit("another service"), "https://ci.example/2", "shop")
    other.end(other.begin(), "stable", "sha256:" + "b" * 64, None)
    assert states(home)[0][-1] == "inactive"
    found = deployments.last_successful(client, "staging", "chat")
    assert found is not None
    assert found["baseline"]["digest"] == KEPT
    good.end(number, "unstable", None, None)
    assert deployments.last_successful(client, "staging", "chat") is None


@pytest.mark.parametrize(
    "payload",
    ["text", {}, {"format": deployments.FORMAT}, {"format": "other", "service": "chat"}],
)
def test_the_deployments_of_others_pin_nothing(home: Repository, client: Client, payload: object) -> None:
    body = {
        "ref": home.branches["main"],
        "environment": "staging",
        "payload": payload,
        "auto_merge": False,
        "required_contexts": [],
    }
    path = f"/repos/{client.name}/deployments"
    number = client.send("deployments: write", path, body, repeatable=False)["id"]
    status = {"state": "success", "description": f"kept as {KEPT}"}
    client.send("deployments: write", f"{path}/{number}/statuses", status, repeatable=False)
    assert deployments.last_successful(client, "staging", "chat") is None


def test_an_older_run_that_ends_later_leaves_the_newer_ones_record_active(home: Repository, client: Client) -> None:
    older = record(client, home.branches["main"])
    number = older.begin()
    newer = record(client, home.commit("newer"), "https://ci.example/2")
    newer.end(newer.begin(), "stable", KEPT, None)
    older.end(number, "stable", KEPT, None)
    assert states(home)[1] == ["in_progress", "success"]
