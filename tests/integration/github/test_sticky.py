"""One comment for each target in each place: whose it is, is known before it is written."""

from collections.abc import Callable

import pytest

from bot.github.client import Client
from bot.github.comment import Sticky, marker
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.state import Token

KEY = marker("chat", "staging")
ALL = ("contents", "issues", "pull_requests", "statuses", "checks", "metadata")


@pytest.fixture
def home(github: StandIn) -> Repository:
    """With issue 1."""
    made = github.repository("octo/chat")
    made.open_issue("It is slow", number=1)
    return made


def job(github: StandIn) -> str:
    return github.token("octo/chat")


def person(github: StandIn) -> str:
    return github.personal_token("octo")


def app(github: StandIn) -> str:
    """The token of an app of somebody's own, as actions/create-github-app-token gives it."""
    permissions = dict.fromkeys(ALL, "write")
    return github._issue(
        "ghs_", Token(kind="installation", login="proof-app[bot]", permissions=permissions, repository="octo/chat")
    )


def sticky(github: StandIn, token: str) -> Sticky:
    return Sticky(Client(github.url, token, "octo/chat", patience=1.0), KEY)


def bodies(home: Repository) -> list[str]:
    return [each.body for each in home.comments_on(1)]


@pytest.mark.parametrize("token", [job, person, app])
def test_whoever_writes_edits_its_own_comment(
    github: StandIn, home: Repository, token: Callable[[StandIn], str]
) -> None:
    first = sticky(github, token(github)).on_issue(1, "one")
    again = sticky(github, token(github)).on_issue(1, "two")
    assert bodies(home) == [f"{KEY}\ntwo"]
    assert first == again


@pytest.mark.parametrize("other", [job, person, app])
def test_the_comment_of_another_writer_is_not_touched(
    github: StandIn, home: Repository, other: Callable[[StandIn], str]
) -> None:
    for mine in (job, person, app):
        if mine is not other:
            sticky(github, other(github)).on_issue(1, "theirs")
            sticky(github, mine(github)).on_issue(1, "mine")
            assert bodies(home).count(f"{KEY}\ntheirs") == 1


def test_a_person_with_the_name_of_the_app_is_not_the_app(github: StandIn, home: Repository) -> None:
    home.comment(1, f"{KEY}\nforged", login="github-actions")
    sticky(github, job(github)).on_issue(1, "ours")
    assert bodies(home) == [f"{KEY}\nforged", f"{KEY}\nours"]


@pytest.mark.parametrize(("token", "path"), [(person, "^/user$"), (job, "/graphql$")])
def test_who_does_not_know_its_own_comment_writes_none(
    github: StandIn, home: Repository, token: Callable[[StandIn], str], path: str
) -> None:
    sticky(github, token(github)).on_issue(1, "one")
    github.fail("*", path, times=99)
    with pytest.raises(GitHubError):
        sticky(github, token(github)).on_issue(1, "two")
    assert bodies(home) == [f"{KEY}\none"]


def test_a_comment_that_was_deleted_meanwhile_is_written_anew(github: StandIn, home: Repository) -> None:
    writer = sticky(github, job(github))
    writer.on_issue(1, "one")
    github.fail("PATCH", "/issues/comments/", status=404, body={"message": "Not Found"})
    writer.on_issue(1, "two")
    assert bodies(home) == [f"{KEY}\ntwo"]


@pytest.mark.parametrize("body", ["<html>", 5, {}])
def test_an_answer_that_says_nothing_of_the_comment_leaves_one_all_the_same(
    github: StandIn, home: Repository, body: object
) -> None:
    github.fail("POST", "/issues/1/comments$", after_effect=True, status=201, body=body)
    written = sticky(github, job(github)).on_issue(1, "one")
    assert bodies(home) == [f"{KEY}\none"]
    assert written.url.startswith(github.url)
