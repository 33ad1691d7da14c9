"""Nobody hides a baseline of our own by making others of its name, and no nonsense is trusted or crashes."""

import base64
import json

import pytest

from bot.github.artifacts import LOOK_AT, Artifacts
from bot.github.client import Client
from bot.github.trust import Home
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn

NAME = "stability-baseline-chat-staging-last-good"
WORKFLOW = ".github/workflows/stability.yml"


@pytest.fixture
def home(github: StandIn) -> Repository:
    github.repository("octo/chat")
    github.repository("mallory/chat", fork_of="octo/chat")
    return github.repository("octo/chat")


@pytest.fixture
def shelf(github: StandIn, home: Repository) -> Artifacts:
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=0.1)
    place = Home(home.id, "main", WORKFLOW, home.branches["main"])
    made = Artifacts(client, lambda: place, home.workflow_run().token, github.results_url)
    made.upload(NAME, b"ours")
    return made


@pytest.mark.parametrize("many", [12, 120])
def test_a_fork_that_makes_many_of_the_name_hides_none_of_ours(
    github: StandIn, home: Repository, shelf: Artifacts, many: int
) -> None:
    for _ in range(many):
        theirs = home.workflow_run(event="pull_request", head_repository="mallory/chat")
        home.upload(theirs, NAME, {"run.json": b"{}"})
    found, refused = shelf.newest_trusted(NAME)
    assert found == b"ours"
    assert len(refused) <= LOOK_AT + 1
    assert github.count("GET", "/actions/runs/") == 1, "the list alone says that they are a fork's"


def test_another_workflow_that_makes_many_of_the_name_hides_none_of_ours(home: Repository, shelf: Artifacts) -> None:
    for _ in range(12):
        home.upload(home.workflow_run(path=".github/workflows/other.yml"), NAME, {"run.json": b"{}"})
    assert shelf.newest_trusted(NAME)[0] == b"ours"


def test_how_many_are_looked_at_is_bounded_and_said(github: StandIn, home: Repository, shelf: Artifacts) -> None:
    for _ in range(LOOK_AT):
        home.upload(home.workflow_run(path=".github/workflows/other.yml"), NAME, {"run.json": b"{}"})
    found, refused = shelf.newest_trusted(NAME)
    assert found is None
    assert github.count("GET", "/actions/runs/") == LOOK_AT
    assert "more were refused" in refused[-1]


@pytest.mark.parametrize("status", [404, 410])
def test_one_that_goes_away_while_it_is_fetched_is_passed_over(
    github: StandIn, home: Repository, shelf: Artifacts, status: int
) -> None:
    home.upload(home.workflow_run(), NAME, {"run.json": b"{}"})
    github.fail("GET", "/zip$", status=status, body={"message": "gone"})
    assert shelf.newest_trusted(NAME)[0] == b"ours"


@pytest.mark.parametrize("where", ["/artifacts$", "/actions/runs/", "/compare/"])
@pytest.mark.parametrize("body", ["<html>", [], {}, {"artifacts": "x"}, {"artifacts": [5]}])
def test_an_answer_that_is_not_githubs_is_never_trusted(
    github: StandIn, shelf: Artifacts, where: str, body: object
) -> None:
    github.fail("GET", where, times=9, status=200, body=body)
    try:
        found, _ = shelf.newest_trusted(NAME)
    except GitHubError:
        found = None
    assert found is None


@pytest.mark.parametrize("claims", [[], {"scp": 5}, 7, None, {"scp": "Actions.Results:only"}])
def test_a_token_that_names_no_place_is_one_error(shelf: Artifacts, claims: object) -> None:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    shelf.runtime_token = f"x.{payload}.y"
    with pytest.raises(GitHubError, match="names no place"):
        shelf.upload(NAME, b"x")


@pytest.mark.parametrize("method", ["CreateArtifact$", "FinalizeArtifact$"])
@pytest.mark.parametrize("body", ["<html>", {"ok": False}, {}])
def test_an_upload_that_was_not_said_to_be_done_is_not_done(
    github: StandIn, shelf: Artifacts, method: str, body: object
) -> None:
    github.fail("POST", method, status=200, body=body)
    with pytest.raises(GitHubError):
        shelf.upload("another", b"x")
