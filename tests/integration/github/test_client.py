"""GitHub is asked again where that is safe, never where it is not, and never without end."""

import time

import pytest

from bot.github.client import SECONDARY, Client, Clock, Denied, Missing, Unsure
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


def test_slow_answers_have_a_bound_too(github: StandIn, client: Client) -> None:
    """In a time of its own: an answer that takes a minute, of a client that has so much patience for waiting."""
    passed = 0.0

    def clock() -> float:
        nonlocal passed
        passed += 60.0
        return passed

    client = Client(github.url, client.token, client.name, patience=60.0, clock=Clock(monotonic=clock))
    for _ in range(2):
        assert title(client) == "It is slow"
    for _ in range(3):
        with pytest.raises(GitHubError, match="so slowly"):
            title(client)
    assert github.count("GET") == 2


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


@pytest.mark.parametrize(
    "words", ["You have exceeded a secondary rate limit.", "You have triggered an abuse detection."]
)
def test_a_limit_that_names_no_time_is_given_a_minute(github: StandIn, client: Client, words: str) -> None:
    github.fail("GET", "/issues/1$", status=403, body={"message": words})
    client._patience = SECONDARY - 1
    with pytest.raises(GitHubError, match="did not recover"):
        title(client)
    assert github.count("GET") == 1, "it was not asked again at once"


@pytest.mark.parametrize(
    ("said", "advice", "not_advised"),
    [
        ("You must authenticate via a GitHub App.", "github-token: ${{ github.token }}", "add `"),
        ("Unable to create comment because issue is locked.", "whatever the permissions", "add `"),
        ("Repository was archived so is read-only.", "whatever the permissions", "add `"),
        ("Resource not accessible by integration", "add `issues: write`", "personal"),
    ],
)
def test_a_refusal_comes_with_the_remedy_that_helps(
    github: StandIn, client: Client, said: str, advice: str, not_advised: str
) -> None:
    github.fail("POST", "/comments$", status=403, body={"message": said})
    with pytest.raises(Denied) as caught:
        client.call("issues: write", lambda: client.repository.get_issue(1).create_comment("hello"))
    assert advice in str(caught.value)
    assert not_advised not in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("body", ["<html>", 5, [], [5]])
def test_an_answer_that_github_never_gives_is_an_error_and_no_crash(
    github: StandIn, client: Client, body: object
) -> None:
    github.fail("GET", "/issues/1/comments$", status=200, body=body)
    github.fail("POST", "/issues/1/comments$", status=201, body=body)
    issue = client.repository.get_issue(1)
    if body != []:
        with pytest.raises(GitHubError):
            client.call("issues: read", lambda: [each.body for each in issue.get_comments()])
    with pytest.raises(Unsure):
        client.call("issues: write", lambda: issue.create_comment("hello").html_url.upper(), repeatable=False)


def test_a_wait_that_was_too_long_to_begin_leaves_the_time_for_short_ones(github: StandIn, client: Client) -> None:
    github.fail("GET", "/issues/1$", status=403, retry_after=3600)
    with pytest.raises(GitHubError, match="did not recover"):
        title(client)
    github.fail("GET", "/issues/1$", times=1)
    assert title(client) == "It is slow"


def test_time_can_be_a_tests_own(github: StandIn, repository: Repository) -> None:
    waited: list[float] = []
    client = Client(
        github.url, github.token(repository.full_name), repository.full_name, clock=Clock(sleep=waited.append)
    )
    github.fail("GET", "/issues/1$", status=429, retry_after=100)
    assert title(client) == "It is slow"
    assert waited == [100.0]
    assert client.wait(30.0) is False
    assert client.wait(10.0)
    assert waited == [100.0, 10.0]
