"""What a verdict does to an issue: the whole table, and doing it again changes nothing."""

import pytest

from bot.github import issues
from bot.github.client import Client, Denied
from tests.github_stand_in import Issue, Repository, StandIn


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


@pytest.fixture
def issue(home: Repository) -> Issue:
    return home.open_issue("It is slow", number=1)


@pytest.fixture
def client(github: StandIn, home: Repository) -> Client:
    return Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)


@pytest.mark.parametrize(
    ("verdict", "before", "close", "state", "reason", "words"),
    [
        ("stable", "open", "stable", "closed", "completed", "#1 is closed as completed"),
        ("stable", "open", "never", "open", None, "`issue: close` is never"),
        ("stable", "completed", "stable", "closed", "completed", "is confirmed"),
        ("stable", "completed", "never", "closed", "completed", "is confirmed"),
        ("stable", "not_planned", "stable", "closed", "not_planned", "#1"),
        ("first run", "open", "stable", "open", None, "compares with nothing"),
        ("first run", "not_planned", "stable", "closed", "not_planned", "as not planned"),
        ("first run", "completed", "stable", "closed", "completed", "compares with nothing"),
        ("unstable", "open", "stable", "open", None, "stays open"),
        ("unstable", "completed", "stable", "open", "reopened", "is reopened"),
        ("unstable", "completed", "never", "open", "reopened", "is reopened"),
        ("unstable", "not_planned", "stable", "closed", "not_planned", "as not planned"),
        ("unstable", "duplicate", "stable", "closed", "duplicate", "as duplicate"),
        ("no baseline", "open", "stable", "open", None, "stays open: what to compare with could not be had"),
        ("no baseline", "completed", "stable", "closed", "completed", "stays closed: what to compare with"),
        ("inconclusive", "open", "stable", "open", None, "stays open"),
        ("inconclusive", "completed", "stable", "open", "reopened", "is reopened"),
        ("inconclusive", "not_planned", "stable", "closed", "not_planned", "as not planned"),
    ],
)
def test_an_issue_goes_where_the_verdict_sends_it_and_stays_there(
    client: Client, issue: Issue, verdict: str, before: str, close: str, state: str, reason: str | None, words: str
) -> None:
    if before != "open":
        issue.close(before, "octo")  # type: ignore[arg-type]
    found = issues.settle(client, 1, verdict, close)  # type: ignore[arg-type]
    assert (issue.state, issue.state_reason) == (state, reason)
    assert (found.after, words in found.sentence) == (state, True), found
    again = issues.settle(client, 1, verdict, close)  # type: ignore[arg-type]
    assert (issue.state, issue.state_reason, again.after) == (state, reason, state)


def test_an_issue_that_somebody_set_aside_is_not_called_confirmed(client: Client, issue: Issue) -> None:
    issue.close("not_planned", "octo")
    found = issues.settle(client, 1, "stable", "stable")
    assert "confirmed" not in found.sentence
    assert "not planned" in found.sentence


def test_a_502_after_the_issue_was_reopened_leaves_it_open(github: StandIn, client: Client, issue: Issue) -> None:
    issue.close("completed", "octo")
    github.fail("PATCH", "/issues/1$", after_effect=True)
    assert issues.settle(client, 1, "unstable", "stable").after == "open"
    assert issue.state == "open"


def test_a_token_that_may_only_read_changes_nothing_and_names_the_permission(
    github: StandIn, home: Repository, issue: Issue
) -> None:
    issue.close("completed", "octo")
    client = Client(github.url, github.fork_token(home.full_name), home.full_name)
    with pytest.raises(Denied, match="`issues: write`"):
        issues.settle(client, 1, "unstable", "stable")
    assert issue.state == "closed"
