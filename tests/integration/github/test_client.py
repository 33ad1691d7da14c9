"""GitHub is asked again where that is safe, never where it is not, and never without end."""

import time

import pytest

from bot.github.client import Client, Denied, Missing, Unsure
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn
from tests.integration.servers import unused_url


@pytest.fixture
def repository(github: StandIn) -> Repository:
    """With issue 1."""
    made = github.repository("octo/chat")
    made.open_issue("It is slow", number=1)
    return made


@pytest.fixture
def client(github: StandIn, repository: Repository) -> Client:
    return Client(github.url, github.token(repository.full_name), repository.full_name, patience=5.0)


def title(client: Client) -> str:
    found: str = client.json("issues: read", "GET", f"/repos/{client.name}/issues/1")["title"]
    return found


def test_without_a_token_it_says_which_input_is_missing() -> None:
    with pytest.raises(GitHubError, match="github-token"):
        Client("https://api.github.com", "", "octo/chat")


def test_what_may_be_repeated_is_asked_again(github: StandIn, client: Client) -> None:
    github.fail("GET", "/issues/1$", times=1)
    github.fail("GET", "/issues/1$", times=1, drop=True, status=None)
    assert title(client) == "It is slow"
    assert github.count("GET", "/issues/1$") == 3


@pytest.mark.parametrize("drop", [False, True])
def test_what_may_not_be_repeated_is_sent_once(github: StandIn, client: Client, drop: bool) -> None:
    github.fail("POST", "/comments$", times=9, drop=drop)
    with pytest.raises(Unsure):
        client.call(
            "issues: write",
            lambda: client.repository.get_issue(1).create_comment("hello"),
            repeatable=False,
        )
    assert github.count("POST", "/comments$") == 1


def test_a_github_that_does_not_recover_is_given_up_in_the_time_for_waiting(github: StandIn, client: Client) -> None:
    github.fail("GET", "/issues", times=999)
    client._patience = 0.8
    with pytest.raises(GitHubError, match="did not recover"):
        title(client)
    assert github.count("GET") == 2


def test_all_waiting_of_a_client_has_one_bound(github: StandIn, client: Client) -> None:
    github.fail("GET", "/issues", times=999)
    client._patience = 0.6
    for _ in range(5):
        with pytest.raises(GitHubError, match="did not recover"):
            title(client)
    assert github.count("GET") == 6, "one second try in all: after that each is asked once"


def test_a_try_that_hung_counts_as_waiting(github: StandIn, client: Client) -> None:
    github.fail("GET", "/issues", times=999, hang=0.7)
    client._patience = 1.0
    with pytest.raises(GitHubError, match="did not recover"):
        title(client)
    assert github.count("GET") == 1


def test_a_github_that_cannot_be_reached_is_an_error(github: StandIn) -> None:
    client = Client(unused_url(), "ghs_x", "octo/chat", patience=0.6)
    with pytest.raises(GitHubError, match="did not recover"):
        title(client)


@pytest.mark.parametrize("status", [403, 429])
def test_it_waits_as_long_as_github_asks_it_to(github: StandIn, client: Client, status: int) -> None:
    github.fail("GET", "/issues/1$", status=status, retry_after=1)
    began = time.monotonic()
    assert title(client) == "It is slow"
    assert time.monotonic() - began >= 1


def test_a_wait_longer_than_there_is_time_for_is_not_begun(github: StandIn, client: Client) -> None:
    github.fail("GET", "/issues/1$", status=429, retry_after=3600)
    with pytest.raises(GitHubError, match="did not recover"):
        title(client)
    assert github.count("GET") == 1


def test_a_write_over_the_rate_limit_is_sent_again_as_it_was_refused(
    github: StandIn, client: Client, repository: Repository
) -> None:
    github.fail("POST", "/comments$", status=403, retry_after=0)
    client.call("issues: write", lambda: client.repository.get_issue(1).create_comment("hello"), repeatable=False)
    assert len(repository.comments_on(1)) == 1


def test_an_hour_that_is_used_up_is_no_missing_permission(github: StandIn, client: Client) -> None:
    github.limits.an_hour = 0
    with pytest.raises(GitHubError) as caught:
        title(client)
    assert not isinstance(caught.value, Denied)


def test_a_missing_permission_is_named(github: StandIn, repository: Repository) -> None:
    client = Client(github.url, github.token(repository.full_name, {"contents": "read"}), repository.full_name)
    with pytest.raises(Denied, match="add `issues: write` to the job's permissions") as caught:
        client.call("issues: write", lambda: client.repository.get_issue(1).create_comment("hello"))
    assert caught.value.permission == "issues: write"
    assert github.count("POST") == 1


def test_a_token_that_github_does_not_take_is_an_error_that_says_so(github: StandIn, repository: Repository) -> None:
    client = Client(github.url, "ghs_wrong", repository.full_name)
    with pytest.raises(GitHubError, match="does not take the token"):
        title(client)


def test_what_is_not_there_is_missing(client: Client) -> None:
    with pytest.raises(Missing):
        client.json("issues: read", "GET", f"/repos/{client.name}/issues/99")


def test_no_error_shows_the_token(github: StandIn, client: Client) -> None:
    github.fail("GET", "/issues/1$", status=400, body={"message": "no"})
    with pytest.raises(GitHubError) as caught:
        title(client)
    assert client.token not in f"{caught.value!r} {caught.value.__cause__!r}"
