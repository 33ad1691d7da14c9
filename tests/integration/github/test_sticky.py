"""One comment for each target in each place: whose it is, is known before it is written."""

from collections import Counter
from collections.abc import Callable

import pytest

from bot.github.client import Client
from bot.github.comment import Sticky, marker
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.state import Comment, Token

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


@pytest.mark.parametrize("behind", [1, 2, 3])
def test_what_was_just_made_is_ours_though_the_list_has_it_a_moment_later(
    github: StandIn, home: Repository, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    true, reads = Repository.comments_on, Counter[int]()

    def lagging(of: Repository, number: int) -> list[Comment]:
        there = true(of, number)
        reads.update(each.id for each in there)
        return [each for each in there if reads[each.id] > behind]

    monkeypatch.setattr(Repository, "comments_on", lagging)
    sticky(github, job(github)).on_issue(1, "one")
    monkeypatch.undo()

    assert bodies(home) == [f"{KEY}\none"]
    assert github.count("POST", "/comments$") == 1


def busy(home: Repository) -> None:
    """With issue 2 and pull request 3, and two pages of comments each."""
    home.open_issue("It is slow, too", number=2)
    home.open_pull("Faster", "", number=3)
    for number in (1, 2, 3):
        for each in range(110):
            home.comment(number, f"comment {each}")


@pytest.mark.parametrize("token", [job, person, app])
def test_our_comments_of_many_threads_are_found_at_once(
    github: StandIn, home: Repository, token: Callable[[StandIn], str]
) -> None:
    busy(home)
    for number in (1, 2, 3):
        sticky(github, token(github)).on_issue(number, "one")
        home.comment(number, f"{KEY}\nforged", login="mallory")
        for each in range(110):
            home.comment(number, f"more {each}")
    writer = sticky(github, token(github))
    before = len(github.requests)
    writer.look([1, 2], [3])
    for number in (1, 2, 3):
        writer.on_issue(number, "two")

    asked = github.requests[before:]
    assert sum(each.path.endswith("/comments") for each in asked) == 0
    assert sum(each.path == "/graphql" for each in asked) <= 6
    assert [each.body for each in home.comments.values() if each.body.startswith(KEY)] == [
        f"{KEY}\ntwo",
        f"{KEY}\nforged",
    ] * 3


def test_one_that_another_run_made_after_the_look_is_found_after_ours(github: StandIn, home: Repository) -> None:
    busy(home)
    writer = sticky(github, job(github))
    writer.look([1, 2], [3])
    sticky(github, job(github)).on_issue(1, "theirs")
    writer.on_issue(1, "ours")
    assert [each for each in bodies(home) if each.startswith(KEY)] == [f"{KEY}\nours"]


@pytest.mark.parametrize("how", ["deleted", "its marker taken away", "not an issue", "no answer", "no permission"])
def test_what_a_look_said_is_not_taken_for_what_is_there(github: StandIn, home: Repository, how: str) -> None:
    busy(home)
    sticky(github, job(github)).on_issue(1, "one")
    ours = next(each for each in home.comments_on(1) if each.body.startswith(KEY))
    writer = sticky(github, job(github))
    assert writer.author
    if how == "no answer":
        github.fail("POST", "/graphql$", times=99)
    if how == "no permission":
        refused = {
            "data": {"repository": None},
            "errors": [{"type": "FORBIDDEN", "path": ["repository"], "message": "no"}],
        }
        github.fail("POST", "/graphql$", times=99, status=200, body=refused)
    writer.look([1, 2, 3] if how == "not an issue" else [1, 2], [] if how == "not an issue" else [3])
    if how == "deleted":
        del home.comments[ours.id]
    if how == "its marker taken away":
        ours.body = "nothing"
    for number in (1, 3):
        writer.on_issue(number, "two")
        assert [each.body for each in home.comments_on(number) if each.body.startswith(KEY)] == [f"{KEY}\ntwo"]
