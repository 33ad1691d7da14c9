"""Baselines in artifacts over HTTP: who made them, of which commit, and which deploy was the last."""

from pathlib import Path

import pytest

from bot.baseline.artifact import ArtifactStore
from bot.baseline.marks import Marks
from bot.baseline.store import pinned_copy, with_provenance
from bot.github.artifacts import Artifacts
from bot.github.client import Client
from bot.github.trust import Home
from bot.model.errors import WorkError
from bot.model.mark import Mark
from tests.finding import pick
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import WORKFLOW
from tests.unit.samples import check, observation, run, subject

MARK = Mark(by="ana", reason="slow", at="2026-02-02T03:04:05.000Z", source="https://example.invalid/1")
GOOD = "stability-baseline-chat-staging-last-good"


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


def store(github: StandIn, home: Repository, *, head: str | None = None, event: str = "push", sha: str | None = None):  # type: ignore[no-untyped-def]
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    place = Home(home.id, "main", WORKFLOW, head or home.branches["main"])
    its = home.workflow_run(event=event, head_sha=sha)
    made = ArtifactStore(Artifacts(client, lambda: place, its.token, github.results_url), "chat", "staging")
    return made, f"{github.url}/octo/chat/actions/runs/{its.id}"


def save(github: StandIn, home: Repository, commit: str, minute: int = 0, *, url: str | None = None) -> None:
    made, its = store(github, home, sha=commit)
    at = f"2026-01-02T03:{minute:02}:00.000Z"
    of = subject(commit[:7], commit=commit)
    made.save(run(subject=of, started=at, finished=at), "stable", Path(), url or its)


def given(github: StandIn, home: Repository, head: str | None = None) -> tuple[str | None, str]:
    found, remarks = store(github, home, head=head)[0].load()
    return (found.subject.commit if found else None), "; ".join(remarks)


def test_of_two_runs_at_once_the_later_deploy_stands(github: StandIn, home: Repository) -> None:
    first, second = home.branches["main"], home.commit("second")
    save(github, home, second, 5)
    save(github, home, first, 4)
    assert given(github, home) == (second, "")


def test_of_two_services_of_one_job_whose_names_join_alike_each_keeps_its_own(
    github: StandIn, home: Repository
) -> None:
    """An artifact replaces one of the same name from the same workflow run, so that one would have been lost."""
    both = (("chat-eu", "staging"), ("chat", "eu-staging"))
    made, url = store(github, home)
    for service, environment in both:
        of = subject(service, commit=home.branches["main"], service=service, environment=environment)
        ArtifactStore(made.artifacts, service, environment).save(run(subject=of), "stable", Path(), url)
    for service, environment in both:
        found, remarks = ArtifactStore(made.artifacts, service, environment).load()
        assert (found.subject.service if found else None, remarks) == (service, ())


def test_a_commit_that_is_deployed_again_is_compared_with_what_it_stands_on(github: StandIn, home: Repository) -> None:
    first, second = home.branches["main"], home.commit("second")
    save(github, home, first, 1)
    save(github, home, second, 2)
    commit, remarks = given(github, home, head=first)
    assert commit == first
    assert "no ancestor" in remarks


def test_one_of_a_commit_that_an_input_named_must_be_an_ancestor_too(github: StandIn, home: Repository) -> None:
    topic = home.commit("topic", branch="topic", parents=[home.branches["main"]])
    made, url = store(github, home, event="workflow_dispatch")
    made.save(run(subject=subject("topic", commit=topic)), "stable", Path(), url)
    commit, remarks = given(github, home)
    assert commit is None
    assert "no ancestor" in remarks


def test_one_that_says_that_another_run_made_it_is_refused(github: StandIn, home: Repository) -> None:
    save(github, home, home.branches["main"], url=f"{github.url}/octo/chat/actions/runs/1")
    commit, remarks = given(github, home)
    assert commit is None
    assert "another workflow run made it" in remarks


@pytest.mark.parametrize("event", ["issue_comment", "repository_dispatch", "workflow_dispatch", "schedule"])
def test_a_pin_is_a_maintainers_word_on_any_commit(github: StandIn, home: Repository, event: str) -> None:
    first = home.branches["main"]
    save(github, home, first)
    second = home.commit("second")
    made, _ = store(github, home, event=event)  # of the tip, while an older commit is still being deployed
    made.pin(MARK)
    save(github, home, second, 1)
    assert given(github, home, head=first) == (first, "the baseline is pinned by ana since 2026-02-02")
    made, _ = store(github, home, event=event)
    made.unpin(MARK)
    assert given(github, home) == (second, "")


def test_of_two_words_at_once_neither_is_lost(github: StandIn, home: Repository) -> None:
    commits = [home.branches["main"], home.commit("second"), home.commit("third")]
    for minute, commit in enumerate(commits):
        save(github, home, commit, minute)
    one, other = store(github, home, event="issue_comment")[0], store(github, home, event="issue_comment")[0]
    stale = other.marks()
    one.invalidate(commits[2], MARK)
    other.marks = lambda: stale  # it had read before the first wrote
    other.invalidate(commits[1], MARK)
    assert given(github, home)[0] == commits[0]


def test_what_a_comment_asks_takes_few_requests(github: StandIn, home: Repository) -> None:
    save(github, home, home.branches["main"])
    made, _ = store(github, home, event="issue_comment")
    before = len(github.requests)
    made.pin(MARK)
    assert len([each for each in github.requests[before:] if each.path.startswith("/repos/")]) <= 8


def test_the_last_good_run_is_named_by_artifact_digest_and_commit(github: StandIn, home: Repository) -> None:
    save(github, home, home.branches["main"])
    found = store(github, home)[0].reference_of_last_good()
    kept = pick(home.artifacts.values(), lambda each: each.name == GOOD)
    assert found["artifact"] == str(kept.id)
    assert found["commit"] == home.branches["main"]
    assert found["digest"].startswith("sha256:")


def test_marks_whose_bytes_are_not_githubs_give_no_baseline(github: StandIn, home: Repository) -> None:
    save(github, home, home.branches["main"])
    store(github, home, event="issue_comment")[0].pin(MARK)
    marks = pick(home.artifacts.values(), lambda each: "marks" in each.name)
    github.world.blobs[marks.blob].content = b"x"
    commit, remarks = given(github, home)
    assert commit is None
    assert "marks of maintainers cannot be read" in remarks
    with pytest.raises(WorkError, match="delete that artifact"):
        store(github, home)[0].unpin(MARK)


@pytest.mark.parametrize("tagged", [False, True], ids=["run on a tag", "and the tag is there"])
def test_a_run_on_a_tag_with_the_name_of_the_default_branch_speaks_for_nobody(
    github: StandIn, home: Repository, tagged: bool
) -> None:
    """GitHub says a tag's name where it says a branch's otherwise: whoever may push a tag must not get past the review."""
    first = home.branches["main"]
    save(github, home, first)
    evil = home.commit("another workflow", branch="topic")
    if tagged:
        home.tags["main"] = evil
    its = home.workflow_run(head_sha=evil, head_branch="main")
    forged = run(observation(checks=(check(ok=False),)), subject=subject("forged", commit=first))
    pinned = pinned_copy(with_provenance(forged, "last-good", "stable", None), MARK)
    marks = Marks().pinning(pinned, MARK).invalidating(first, MARK)
    home.upload(its, "stability-baseline-chat-staging-pinned", {"run.json": pinned.to_json()})
    home.upload(its, "stability-marks-chat-staging", {"marks.json": marks.to_json()})

    found, remarks = store(github, home)[0].load()

    assert found is not None
    assert (found.subject.commit, found.subject.revision, remarks) == (first, first[:7], ())
