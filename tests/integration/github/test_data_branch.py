"""The data branch over HTTP: an orphan, moved only from its tip, and nothing on it is trusted for being there."""

import threading
from pathlib import Path

import pytest

from bot.baseline import branch as branch_module
from bot.baseline.branch import BranchStore
from bot.github import data_branch
from bot.github.client import Client, Denied
from bot.github.data_branch import DEFAULT, DataBranch
from bot.model import Run
from bot.model.errors import GitHubError, UsageError, WorkError
from bot.model.mark import Mark
from tests.github_stand_in import Limits, Repository, StandIn
from tests.github_stand_in.git_data import files_on, put_commit
from tests.unit.samples import observation, run, series, subject

MARK = Mark(by="ana", reason="slow", at="2026-02-02T03:04:05.000Z", source="https://example.invalid/1")


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


def branch(
    github: StandIn,
    home: Repository,
    permissions: dict[str, str] | None = None,
    name: str = DEFAULT,
    head: str | None = None,
) -> DataBranch:
    client = Client(github.url, github.token(home.full_name, permissions), home.full_name, patience=5.0)
    return DataBranch(client, name, lambda: head or home.branches["main"], "main")


def store(github: StandIn, home: Repository, service: str = "chat", **given: dict[str, str]) -> BranchStore:
    return BranchStore(branch(github, home, **given), service, "staging")


def deployed(commit: str, minute: int = 0, service: str = "chat", **changes: object) -> Run:
    at = f"2026-01-02T03:{minute:02}:00.000Z"
    return run(subject=subject(commit[:7], commit=commit, service=service), started=at, finished=at, **changes)


def test_the_branch_is_made_as_an_orphan_and_then_grows_by_one_commit_a_run(github: StandIn, home: Repository) -> None:
    first = home.branches["main"]
    assert store(github, home).load() == (None, ())
    store(github, home).save(deployed(first), "stable", Path(), "https://example.invalid/actions/runs/1")
    tip = home.commits[home.branches[DEFAULT]]
    assert tip.parents == []
    assert set(files_on(home, DEFAULT)) == {"README.md", "chat/staging/last-good.json", "chat/staging/last.json"}
    assert len(home.git_blobs) == 2, "the same run under two names is one blob"

    second = home.commit("second")
    store(github, home).save(deployed(second, 1), "stable", Path())
    assert home.commits[home.branches[DEFAULT]].parents == [tip.sha]
    found, remarks = store(github, home).load()
    assert found is not None
    assert (found.subject.commit, remarks) == (second, ())


def test_a_run_takes_few_requests(github: StandIn, home: Repository) -> None:
    store(github, home).save(deployed(home.branches["main"]), "stable", Path())
    before = len(github.requests)
    again = store(github, home)
    again.load()
    again.last()
    again.save(deployed(home.commit("second"), 1), "stable", Path())
    assert len(github.requests) - before <= 17


def test_pins_and_invalidations_are_one_commit_each(github: StandIn, home: Repository) -> None:
    first = home.branches["main"]
    store(github, home).save(deployed(first), "stable", Path())
    store(github, home).pin(MARK)
    second = home.commit("second")
    store(github, home).save(deployed(second, 1), "stable", Path())
    found, remarks = store(github, home).load()
    assert found is not None
    assert (found.subject.commit, remarks[0]) == (first, "the baseline is pinned by ana since 2026-02-02")
    store(github, home).unpin(MARK)
    store(github, home).invalidate(second, MARK)
    found, remarks = store(github, home).load()
    assert found is not None
    assert (found.subject.commit, "invalidated by ana" in remarks[0]) == (first, True)
    assert len(home.ancestors(home.branches[DEFAULT])) == 5


def test_of_two_runs_at_once_neither_loses_what_the_other_wrote(
    monkeypatch: pytest.MonkeyPatch, github: StandIn, home: Repository
) -> None:
    monkeypatch.setattr(data_branch, "TRIES", 20)
    services = [f"service-{number}" for number in range(4)]
    failures: list[Exception] = []

    def one(service: str) -> None:
        try:
            for minute in range(2):
                run_ = deployed(home.branches["main"], minute, service)
                store(github, home, service).save(run_, "stable", Path())
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=one, args=(service,)) for service in services]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    for service in services:
        found, remarks = store(github, home, service).load()
        assert found is not None
        assert (found.started, remarks) == ("2026-01-02T03:01:00.000Z", ())
    assert len(home.ancestors(home.branches[DEFAULT])) == 8, "every write is one commit on the one before"


@pytest.mark.parametrize(("verb", "path"), [("PATCH", "/git/refs/"), ("POST", "/git/refs$"), ("POST", "/git/blobs$")])
@pytest.mark.parametrize("how", ["after", "before", "drop"])
def test_a_write_outlives_a_failure_of_which_nobody_knows_what_it_did(
    github: StandIn, home: Repository, verb: str, path: str, how: str
) -> None:
    if verb == "PATCH":
        store(github, home).save(deployed(home.branches["main"]), "stable", Path())
    github.fail(verb, path, status=None if how == "drop" else 502, drop=how == "drop", after_effect=how != "before")
    store(github, home).save(deployed(home.branches["main"], 1), "stable", Path())
    found, _ = store(github, home).load()
    assert found is not None
    assert found.started == "2026-01-02T03:01:00.000Z"


def test_one_that_is_always_overtaken_gives_up(
    monkeypatch: pytest.MonkeyPatch, github: StandIn, home: Repository
) -> None:
    monkeypatch.setattr(data_branch.time, "sleep", lambda _: None)
    store(github, home).save(deployed(home.branches["main"]), "stable", Path())
    refused = {"message": "Update is not a fast forward", "documentation_url": "x", "status": "422"}
    github.fail("PATCH", "/git/refs/", times=99, status=422, body=refused)
    with pytest.raises(GitHubError, match="moved by others 8 times"):
        store(github, home).save(deployed(home.branches["main"], 1), "stable", Path())
    assert github.count("PATCH", "/git/refs/") == 8


def test_a_missing_permission_is_named(github: StandIn, home: Repository) -> None:
    reader = {"contents": "read"}
    assert store(github, home, permissions=reader).load() == (None, ())
    with pytest.raises(Denied, match="add `contents: write`"):
        store(github, home, permissions=reader).save(deployed(home.branches["main"]), "stable", Path())


def test_a_private_repository_that_may_not_be_read_is_a_remark(github: StandIn) -> None:
    private = github.repository("octo/secret", private=True)
    found, remarks = store(github, private, permissions={"issues": "write"}).load()
    assert found is None
    assert "add `contents: read`" in remarks[0]


def test_a_protected_branch_is_said_to_be_protected(github: StandIn, home: Repository) -> None:
    store(github, home).save(deployed(home.branches["main"]), "stable", Path())
    home.protected.append(DEFAULT)
    with pytest.raises(GitHubError, match="leave it out of the branch protection"):
        store(github, home).save(deployed(home.branches["main"], 1), "stable", Path())
    assert store(github, home).load()[0] is not None


def test_a_tree_that_github_does_not_list_whole_is_no_baseline() -> None:
    with StandIn(limits=Limits(tree_entries=2)) as github:
        home = github.repository("octo/chat")
        store(github, home).save(deployed(home.branches["main"]), "stable", Path())
        found, remarks = store(github, home).load()
        assert found is None
        assert "more files than GitHub lists" in remarks[0]
        with pytest.raises(WorkError, match="more files than GitHub lists"):
            store(github, home).save(deployed(home.branches["main"]), "stable", Path())
        assert github.violations == []


def test_a_large_run_is_compressed_and_comes_back_the_same(
    monkeypatch: pytest.MonkeyPatch, github: StandIn, home: Repository
) -> None:
    monkeypatch.setattr(branch_module, "LARGE", 5_000)
    large = observation(series=(series([index + 0.5 for index in range(500)]),))
    store(github, home).save(run(large, subject=subject(commit=home.branches["main"])), "stable", Path())
    assert "chat/staging/last-good.json.gz" in files_on(home, DEFAULT)
    found, remarks = store(github, home).load()
    assert found is not None
    assert (found.observations, remarks) == ((large,), ())
    store(github, home).save(deployed(home.branches["main"], 9), "stable", Path())
    assert "chat/staging/last-good.json.gz" not in files_on(home, DEFAULT)


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("last-good.json", b"not json", "not JSON"),
        ("last-good.json", b'{"a":NaN}', "NaN is not a JSON number"),
        ("last-good.json", b"[" * 200_000, "not JSON"),
        ("last-good.json", b"9" * 6_000, "not"),
        ("last-good.json.gz", b"not gzip", "not compressed"),
        ("marks.json", b"{", "marks of maintainers cannot be read"),
    ],
)
def test_what_anybody_wrote_there_by_hand_is_refused(
    github: StandIn, home: Repository, path: str, content: bytes, words: str
) -> None:
    put_commit(home, {f"chat/staging/{path}": content}, DEFAULT)
    found, remarks = store(github, home).load()
    assert found is None
    assert words in "; ".join(remarks)


@pytest.mark.parametrize("mode", ["120000", "100755"])
def test_a_link_is_never_followed(github: StandIn, home: Repository, mode: str) -> None:
    put_commit(home, {"chat/staging/last-good.json": b"/etc/passwd"}, DEFAULT, mode=mode)
    found, remarks = store(github, home).load()
    assert found is None
    assert "not a plain file" in remarks[0]
    with pytest.raises(WorkError, match="not a plain file"):
        store(github, home).save(deployed(home.branches["main"]), "stable", Path())


def test_bytes_that_are_not_those_of_the_blobs_name_are_refused(github: StandIn, home: Repository) -> None:
    store(github, home).save(deployed(home.branches["main"]), "stable", Path())
    for sha in home.git_blobs:
        home.git_blobs[sha] = home.git_blobs[sha].replace(b"health", b"hearth")
    found, remarks = store(github, home).load()
    assert found is None
    assert "other bytes than those of its name" in remarks[0]


def test_a_run_of_a_commit_that_was_pushed_away_is_refused(github: StandIn, home: Repository) -> None:
    gone = home.commit("gone")
    store(github, home).save(deployed(gone), "stable", Path())
    home.branches["main"] = home.commits[gone].parents[0]
    home.commit("instead")
    found, remarks = store(github, home).load()
    assert found is None
    assert "no ancestor" in remarks[0]


def test_a_run_of_a_commit_that_is_not_on_the_default_branch_is_not_kept(github: StandIn, home: Repository) -> None:
    queued = home.commit("queued", branch="gh-readonly-queue/main/pr-1", parents=[home.branches["main"]])
    with pytest.raises(WorkError, match="not on the default branch"):
        BranchStore(branch(github, home, head=queued), "chat", "staging").save(deployed(queued), "stable", Path())
    assert DEFAULT not in home.branches


def test_a_file_that_is_too_large_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, github: StandIn, home: Repository
) -> None:
    store(github, home).save(deployed(home.branches["main"]), "stable", Path())
    monkeypatch.setattr(data_branch, "LARGEST", 100)
    asked = github.count("GET", "/git/blobs/")
    found, remarks = store(github, home).load()
    assert found is None
    assert "at most 100" in remarks[0]
    assert github.count("GET", "/git/blobs/") == asked


@pytest.mark.parametrize("where", ["/git/ref/", "/git/commits/", "/git/trees/", "/git/blobs/"])
@pytest.mark.parametrize("body", ["<html>", [], {}, {"tree": [5], "truncated": False, "sha": "x"}])
def test_an_answer_that_is_not_githubs_is_never_trusted(
    github: StandIn, home: Repository, where: str, body: object
) -> None:
    store(github, home).save(deployed(home.branches["main"]), "stable", Path())
    github.fail("GET", where, times=9, status=200, body=body)
    found, remarks = store(github, home).load()
    assert found is None
    assert remarks


@pytest.mark.parametrize("name", ["main", "", "/x", "a..b", "a.lock", "a//b", "a b", "-x", "a/", "x" * 201, "a\nb"])
def test_a_name_that_is_none_is_refused_before_anything_is_asked(github: StandIn, home: Repository, name: str) -> None:
    with pytest.raises(UsageError, match="baseline"):
        branch(github, home, name=name)
    assert github.requests == []
