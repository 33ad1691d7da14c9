"""What GitHub refuses or limits in GraphQL comes as 200 with `errors`: each is taken for what it is."""

from typing import Any

import pytest

from bot.github import client as clients
from bot.github import links
from bot.github.client import Client, Denied, Missing
from bot.github.event import Activity
from bot.github.graphql import query
from bot.github.publisher import Publication, Publisher, Texts
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn

FORBIDDEN = "Resource not accessible by integration"


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


def answer(kind: str, message: str = FORBIDDEN, data: Any = None) -> dict[str, Any]:
    return {"data": data, "errors": [{"type": kind, "path": ["repository", "pullRequest"], "message": message}]}


def client(github: StandIn, permissions: dict[str, str] | None = None) -> Client:
    return Client(github.url, github.token("octo/chat", permissions), "octo/chat", patience=5.0)


def login(github: StandIn) -> str:
    return query(client(github), {"viewer": "metadata: read"}, "query { viewer { login } }", {}, _login)


def _login(data: Any) -> str:
    return str(data["viewer"]["login"])


def published(github: StandIn, home: Repository, permissions: dict[str, str] | None = None) -> tuple[Publication, int]:
    home.auto_close = False
    issue = home.open_issue("It is slow").number
    sha = home.merge(home.open_pull("Faster", f"Fixes #{issue}").number)
    publisher = Publisher(client(github, permissions), Activity(sha, "x"), sha, "chat", "staging", None)
    publisher.begin()
    return publisher.publish(Texts("stable", "## x", "Stable: x", "t", "s"), "stable"), issue


@pytest.mark.parametrize(
    ("kind", "error"),
    [("FORBIDDEN", Denied), ("INSUFFICIENT_SCOPES", Denied), ("NOT_FOUND", Missing), ("SOMETHING", GitHubError)],
)
def test_a_refusal_is_what_it_is_called(github: StandIn, home: Repository, kind: str, error: type[Exception]) -> None:
    github.fail("POST", "/graphql$", times=9, status=200, body=answer(kind))
    with pytest.raises(error):
        login(github)
    assert github.count("POST", "/graphql$") == 1


@pytest.mark.parametrize("kind", ["RATE_LIMITED", "RATE_LIMIT"])
def test_a_limit_is_waited_for(github: StandIn, home: Repository, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(clients, "SECONDARY", 0.01)
    limited = answer(kind, "API rate limit already exceeded", {"viewer": {"login": "nobody"}})
    github.fail("POST", "/graphql$", status=200, body=limited)
    assert login(github) == "github-actions"
    assert github.count("POST", "/graphql$") == 2


def test_what_was_answered_beside_a_refusal_is_taken(github: StandIn, home: Repository) -> None:
    partly = {"viewer": {"login": "github-actions"}, "repository": None}
    github.fail("POST", "/graphql$", status=200, body=answer("FORBIDDEN", data=partly))
    assert login(github) == "github-actions"


def test_linked_issues_that_may_not_be_seen_are_left_out_and_the_words_are_gone_by(
    github: StandIn, home: Repository
) -> None:
    github.fail("POST", "/graphql$", times=9, status=200, body=answer("FORBIDDEN"))
    done, issue = published(github, home)
    (line,) = done.denied
    assert line.startswith("what GitHub lists as linked was left out: ")
    assert "add `pull-requests: read`" in line
    assert home.issues[issue].state == "closed"


def test_a_linked_issue_of_somewhere_that_may_not_be_seen_hides_no_other(github: StandIn, home: Repository) -> None:
    issue = home.open_issue("It is slow").number
    sha = home.merge(home.open_pull("Faster", "").number)
    listed = {
        "nodes": [None, {"number": issue, "repository": {"nameWithOwner": "octo/chat"}}],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }
    pull = {"mergedAt": None, "lastEditedAt": None, "editor": None, "closingIssuesReferences": listed}
    github.fail("POST", "/graphql$", status=200, body=answer("FORBIDDEN", data={"repository": {"pullRequest": pull}}))
    assert links.find(client(github), sha, None).issues == (issue,)


@pytest.mark.parametrize("missing", ["issues", "pull_requests"])
def test_of_a_private_repository_the_permission_that_is_missing_is_named(
    github: StandIn, home: Repository, missing: str
) -> None:
    home.private = True
    given = dict.fromkeys(("contents", "issues", "pull_requests", "statuses", "checks", "deployments"), "write")
    del given[missing]
    done, _ = published(github, home, given)
    assert any(f"add `{missing.replace('_', '-')}: read`" in each for each in done.denied)
