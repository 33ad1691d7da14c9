"""Who may talk to the bot, by what GitHub answers."""

import pytest

from bot.github import client as clients
from bot.github.client import Client
from bot.github.permission import right
from bot.github.said import Said
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PAUSES", (0.01, 0.01))


@pytest.fixture
def home(github: StandIn) -> Repository:
    made = github.repository("ana/shop")
    made.collaborators |= {"ada": "admin", "mia": "maintain", "wim": "write", "tom": "triage", "rea": "read"}
    return made


def said(by: str, association: str = "NONE") -> Said:
    return Said(1, "/stability help", by, association, 1, on_pull_request=False, url="https://example.invalid/1", at="")


def level(github: StandIn, by: str, association: str = "NONE") -> str:
    return right(Client(github.url, github.token("ana/shop"), "ana/shop"), said(by, association)).level


@pytest.mark.parametrize(
    ("by", "association", "wanted"),
    [
        *(("ana", "NONE", "write"), ("ada", "NONE", "write"), ("mia", "NONE", "write"), ("wim", "NONE", "write")),
        *(("tom", "NONE", "read"), ("rea", "COLLABORATOR", "read"), ("rea", "MEMBER", "read")),
        *(("mallory", "NONE", "none"), ("mallory", "CONTRIBUTOR", "none"), ("mallory", "FIRST_TIMER", "none")),
    ],
)
def test_githubs_word_counts(github: StandIn, home: Repository, by: str, association: str, wanted: str) -> None:
    github.world.user(by)
    assert level(github, by, association) == wanted


def test_a_comments_word_makes_nobody_a_writer(github: StandIn, home: Repository) -> None:
    assert level(github, "rea", "OWNER") == "read"


def test_in_a_private_repository_a_stranger_is_nobody(github: StandIn, home: Repository) -> None:
    home.private = True
    github.world.user("mallory")
    assert level(github, "mallory", "CONTRIBUTOR") == "none"


def test_an_account_that_is_gone_is_nobody(github: StandIn, home: Repository) -> None:
    assert level(github, "ghost", "MEMBER") == "none"


@pytest.mark.parametrize("by", ["", "../../orgs", "a/b", "wim?x=1", "wïm", "helper[bot]", "x" * 200])
def test_what_is_no_login_is_not_asked_about(github: StandIn, home: Repository, by: str) -> None:
    assert level(github, by, "OWNER") == "none"
    assert github.requests == []


@pytest.mark.parametrize(
    ("association", "wanted"),
    [("OWNER", "write"), ("MEMBER", "read"), ("COLLABORATOR", "read"), ("CONTRIBUTOR", "none"), ("NONE", "none")],
)
def test_where_github_does_not_say_the_association_counts_for_little(
    github: StandIn, home: Repository, association: str, wanted: str
) -> None:
    denied = {"message": "Resource not accessible by integration", "status": "403"}
    github.fail("GET", "/collaborators/", status=403, body=denied)
    assert level(github, "wim", association) == wanted


@pytest.mark.parametrize("body", [[], "admin", {"permission": "emperor"}, {"role_name": "admin"}])
def test_an_answer_that_github_never_gives_is_no_permission(github: StandIn, home: Repository, body: object) -> None:
    github.fail("GET", "/collaborators/", status=200, body=body)
    assert level(github, "mallory", "OWNER") == "none"


def test_out_of_reach_nobody_may_anything(github: StandIn, home: Repository) -> None:
    github.fail("GET", "/collaborators/", status=502, times=9)
    with pytest.raises(GitHubError):
        level(github, "ana", "OWNER")
