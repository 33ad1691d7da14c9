"""A verdict's way to GitHub: one comment, a gate that is always closed, issues as the proof says, and no crash."""

import dataclasses
import io
import re
import zipfile
from pathlib import Path

import pytest

from bot.github.artifacts import Artifacts, Home
from bot.github.client import Client
from bot.github.comment import marker
from bot.github.event import Activity
from bot.github.publisher import Publisher, Texts
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn

KEY = marker("chat", "staging")
WRITTEN = ("issues", "pull_requests", "statuses", "checks", "deployments")


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def home(github: StandIn) -> Repository:
    made = github.repository("example/chat")
    made.commit("the first")
    return made


def texts(verdict: str = "stable", comment: str = "## the verdict") -> Texts:
    return Texts(verdict=verdict, comment=comment, status=f"{verdict}: all of it", title=verdict, summary=comment)


def publisher(
    github: StandIn,
    home: Repository,
    sha: str,
    *,
    issue: int | None = None,
    token: str | None = None,
    patience: float = 5.0,
) -> Publisher:
    client = Client(github.url, token or github.token(home.full_name), home.full_name, patience=patience)
    return Publisher(
        client, Activity(sha, "pushed", issue=issue), sha, "chat", "staging", "https://example.invalid/run/1"
    )


def merged(home: Repository, body: str = "Fixes #1", **changes: object) -> tuple[str, int, int]:
    """Issue #1, and a pull request that is merged: the merge commit, the pull request's number, the issue's."""
    issue = home.open_issue("It is broken")
    pull = home.open_pull("Mend it", body, **changes)  # type: ignore[arg-type]
    return home.merge(pull.number), pull.number, issue.number


def ours(home: Repository, number: int) -> list[str]:
    return [plain(each.body) for each in home.comments_on(number) if each.body.startswith(KEY)]


def plain(body: str) -> str:
    """A comment without the line that says whose turn it was."""
    return re.sub(r"\n<!-- stability-proof:run [^\n]* -->", "", body)


def test_a_stable_verdict_is_on_the_pull_request_and_the_issue_and_confirms_it(
    github: StandIn, home: Repository
) -> None:
    sha, pull, issue = merged(home)
    said = publisher(github, home, sha)

    said.begin()
    assert home.statuses[-1].state == "pending"
    done = said.publish(texts(), "stable")

    assert (len(ours(home, pull)), len(ours(home, issue))) == (1, 1)
    assert (home.statuses[-1].state, home.statuses[-1].sha) == ("success", sha)
    check = next(iter(home.check_runs.values()))
    assert (check.status, check.conclusion) == ("completed", "success")
    assert check.name != home.statuses[-1].context
    assert home.issues[issue].state_reason == "completed"
    assert [each.after for each in done.outcomes] == ["closed"]


@pytest.mark.parametrize("verdict", ["unstable", "inconclusive"])
def test_an_issue_that_the_merge_closed_is_reopened_when_it_is_not_proven(
    github: StandIn, home: Repository, verdict: str
) -> None:
    """Trap 2: GitHub closes linked issues at the merge, before anything was proven."""
    sha, _, issue = merged(home)
    assert home.issues[issue].state == "closed"

    publisher(github, home, sha).publish(texts(verdict), "stable")

    assert home.issues[issue].state == "open"
    assert home.statuses[-1].state in ("failure", "error")


def test_an_issue_that_somebody_closed_as_not_planned_is_left_alone(github: StandIn, home: Repository) -> None:
    sha, _, issue = merged(home)
    home.issues[issue].state_reason = "not_planned"

    publisher(github, home, sha).publish(texts("unstable"), "stable")

    assert home.issues[issue].state == "closed"


def test_an_open_issue_is_closed_as_completed_and_only_when_that_is_asked_for(
    github: StandIn, home: Repository
) -> None:
    home.auto_close = False
    sha, _, issue = merged(home)

    publisher(github, home, sha).publish(texts(), "never")
    assert home.issues[issue].state == "open"
    publisher(github, home, sha).publish(texts(), "stable")
    assert (home.issues[issue].state, home.issues[issue].state_reason) == ("closed", "completed")


def test_the_second_verdict_edits_the_first_ones_comment_beyond_the_first_page(
    github: StandIn, home: Repository
) -> None:
    """Trap 12: comments come in pages, and who reads one of them writes a second comment."""
    sha, pull, _ = merged(home, "")
    for number in range(120):
        home.comment(pull, f"comment {number}")
    publisher(github, home, sha).publish(texts(comment="one"), "stable")
    for number in range(120):
        home.comment(pull, f"comment {number}")

    publisher(github, home, sha).publish(texts("unstable", "two"), "stable")

    assert ours(home, pull) == [f"{KEY}\ntwo"]


def test_a_marker_that_somebody_else_pasted_is_not_ours(github: StandIn, home: Repository) -> None:
    sha, pull, _ = merged(home, "")
    home.comment(pull, f"{KEY}\nforged", login="mallory")

    publisher(github, home, sha).publish(texts(), "stable")

    assert ours(home, pull) == [f"{KEY}\nforged", f"{KEY}\n## the verdict"]


def test_a_post_whose_fate_is_unknown_leaves_one_comment(github: StandIn, home: Repository) -> None:
    """Trap 5: PyGithub sends a POST twice on a 502."""
    sha, pull, _ = merged(home, "")
    github.fail("POST", rf"/issues/{pull}/comments$", after_effect=True)

    publisher(github, home, sha).publish(texts(), "stable")

    assert len(ours(home, pull)) == 1


def test_what_can_be_repeated_is_repeated(github: StandIn, home: Repository) -> None:
    """Trap 5: PyGithub never sends a PATCH again."""
    sha, pull, _ = merged(home, "")
    publisher(github, home, sha).publish(texts(comment="one"), "stable")
    github.fail("PATCH", r"/issues/comments/", times=2)
    github.fail("POST", r"/statuses/", times=1)

    publisher(github, home, sha).publish(texts(comment="two"), "stable")

    assert ours(home, pull) == [f"{KEY}\ntwo"]


def test_a_commit_without_a_pull_request_is_commented_on_itself(github: StandIn, home: Repository) -> None:
    sha = home.commit("straight to main")

    publisher(github, home, sha).publish(texts(), "stable")
    publisher(github, home, sha).publish(texts(comment="again"), "stable")

    assert [plain(each.body) for each in home.comments.values()] == [f"{KEY}\nagain"]


def test_an_issue_that_is_only_reported_on_is_neither_closed_nor_reopened(github: StandIn, home: Repository) -> None:
    issue = home.open_issue("How is it?")
    sha = home.commit("straight to main")

    publisher(github, home, sha, issue=issue.number).publish(texts(), "stable")

    assert (len(ours(home, issue.number)), issue.state) == (1, "open")


def test_an_issue_of_another_repository_is_named_and_not_written(github: StandIn, home: Repository) -> None:
    other = github.repository("example/docs")
    far = other.open_issue("Elsewhere")
    sha, _, _ = merged(home, f"Fixes example/docs#{far.number}")

    done = publisher(github, home, sha).publish(texts(), "stable")

    assert any("example/docs#" in line for line in done.lines)
    assert other.comments_on(far.number) == []


def test_a_body_that_is_too_long_is_cut_and_keeps_its_beginning(github: StandIn, home: Repository) -> None:
    sha, pull, _ = merged(home, "")

    publisher(github, home, sha).publish(texts(comment="## the verdict\n" + "<details>\n" + "x\n" * 60_000), "stable")

    body = ours(home, pull)[0]
    assert len(body) <= 65_536
    assert body.startswith(f"{KEY}\n## the verdict")
    assert body.count("<details>") == body.count("</details>")


@pytest.mark.parametrize("missing", WRITTEN)
def test_a_missing_permission_takes_one_thing_away_and_is_named(
    github: StandIn, home: Repository, missing: str
) -> None:
    sha, _pull, _ = merged(home)
    allowed = {"contents": "read", **dict.fromkeys(WRITTEN, "write")}
    del allowed[missing]
    said = publisher(github, home, sha, token=github.token(home.full_name, allowed))

    said.begin()
    done = said.publish(texts(), "stable")

    wanted = missing.replace("_", "-")
    assert (
        done.denied == [] if missing == "pull_requests" else any(f"`{wanted}: write`" in line for line in done.denied)
    )
    assert (home.statuses[-1].state == "success") if missing != "statuses" else not home.statuses


def test_a_personal_token_goes_without_the_check(github: StandIn, home: Repository) -> None:
    """Trap 4: GitHub may put a check into another workflow's suite. So the status is the gate, and needs no check."""
    sha, pull, _ = merged(home, "")
    token = github.personal_token(home.owner)

    done = publisher(github, home, sha, token=token).publish(texts(), "stable")
    publisher(github, home, sha, token=token).publish(texts(comment="two"), "stable")

    assert len(done.denied) == 1
    assert ours(home, pull) == [f"{KEY}\ntwo"]
    assert home.statuses[-1].state == "success"


def test_a_read_only_token_writes_nothing_and_does_not_crash(github: StandIn, home: Repository) -> None:
    sha, pull, _ = merged(home)
    said = publisher(
        github,
        home,
        sha,
        token=github.token(home.full_name, {"contents": "read", "pull_requests": "read", "issues": "read"}),
    )

    said.begin()
    done = said.publish(texts("unstable"), "stable")

    assert len(done.denied) >= 4
    assert (ours(home, pull), home.statuses) == ([], [])


def test_github_out_of_reach_is_one_error_after_a_bounded_wait(github: StandIn, home: Repository) -> None:
    sha, _, _ = merged(home)
    github.fail("GET", ".", times=1000, drop=True)
    github.fail("POST", ".", times=1000, drop=True)
    said = publisher(github, home, sha, patience=0.2)

    with pytest.raises(GitHubError, match="could not be put on GitHub"):
        said.publish(texts(), "stable")


def test_what_was_begun_and_abandoned_is_closed(github: StandIn, home: Repository) -> None:
    sha = home.commit("a commit")
    said = publisher(github, home, sha)

    said.begin()
    said.abandon("It was stopped")

    assert (home.statuses[-1].state, home.statuses[-1].description) == ("error", "It was stopped")
    assert [each.conclusion for each in home.check_runs.values()] == ["cancelled"]


def packed(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("run.json"), content)  # the same bytes whatever the time is
    return buffer.getvalue()


def shelf(github: StandIn, home: Repository, **changes: object) -> Artifacts:
    run = home.workflow_run()
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    facts = {"repository_id": home.id, "default_branch": "main", "workflow_path": ".github/workflows/stability.yml"}
    place = Home(**(facts | {"head": home.branches["main"]} | changes))  # type: ignore[arg-type]
    return Artifacts(client, lambda: place, run.token, github.results_url)


def test_an_artifact_is_uploaded_replaced_and_found_again(github: StandIn, home: Repository) -> None:
    place = shelf(github, home)
    place.upload("stability-baseline", packed(b"one"))
    place.upload("stability-baseline", packed(b"two"))

    data, refused = place.newest_trusted("stability-baseline")

    assert data == packed(b"two")
    assert refused == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"head_repository": "mallory/chat"}, "fork"),
        ({"event": "pull_request"}, "started by"),
        ({"head_branch": "topic"}, "default branch"),
        ({"path": ".github/workflows/other.yml"}, "another workflow"),
    ],
)
def test_an_artifact_that_is_not_this_workflows_own_is_refused(
    github: StandIn, home: Repository, changes: dict[str, str], why: str
) -> None:
    github.repository("mallory/chat", fork_of="example/chat")
    home.commit("topic", branch="topic")
    home.upload(home.workflow_run(**changes, head_sha=home.branches["main"]), "stability-baseline", {"run.json": b"{}"})

    data, refused = shelf(github, home).newest_trusted("stability-baseline")

    assert data is None
    assert why in refused[0]


def test_an_artifact_of_a_commit_that_is_no_ancestor_is_refused(github: StandIn, home: Repository) -> None:
    first = home.branches["main"]
    later = home.commit("later")
    home.upload(home.workflow_run(head_sha=later), "stability-baseline", {"run.json": b"{}"})

    data, refused = shelf(github, home, head=first).newest_trusted("stability-baseline")

    assert (data, "no ancestor" in refused[0]) == (None, True)


def test_no_token_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(GitHubError, match="github-token"):
        Client("http://127.0.0.1:9", "", "example/chat")


def test_a_post_on_a_commit_whose_fate_is_unknown_leaves_one_comment(github: StandIn, home: Repository) -> None:
    sha = home.commit("straight to main")
    github.fail("POST", rf"/commits/{sha}/comments$", after_effect=True)

    publisher(github, home, sha).publish(texts(), "stable")

    assert len(home.comments) == 1


def test_a_post_that_github_never_takes_is_an_error_and_all_else_is_done(github: StandIn, home: Repository) -> None:
    sha, pull, issue = merged(home)
    github.fail("POST", rf"/issues/{pull}/comments$", times=99)
    said = publisher(github, home, sha)

    with pytest.raises(GitHubError, match=f"the comment on #{pull}"):
        said.publish(texts("unstable"), "stable")

    assert (len(ours(home, pull)), len(ours(home, issue))) == (0, 1)
    assert (home.statuses[-1].state, home.issues[issue].state) == ("failure", "open")


def test_a_comment_quoting_our_marker_further_down_is_not_edited(github: StandIn, home: Repository) -> None:
    sha, pull, _ = merged(home, "")
    quoted = home.comment(pull, f"> {KEY}\n{KEY}\nquoted", login="github-actions[bot]")

    publisher(github, home, sha).publish(texts(), "stable")

    assert quoted.body.endswith("quoted")
    assert len(ours(home, pull)) == 1


def test_each_environment_has_a_comment_of_its_own(github: StandIn, home: Repository) -> None:
    sha, pull, _ = merged(home, "")
    publisher(github, home, sha).publish(texts(), "stable")
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)

    Publisher(client, Activity(sha, "pushed"), sha, "chat", "production", None).publish(texts(), "stable")

    assert len(home.comments_on(pull)) == 2
    assert len({each.context for each in home.statuses}) == 2


def test_links_that_github_failed_to_give_end_in_an_error_with_all_else_done(github: StandIn, home: Repository) -> None:
    sha, pull, issue = merged(home)
    github.fail("POST", "/graphql$", times=99)

    with pytest.raises(GitHubError, match="the linked issues"):
        publisher(github, home, sha).publish(texts("unstable"), "stable")

    assert (len(ours(home, pull)), home.issues[issue].state) == (1, "open")


def test_a_verdict_that_is_not_green_never_leaves_a_green_gate_of_an_earlier_one(
    github: StandIn, home: Repository
) -> None:
    sha, _, issue = merged(home)
    publisher(github, home, sha).publish(texts(), "stable")

    second = publisher(github, home, sha)
    second.begin()
    assert home.statuses[-1].state == "pending"
    second.publish(texts("inconclusive"), "stable")

    newest = max(home.check_runs.values(), key=lambda each: each.id)
    assert (home.statuses[-1].state, newest.conclusion, home.issues[issue].state) == (
        "error",
        "action_required",
        "open",
    )


def test_in_a_private_repository_each_missing_permission_is_one_line_and_no_crash(
    github: StandIn, home: Repository
) -> None:
    home.private = True
    sha, pull, _ = merged(home, "")
    every = {"contents": "read", **dict.fromkeys(WRITTEN, "write")}
    for missing in ("checks", "statuses", "deployments"):
        given = {name: level for name, level in every.items() if name != missing}
        said = publisher(github, home, sha, token=github.token(home.full_name, given))
        said.begin()
        done = said.publish(texts(), "stable")
        assert [f"`{missing}: write`" in line for line in done.denied] == [True]
    assert len(ours(home, pull)) == 1


def test_what_was_denied_when_it_began_is_said_once(github: StandIn, home: Repository) -> None:
    sha, _, _ = merged(home, "")
    said = publisher(github, home, sha, token=github.personal_token(home.owner))

    said.begin()

    assert len(said.publish(texts(), "stable").denied) == 1


def test_a_proof_that_could_not_say_that_it_began_still_ends_in_one_closed_check(
    github: StandIn, home: Repository
) -> None:
    sha = home.commit("a commit")
    github.fail("POST", "/check-runs$", times=1, after_effect=True)
    said = publisher(github, home, sha)

    said.begin()
    said.abandon("x" * 500)

    assert [each.conclusion for each in home.check_runs.values()] == ["cancelled"]
    assert len(home.statuses[-1].description or "") == 140


def test_a_verdict_with_ten_linked_issues_takes_fewer_than_a_hundred_calls(
    github: StandIn, home: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trap 18: a job has 1,000 requests an hour, and 80 a minute that create content."""
    home.auto_close = False
    numbers = [home.open_issue("It is slow").number for _ in range(10)]
    sha = home.merge(home.open_pull("Mend it", "\n".join(f"Fixes #{number}" for number in numbers)).number)
    said = publisher(github, home, sha)

    said.begin()
    said.publish(texts(), "stable")

    written = [each for each in github.requests if each.method == "POST" and "graphql" not in each.path]
    with capsys.disabled():
        print(f"\n{len(github.requests)} calls for 10 linked issues, {len(written)} of them create content")
    assert len(github.requests) < 70
    assert len(written) < 80
    assert {home.issues[number].state for number in numbers} == {"closed"}
    assert [len(ours(home, number)) for number in numbers] == [1] * 10


def test_every_pull_request_of_the_commit_gets_the_verdict(github: StandIn, home: Repository) -> None:
    first, second = home.open_pull("Mend it"), home.open_pull("Mend more", head="more")
    sha = home.merge(first.number)
    home.merge(second.number, commit=sha)

    publisher(github, home, sha).publish(texts(), "stable")

    assert [len(ours(home, each.number)) for each in (first, second)] == [1, 1]


def test_who_deploys_with_a_record_has_it_closed_with_the_address_and_what_was_kept(
    github: StandIn, home: Repository
) -> None:
    sha, _, _ = merged(home)
    said = publisher(github, home, sha)

    said.begin()
    said.publish(dataclasses.replace(texts(), url="https://chat.example", kept="sha256:" + "a" * 64), "stable")

    (only,) = home.deployments.values()
    assert [each.state for each in only.statuses] == ["in_progress", "success"]
    assert only.statuses[-1].environment_url == "https://chat.example"
    assert only.statuses[-1].description.endswith("a" * 64)


def test_a_github_that_comes_back_within_its_own_limits_gets_the_whole_verdict(
    github: StandIn, home: Repository
) -> None:
    """Trap 18: 403 and 429 are both signs of a limit, and say how long it is."""
    sha, pull, issue = merged(home)
    github.fail("*", ".", times=1, status=429, retry_after=1)
    github.fail("POST", "/comments$", times=1, status=403, retry_after=1)

    said = publisher(github, home, sha)
    said.begin()
    said.publish(texts(), "stable")

    assert (len(ours(home, pull)), len(ours(home, issue)), home.statuses[-1].state) == (1, 1, "success")
