"""The page on permissions says what is true: with all of them nothing is left out, without one just what it says."""

import re
from pathlib import Path

import pytest
import yaml

from bot.github.client import Client
from bot.github.event import Activity
from bot.github.links import ANOTHER, PROOF
from bot.github.publisher import Publication, Publisher, Texts
from tests.github_stand_in import Repository, StandIn

PAGE = (Path(__file__).parents[3] / "docs" / "github" / "verdict-on-github.md").read_text()
GIVEN: dict[str, str] = yaml.safe_load(re.findall(r"```yaml\n(permissions:.*?)```", PAGE, re.DOTALL)[0])["permissions"]
ROWS = re.findall(r"^\| `([a-z-]+): write` \| (.*?) \| yes", PAGE, re.MULTILINE)


def published(github: StandIn, permissions: dict[str, str]) -> tuple[Repository, Publication]:
    home = github.repository("octo/chat")
    home.auto_close = False
    issue = home.open_issue("It is slow")
    sha = home.merge(home.open_pull("Faster", f"Fixes #{issue.number}").number)
    client = Client(github.url, github.token(home.full_name, permissions), home.full_name, patience=5.0)
    said = Publisher(client, Activity(sha, "pushed"), sha, "chat", "staging", "https://ci.invalid/1")
    said.begin()
    return home, said.publish(Texts("stable", "## it", "Stable: it", "Stable", "## it"), "stable")


def written(home: Repository) -> set[str]:
    return {
        *(["status"] if home.statuses else []),
        *(["check"] if home.check_runs else []),
        *(["deployment"] if home.deployments else []),
        *(f"comment on #{each.number}" for each in home.comments.values()),
        *(["closed"] if home.issues[1].state == "closed" else []),
    }


ALL = {"status", "check", "deployment", "comment on #1", "comment on #2", "closed"}
LOST = {
    "issues": {"comment on #1", "closed"},
    "pull-requests": set(),
    "statuses": {"status"},
    "checks": {"check"},
    "deployments": {"deployment"},
}


def test_with_the_permissions_of_the_page_nothing_is_left_out(github: StandIn) -> None:
    home, done = published(github, GIVEN)
    assert (written(home), done.denied) == (ALL, [])


def test_every_permission_to_write_has_its_row() -> None:
    assert {name for name, _ in ROWS} == {name for name, level in GIVEN.items() if level == "write"} == LOST.keys()


@pytest.mark.parametrize("missing", [name for name, _ in ROWS])
def test_without_one_just_what_the_page_says_is_left_out_and_named(github: StandIn, missing: str) -> None:
    home, done = published(github, {name: level for name, level in GIVEN.items() if name != missing})
    assert written(home) == ALL - LOST[missing]
    assert all(f"add `{missing}: write`" in line for line in done.denied)
    assert bool(done.denied) == bool(LOST[missing])


def test_the_example_of_a_proof_names_its_issues() -> None:
    (line,) = re.findall(r"```text\n(.*?)\n```", PAGE)
    word = PROOF.match(line)
    assert word is not None
    found, one = [], ANOTHER.match(line, word.end())
    while one is not None:
        found.append((one[1], one[2]))
        one = ANOTHER.match(line, one.end())
    assert found == [(None, "7"), (None, "12"), ("octo/chat", "15")]
