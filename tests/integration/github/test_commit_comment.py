"""The comment on a commit that no pull request brought in, with the permissions of the example workflow and with more."""

import pytest
import yaml

from bot.github.client import Client
from bot.github.comment import Sticky, headline, marker
from bot.github.event import Activity
from bot.github.publisher import Publication, Publisher, Texts
from tests.github_stand_in import Repository, StandIn
from tests.integration.jobs import ROOT

EXAMPLE: dict[str, str] = yaml.safe_load((ROOT / "examples/workflows/after-merge.yml").read_text())["jobs"]["proof"][
    "permissions"
]
MORE = EXAMPLE | {"contents": "write"}


@pytest.fixture(params=[True, False], ids=["private", "public"])
def home(github: StandIn, request: pytest.FixtureRequest) -> Repository:
    return github.repository("octo/chat", private=request.param)


def proven(github: StandIn, home: Repository, sha: str, run: int, verdict: str, given: dict[str, str]) -> Publication:
    client = Client(github.url, github.token(home.full_name, given), home.full_name, patience=1.0)
    publisher = Publisher(client, Activity(sha, "pushed"), sha, "chat", "staging", f"https://ci.invalid/{run}")
    publisher.begin()
    words = f"## {verdict}"
    return publisher.publish(Texts(verdict, f"{words}\n\nrun {run}", f"{verdict}: x", verdict, words), "stable")


def shown(home: Repository) -> list[str]:
    return [headline(each.body) for each in home.comments.values()]


def test_a_verdict_that_changed_and_cannot_be_edited_is_written_beneath(github: StandIn, home: Repository) -> None:
    sha = home.commit("pushed")
    assert proven(github, home, sha, 1, "inconclusive", EXAMPLE).denied == []

    done = proven(github, home, sha, 2, "stable", EXAMPLE)

    assert shown(home) == ["## inconclusive", "## stable"]
    (line,) = done.denied
    assert line.startswith("editing the comment on the commit was left out: ")
    assert "add `contents: write` to the job's permissions" in line
    assert done.comment_url == f"{github.url}/octo/chat/commit/{sha}#commitcomment-{max(home.comments)}"


def test_a_verdict_that_is_the_same_is_not_written_again(github: StandIn, home: Repository) -> None:
    sha = home.commit("pushed")
    for run in (1, 2, 3):
        done = proven(github, home, sha, run, "stable", EXAMPLE)
    assert shown(home) == ["## stable"]
    assert len(done.denied) == 1


def test_with_the_permission_it_is_edited_and_what_was_written_beneath_is_taken_away(
    github: StandIn, home: Repository
) -> None:
    sha = home.commit("pushed")
    for run, verdict in enumerate(("inconclusive", "stable", "unstable"), start=1):
        proven(github, home, sha, run, verdict, EXAMPLE)
    assert len(home.comments) == 3

    assert proven(github, home, sha, 4, "stable", MORE).denied == []

    assert shown(home) == ["## stable"]
    assert "run 4" in next(iter(home.comments.values())).body


def test_one_whose_fate_is_unknown_is_not_written_beneath_twice(github: StandIn, home: Repository) -> None:
    sha = home.commit("pushed")
    proven(github, home, sha, 1, "inconclusive", EXAMPLE)
    github.fail("POST", r"/comments$", after_effect=True)
    proven(github, home, sha, 2, "stable", EXAMPLE)
    assert shown(home) == ["## inconclusive", "## stable"]


def test_of_two_at_once_the_last_is_true(github: StandIn, home: Repository) -> None:
    sha = home.commit("pushed")
    client = Client(github.url, github.token(home.full_name, EXAMPLE), home.full_name, patience=1.0)
    key = marker("chat", "staging")
    for text in ("## stable", "## unstable"):
        client.repository.get_commit(sha).create_comment(f"{key}\n{text}")

    written = Sticky(client, key).on_commit(sha, "## stable")

    assert shown(home) == ["## stable", "## unstable", "## stable"]
    assert written.denied is not None
