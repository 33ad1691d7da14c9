"""A commit's pull request and issues are found as GitHub says, and by the merge's own words until GitHub says it."""

import dataclasses

import pytest

from bot.github import links
from bot.github.client import Client
from bot.github.links import Links
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn

ASSOCIATED = r"/commits/[^/]+/pulls$"


@pytest.fixture
def home(github: StandIn) -> Repository:
    """With issue 1."""
    made = github.repository("octo/chat")
    made.open_issue("It is slow", number=1)
    return made


@pytest.fixture
def client(github: StandIn, home: Repository) -> Client:
    return Client(github.url, github.token(home.full_name), home.full_name, patience=1.0)


def found(client: Client, commit: str, number: int | None) -> Links:
    """What is found, without how sure GitHub is of it."""
    return dataclasses.replace(links.find(client, commit, number), certain=frozenset())


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("heard", [False, True])
def test_the_pull_request_of_a_merge_is_found_whether_github_has_heard_of_it_or_not(
    github: StandIn, home: Repository, client: Client, squash: bool, heard: bool
) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number, squash=squash)
    if not heard:
        github.fail("GET", ASSOCIATED, status=200, body=[])
    assert found(client, sha, None) == Links((pull.number,), (1,), ())


def test_a_number_that_the_event_names_is_taken_at_its_word(github: StandIn, home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number)
    assert links.find(client, sha, pull.number).pull_requests == (pull.number,)
    assert github.count("GET", ASSOCIATED) == 0


def test_a_commit_of_a_pull_request_that_is_not_merged_belongs_to_none(home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    assert pull.pull is not None
    assert links.find(client, pull.pull.head_sha, None) == Links((), (), ())


def test_a_commit_that_only_claims_to_be_a_merge_belongs_to_none(home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    home.merge(pull.number)
    for message in (f"Merge pull request #{pull.number} from mallory/x", f"Something (#{pull.number})", "No (#999)"):
        assert links.find(client, home.commit(message), None) == Links((), (), ()), message


def test_an_issue_that_somebody_linked_by_hand_is_found(home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "no keyword", linked=("#1",))
    assert links.find(client, home.merge(pull.number), None).issues == (1,)


def test_more_issues_than_a_page_holds_are_all_found(home: Repository, client: Client) -> None:
    numbers = [home.open_issue("another").number for _ in range(60)]
    pull = home.open_pull("Faster", "no keyword", linked=tuple(f"#{number}" for number in numbers))
    assert links.find(client, home.merge(pull.number), None).issues == tuple(numbers)


def test_an_issue_is_named_once_however_often_it_is_mentioned(
    github: StandIn, home: Repository, client: Client
) -> None:
    github.repository("octo/docs").open_issue("Elsewhere", number=5)
    pull = home.open_pull(
        "Faster", "Fixes #1, closes: #1 and RESOLVED OCTO/chat#1; fix octo/docs#5, fix octo/docs#5", linked=("#1",)
    )
    assert found(client, home.merge(pull.number), None) == Links((pull.number,), (1,), ("octo/docs#5",))


@pytest.mark.parametrize(
    "body", ["mentions #1", "prefixes #1", "hotfix-fixes#1", "fixed the thing in #1", "hot-fixes #1", "unfix #1"]
)
def test_what_is_no_closing_keyword_closes_nothing(home: Repository, client: Client, body: str) -> None:
    pull = home.open_pull("Faster", body)
    assert links.find(client, home.merge(pull.number), None).issues == ()


def test_a_merge_into_another_branch_closes_nothing(home: Repository, client: Client) -> None:
    home.commit("a release", branch="release")
    pull = home.open_pull("Faster", "Fixes #1", base="release")
    assert found(client, home.merge(pull.number), pull.number) == Links((pull.number,), (), ())


def test_a_token_that_may_not_ask_for_links_still_reads_the_keywords(
    github: StandIn, home: Repository, client: Client
) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number)
    github.fail("POST", "/graphql$", status=403, body={"message": "Resource not accessible by integration"})
    assert links.find(client, sha, None).issues == (1,)


def test_links_that_github_failed_to_give_are_said_and_the_keywords_are_read(
    github: StandIn, home: Repository, client: Client
) -> None:
    home.open_issue("linked by hand", number=2)
    pull = home.open_pull("Faster", "Fixes #1", linked=("#2",))
    sha = home.merge(pull.number)
    github.fail("POST", "/graphql$", times=99)
    given = links.find(client, sha, None)
    assert (given.pull_requests, given.issues) == ((pull.number,), (1,))
    assert given.failed is not None
    assert links.find(Client(github.url, client.token, client.name, patience=0), sha, pull.number).failed is not None


def test_a_github_that_gives_nothing_is_an_error_and_not_a_commit_without_a_pull_request(
    github: StandIn, home: Repository, client: Client
) -> None:
    github.fail("GET", ASSOCIATED, times=99)
    with pytest.raises(GitHubError):
        links.find(client, home.branches["main"], None)
