"""What a change says that it closes is settled where it is an issue of ours, and everything else is left alone."""

import pytest

from bot.github import client as clients
from bot.github.client import Client
from bot.github.event import Activity
from bot.github.publisher import Publication, Publisher, Texts
from bot.model import Lapse
from bot.model.errors import GitHubError
from tests.github_stand_in import Issue, Repository, StandIn

RUN = "https://example.invalid/run/1"
DENIED = {"message": "Resource not accessible by integration"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PAUSES", (0.01, 0.01))


@pytest.fixture
def home(github: StandIn) -> Repository:
    """Merges close nothing here, so that whatever is closed was closed by the bot."""
    made = github.repository("octo/chat")
    made.auto_close = False
    return made


def publisher(github: StandIn, home: Repository, sha: str, run: str = RUN) -> Publisher:
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=1.0)
    return Publisher(client, Activity(sha, "pushed"), sha, "chat", "staging", run)


def publish(github: StandIn, home: Repository, sha: str, verdict: str = "stable") -> Publication:
    texts = Texts(verdict=verdict, comment="## it", status=verdict, title=verdict, summary="## it")
    return publisher(github, home, sha).publish(texts, "stable")


def merged(home: Repository, body: str) -> str:
    return home.merge(home.open_pull("Mend it", body).number)


def issue(home: Repository) -> Issue:
    return home.open_issue("It is slow")


def test_a_pull_request_that_is_named_like_an_issue_is_neither_closed_nor_commented_on(
    github: StandIn, home: Repository
) -> None:
    other = home.open_pull("Somebody else's", "", head="other")
    github.fail("POST", "/graphql$", times=9, status=403, body=DENIED)  # or GitHub says itself that it is no issue
    done = publish(github, home, merged(home, f"Fixes #{other.number}"))
    assert (other.state, home.comments_on(other.number)) == ("open", [])
    assert any(f"#{other.number} is a pull request" in line for line in done.lines)


def test_a_number_that_is_no_issue_is_said_and_is_no_failure(github: StandIn, home: Repository) -> None:
    github.fail("POST", "/graphql$", times=9, status=403, body=DENIED)
    done = publish(github, home, merged(home, "Fixes #999"))
    assert done.failed == []
    assert any("#999" in line and "no such issue" in line for line in done.lines)
    assert home.statuses[-1].state == "success"


@pytest.mark.parametrize(
    "body", ["<!-- Fixes #1 -->", "<!-- Fixes #1", "`Fixes #1`", "```\nFixes #1\n```", "```\nFixes #1"]
)
def test_the_hint_of_a_template_closes_nothing_even_where_github_may_not_be_asked(
    github: StandIn, home: Repository, body: str
) -> None:
    named = issue(home)
    sha = merged(home, body)
    github.fail("POST", "/graphql$", times=9, status=403, body=DENIED)
    publish(github, home, sha)
    assert (named.number, named.state) == (1, "open")


def test_what_a_commit_without_a_pull_request_closed_is_reopened_when_it_is_not_proven(
    github: StandIn, home: Repository
) -> None:
    named = issue(home)
    sha = home.commit(f"Mend it\n\nFixes #{named.number}")
    assert named.state == "closed"
    publish(github, home, sha, "unstable")
    assert (named.state, len(home.comments_on(named.number))) == ("open", 1)


def test_a_commit_that_is_not_on_the_default_branch_closes_nothing(github: StandIn, home: Repository) -> None:
    named = issue(home)
    publish(github, home, home.commit(f"Fixes #{named.number}", branch="topic"))
    assert (named.state, home.comments_on(named.number)) == ("open", [])


@pytest.mark.parametrize("body", ["<html>", [], 5, {"message": "hello"}])
@pytest.mark.parametrize(
    "path", ["/pulls$", "/pulls/", "/comments$", "/issues/", "/check-runs", "/commits/", "graphql"]
)
def test_an_answer_that_github_never_gives_stops_nothing_else(
    github: StandIn, home: Repository, body: object, path: str
) -> None:
    sha = merged(home, f"Fixes #{issue(home).number}")
    said = publisher(github, home, sha)
    github.fail("*", path, times=99, status=200, body=body)
    said.begin()
    try:
        said.publish(Texts("unstable", "c", "s", "t", "x"), "stable")
    except GitHubError as error:
        assert "could not be put on GitHub" in str(error)  # noqa: PT017
    assert home.statuses[-1].state == "failure"


def test_a_check_whose_number_was_lost_is_ended_and_no_second_one_is_left_open(
    github: StandIn, home: Repository
) -> None:
    sha = home.commit("a commit")
    said = publisher(github, home, sha)
    github.fail("POST", "/check-runs$", after_effect=True)
    github.fail("GET", "/check-runs$", times=3)
    said.begin()
    assert said.check is None
    said.publish(Texts("stable", "c", "s", "t", "x"), "stable")
    assert [(each.status, each.conclusion) for each in home.check_runs.values()] == [("completed", "success")]


def test_a_job_killed_before_the_number_was_kept_has_its_check_closed_and_nobody_elses(
    github: StandIn, home: Repository
) -> None:
    sha = home.commit("a commit")
    publisher(github, home, sha).begin()
    publisher(github, home, sha, "https://example.invalid/run/2").abandon("It was stopped")
    assert [each.status for each in home.check_runs.values()] == ["in_progress"]
    publisher(github, home, sha).abandon("It was stopped")
    assert [each.conclusion for each in home.check_runs.values()] == ["cancelled"]


def test_an_issue_named_with_proof_gets_the_verdict_and_is_closed_by_it_and_by_nothing_else(
    github: StandIn, home: Repository
) -> None:
    home.auto_close = True
    named = issue(home)
    sha = merged(home, f"Proof: #{named.number}")
    assert named.state == "open", "GitHub closes it not"
    publish(github, home, sha)
    assert (named.state, named.state_reason, len(home.comments_on(named.number))) == ("closed", "completed", 1)


def lapse(github: StandIn, home: Repository, number: int) -> Publication:
    said = publisher(github, home, home.commit("worse"))
    said.begin()
    lapses = {number: Lapse("abc1234def5678", ("login", "search"))}
    return said.publish(Texts("unstable", "## it", "Unstable: x", "t", "x"), "stable", lapses)


def test_an_issue_whose_proof_no_longer_holds_is_reopened_with_which_probe_and_which_commit(
    github: StandIn, home: Repository
) -> None:
    old = issue(home)
    old.close("completed", "octo")
    done = lapse(github, home, old.number)
    (comment,) = home.comments_on(old.number)
    assert (old.state, old.state_reason) == ("open", "reopened")
    assert "**No longer proven:**" in comment.body
    assert "`abc1234def56`" in comment.body
    assert f"`{home.branches['main'][:12]}` `login`, `search` are broken or worse" in comment.body
    assert comment.body.endswith("## it")
    assert f"#{old.number} is reopened" in done.lines


def holds_again(github: StandIn, home: Repository, sha: str, number: int) -> Publication:
    mended = {number: Lapse("abc1234def5678", ("login", "search"))}
    return publisher(github, home, sha).publish(Texts("stable", "## it", "Stable", "t", "x"), "stable", {}, mended)


def test_an_issue_whose_proof_holds_again_is_said_to_and_is_left_to_people(github: StandIn, home: Repository) -> None:
    """They may have found more in it since: it was open, and whoever reads it does not know why."""
    old = issue(home)
    sha = merged(home, "Nothing is named")
    done = holds_again(github, home, sha, old.number)
    (there,) = home.comments_on(old.number)
    (here,) = home.comments_on(2)
    assert old.state == "open"
    assert "**Holds again:** this was reopened at `abc1234def56`, for what `login`, `search` showed." in there.body
    assert "**Holds again:** `login`, `search`, on which #1 was reopened at `abc1234def56`." in here.body
    assert there.body.endswith("## it")
    assert "what #1 was reopened for holds again: close it if nothing else is left" in done.lines


@pytest.mark.parametrize("named", [True, False])
def test_one_that_is_closed_by_then_or_by_this_very_change_is_said_nothing_of(
    github: StandIn, home: Repository, named: bool
) -> None:
    old = issue(home)
    if not named:
        old.close("completed", "octo")
    done = holds_again(github, home, merged(home, f"Fixes #{old.number}" if named else ""), old.number)
    assert old.state == "closed"
    assert not any("holds again" in line for line in done.lines)
    assert not any("Holds again" in each.body for each in home.comments.values())


@pytest.mark.parametrize("reason", ["not_planned", "duplicate"])
def test_an_issue_that_somebody_set_aside_is_left_alone_whatever_lapses(
    github: StandIn, home: Repository, reason: str
) -> None:
    old = issue(home)
    old.close(reason, "octo")  # type: ignore[arg-type]
    done = lapse(github, home, old.number)
    assert (old.state, home.comments_on(old.number)) == ("closed", [])
    assert any("stays closed" in line for line in done.lines)


def test_a_lapse_of_an_issue_that_is_gone_or_became_something_else_is_said(github: StandIn, home: Repository) -> None:
    other = home.open_pull("A pull request", "", head="other")
    for number in (other.number, 999):
        done = lapse(github, home, number)
        assert any(f"#{number} is" in line for line in done.lines)
        assert done.failed == []
    assert (other.state, home.comments_on(other.number)) == ("open", [])


def states(home: Repository, numbers: range) -> list[str]:
    return [home.issues[number].state for number in numbers]


@pytest.mark.parametrize("words", ["Proof: #1", "Fixes #1"])
@pytest.mark.parametrize(
    ("editor", "state"), [("mallory", "open"), ("reader", "open"), ("wim", "closed"), ("renovate[bot]", "closed")]
)
def test_whoever_may_not_write_names_no_issue_once_it_is_merged(
    github: StandIn, home: Repository, words: str, editor: str, state: str
) -> None:
    github.world.user(editor)
    home.collaborators |= {"wim": "write", "reader": "read"}
    home.open_issue("It is slow")
    pull = home.open_pull("Faster", "Nothing is named", login="mallory")
    sha = home.merge(pull.number)
    home.edit(pull.number, words, by=editor)

    done = publish(github, home, sha)

    assert states(home, range(1, 2)) == [state]
    assert len(home.comments_on(1)) == (state == "closed")
    assert any("was edited after it was merged" in line for line in done.lines) == (state == "open")
    assert len(home.comments_on(pull.number)) == 1


def test_words_that_were_changed_before_the_merge_count(github: StandIn, home: Repository) -> None:
    home.open_issue("It is slow")
    pull = home.open_pull("Faster", "Nothing is named", login="mallory")
    home.edit(pull.number, "Proof: #1", by="mallory", after=-60)
    publish(github, home, home.merge(pull.number))
    assert states(home, range(1, 2)) == ["closed"]


def test_where_nobody_can_tell_who_may_write_the_words_do_not_count(github: StandIn, home: Repository) -> None:
    home.open_issue("It is slow")
    sha = merged(home, "Nothing is named")
    home.edit(2, "Proof: #1", by="wim")
    github.fail("GET", "/permission$", status=403, body=DENIED)
    publish(github, home, sha)
    assert states(home, range(1, 2)) == ["open"]


def test_one_change_settles_no_more_than_a_few_issues_and_the_gate_is_closed(github: StandIn, home: Repository) -> None:
    for _ in range(150):
        home.open_issue("another")
    sha = merged(home, "Proof: " + ", ".join(f"#{number}" for number in range(1, 151)))

    done = publish(github, home, sha)

    assert states(home, range(1, 151)).count("closed") == 20
    assert "130 more issues are left alone: a change settles 20 at most" in done.lines
    assert home.statuses[-1].state == "success"


@pytest.mark.parametrize("words", ["Proof: #{}", "Fixes #{}", "(#{})", "Fixes other/one#{}"])
def test_a_number_that_is_none_keeps_no_verdict_back(github: StandIn, home: Repository, words: str) -> None:
    sha = merged(home, words.format("9" * 5000))
    publish(github, home, sha)
    assert len(home.comments_on(1)) == 1

    sha = home.commit(words.format("9" * 5000))
    publish(github, home, sha)
    assert home.statuses[-1].state == "success"
