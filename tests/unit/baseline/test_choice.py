"""Which run is given, in all three stores alike: pinned, last good, an older one, or none; and which deploy is the last."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.baseline.artifact import ArtifactStore
from bot.baseline.branch import BranchStore
from bot.baseline.directory import DirectoryStore
from bot.baseline.shelf import Shelf as Store
from bot.baseline.store import OLDER
from bot.model import Run
from bot.model.errors import WorkError
from bot.model.mark import Mark
from tests.unit.baseline.shelves import Branch, Shelf
from tests.unit.baseline.test_history import PAST
from tests.unit.samples import run, subject

Make = Callable[[], Store]


@pytest.fixture(params=["directory", "artifact", "branch"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A store that is opened anew, as the next job does."""
    shelf, branch = Shelf(now="2026-01-03T00:00:00Z"), Branch()
    return {
        "directory": lambda: DirectoryStore(tmp_path / "kept", "chat", "staging"),
        "artifact": lambda: ArtifactStore(shelf, "chat", "staging"),
        "branch": lambda: BranchStore(branch, "chat", "staging"),
    }[request.param]


def mark(second: int = 0, by: str = "ana") -> Mark:
    return Mark(by=by, reason="slow", at=f"2026-02-02T03:04:{second:02}.000Z", source="https://example.invalid/1")


def deploy(number: int, begun: int | None = None, **changes: object) -> Run:
    """The run of commit `number`, whose deploy began in that minute."""
    at = f"2026-01-02T03:{number if begun is None else begun:02}"
    of = subject(f"chat-{number}", commit=f"{number:040}")
    return run(subject=of, started=f"{at}:00.000Z", finished=f"{at}:30.000Z", **changes)


def save(store: Store, each: Run, verdict: str = "stable") -> None:
    store.save(each, verdict, Path())


def given(store: Store) -> tuple[str | None, str]:
    found, remarks = store.load()
    return (found.subject.revision if found else None), "; ".join(remarks)


def test_what_is_pinned_is_given_until_it_is_unpinned(make: Make) -> None:
    save(make(), deploy(1))
    pinned = make().pin(mark())
    save(make(), deploy(2))

    found, remarks = make().load()
    assert found is not None
    assert found.provenance is not None
    assert (found.subject.revision, found.provenance.reference) == ("chat-1", "pinned")
    assert (found.provenance.pinned, pinned.provenance) == (mark(), found.provenance)
    assert remarks == ("the baseline is pinned by ana since 2026-02-02",)

    make().unpin(mark(1))
    assert given(make()) == ("chat-2", "")
    with pytest.raises(WorkError, match="no baseline is pinned"):
        make().unpin(mark(2))


def test_where_there_is_no_baseline_there_is_none_to_pin(make: Make) -> None:
    with pytest.raises(WorkError, match="no baseline to pin"):
        make().pin(mark())


def test_a_pinned_run_outlives_all_that_is_deployed_after_it(make: Make) -> None:
    save(make(), deploy(1))
    make().pin(mark())
    for number in range(2, 2 * OLDER + 2):
        save(make(), deploy(number))
    assert given(make())[0] == "chat-1"


def test_after_an_invalidation_the_newest_older_good_one_is_given(make: Make) -> None:
    for number in (1, 2, 3):
        save(make(), deploy(number))
    make().invalidate(f"{3:040}", mark())
    make().invalidate(f"{2:040}"[:40], mark(1, by="ben"))

    revision, remarks = given(make())
    assert revision == "chat-1"
    assert "was invalidated by ana on 2026-02-02" in remarks
    assert "was invalidated by ben" in remarks


def test_where_no_older_good_one_is_left_there_is_none_and_it_says_so(make: Make) -> None:
    save(make(), deploy(1))
    save(make(), deploy(2), "unstable")
    make().invalidate(f"{1:040}", mark())
    revision, remarks = given(make())
    assert revision is None
    assert "no older good run is kept" in remarks


def test_an_invalidated_commit_stays_so_however_often_it_is_deployed(make: Make) -> None:
    save(make(), deploy(1))
    make().invalidate(f"{1:040}", mark())
    save(make(), deploy(1, begun=9))
    assert given(make())[0] is None
    save(make(), deploy(2, begun=10))
    assert given(make())[0] == "chat-2"


def test_a_pinned_run_that_is_invalidated_is_given_no_more(make: Make) -> None:
    save(make(), deploy(1))
    make().pin(mark())
    save(make(), deploy(2))
    make().invalidate(f"{1:040}", mark(1, by="ben"))
    revision, remarks = given(make())
    assert revision is None
    assert "pinned by ana" in remarks
    assert "invalidated by ben" in remarks
    make().unpin(mark(2))
    assert given(make())[0] == "chat-2"


def test_an_invalidated_run_is_not_remembered_by_the_runs_after_it(make: Make) -> None:
    bad = PAST.model_copy(update={"commit": f"{1:040}"})
    good = PAST.model_copy(update={"commit": f"{0:040}"})
    save(make(), deploy(2, history=(good, bad)))
    make().invalidate(f"{1:040}", mark())
    found, _ = make().load()
    assert found is not None
    assert found.history == (good,)


def test_of_two_runs_at_once_the_later_deploy_stands_whichever_is_judged_first(make: Make) -> None:
    save(make(), deploy(2, begun=5))
    save(make(), deploy(1, begun=4))
    assert given(make())[0] == "chat-2"
    found, _ = make().last()
    assert found is not None
    assert found.subject.revision == "chat-2"
    make().invalidate(f"{2:040}", mark())
    assert given(make())[0] == "chat-1", "what came late is kept all the same"


def test_an_old_commit_that_is_deployed_again_is_what_serves_and_so_the_baseline(make: Make) -> None:
    save(make(), deploy(1, begun=1))
    save(make(), deploy(2, begun=2))
    save(make(), deploy(1, begun=3))
    assert given(make())[0] == "chat-1"


def test_one_that_is_saved_twice_is_one(make: Make) -> None:
    save(make(), deploy(1))
    for _ in range(3):
        save(make(), deploy(2))
    make().invalidate(f"{2:040}", mark())
    assert given(make())[0] == "chat-1"


@pytest.fixture(params=["directory", "artifact", "branch"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], Store]:
    """The store of any service in any environment, all kept in one place."""
    shelf, branch = Shelf(now="2026-01-03T00:00:00Z"), Branch()
    return {
        "directory": lambda service, where: DirectoryStore(tmp_path / "kept", service, where),
        "artifact": lambda service, where: ArtifactStore(shelf, service, where),
        "branch": lambda service, where: BranchStore(branch, service, where),
    }[request.param]


def test_two_services_whose_names_join_alike_keep_out_of_each_others_way(
    opened: Callable[[str, str], Store],
) -> None:
    """`a-b` in `c`, and `a` in `b-c`: what was kept, and invalidated, of one says nothing of the other."""
    commit = f"{1:040}"
    for service, environment in (("a-b", "c"), ("a", "b-c")):
        of = subject(service, commit=commit, service=service, environment=environment)
        save(opened(service, environment), run(subject=of))
    assert given(opened("a-b", "c")) == ("a-b", "")
    assert given(opened("a", "b-c")) == ("a", "")

    opened("a-b", "c").invalidate(commit, mark())
    assert given(opened("a-b", "c"))[0] is None
    assert given(opened("a", "b-c")) == ("a", "")


def test_the_run_of_another_service_is_never_given(make: Make) -> None:
    save(make(), run(subject=subject("chat-1", service="other")))
    revision, remarks = given(make())
    assert revision is None
    assert "'other'" in remarks


def test_the_run_that_the_last_deployment_was_proven_by_is_preferred(make: Make) -> None:
    for number in (1, 2):
        save(make(), deploy(number))
    store = make()
    store.expected = deploy(1).fingerprint()
    assert given(store) == ("chat-1", "")
    store.expected = "sha256:" + "0" * 64
    assert given(store) == (
        "chat-2",
        "the run that the last successful deployment was proven by is not kept here any more",
    )


def test_of_the_deployed_commit_the_newest_good_run_is_given(make: Make) -> None:
    """A refresh measures again what is deployed; what was never deployed is newer still, and is not taken."""
    save(make(), deploy(1, begun=1))
    save(make(), deploy(1, begun=2))
    save(make(), deploy(2, begun=3))
    store = make()
    store.expected = deploy(1, begun=1).fingerprint()
    found, _ = store.load()
    assert found is not None
    assert (found.subject.revision, found.started) == ("chat-1", deploy(1, begun=2).started)


def test_where_the_deployed_run_was_invalidated_nobody_is_told_that_it_is_lost(make: Make) -> None:
    for number in (1, 2):
        save(make(), deploy(number))
    make().invalidate(f"{2:040}", mark())
    store = make()
    store.expected = deploy(2).fingerprint()
    revision, remarks = given(store)
    assert revision == "chat-1"
    assert "invalidated" in remarks
    assert "not kept here any more" not in remarks


def test_the_last_good_run_has_a_name_for_ever(make: Make) -> None:
    assert make().reference_of_last_good() is None
    save(make(), deploy(1))
    found = make().reference_of_last_good()
    assert (found["digest"], found["commit"]) == (deploy(1).fingerprint(), f"{1:040}")
    assert found["store"] in ("directory", "artifact", "branch")


def test_a_folder_and_a_branch_keep_a_few_older_good_runs(tmp_path: Path) -> None:
    branch = Branch()
    for number in range(OLDER + 4):
        save(BranchStore(branch, "chat", "staging"), deploy(number))
        save(DirectoryStore(tmp_path, "chat", "staging"), deploy(number))
    assert sum("/older/" in path for path in branch.tree) == OLDER
    assert len(list((tmp_path / "chat/staging/older").iterdir())) == OLDER


def test_what_somebody_else_wrote_meanwhile_is_not_lost() -> None:
    branch = Branch()

    def meanwhile() -> None:
        save(BranchStore(branch, "chat", "staging"), deploy(2))
        save(BranchStore(branch, "shop", "staging"), run(subject=subject("shop-1", service="shop")))

    branch.meanwhile = meanwhile
    save(BranchStore(branch, "chat", "staging"), deploy(1))
    assert given(BranchStore(branch, "chat", "staging"))[0] == "chat-2"
    assert given(BranchStore(branch, "shop", "staging"))[0] == "shop-1"


def test_why_the_last_run_cannot_be_read_is_said_and_so_is_what_was_passed_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make().last() == (None, ())
    save(make(), deploy(1), "unstable")
    store = make()
    kept = [*store.runs("last")]
    monkeypatch.setattr(store, "runs", lambda _reference: iter(["a newer one was refused", *kept]))
    found, remarks = store.last()
    assert found is not None
    assert remarks == ("a newer one was refused",)

    def unreadable(_reference: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store, "runs", unreadable)
    assert store.last() == (None, ("what the last run tells cannot be read: Permission denied",))


@pytest.mark.parametrize("where", ["artifact", "branch"])
def test_a_run_of_a_commit_that_is_no_ancestor_is_refused_and_an_older_one_given(where: str) -> None:
    shelf, branch = Shelf(now="2026-01-03T00:00:00Z"), Branch()
    store: Store = (
        ArtifactStore(shelf, "chat", "staging") if where == "artifact" else BranchStore(branch, "chat", "staging")
    )
    for number in (1, 2):
        save(store, deploy(number))
    shelf.strangers = branch.strangers = {f"{2:040}"}
    revision, remarks = given(store)
    assert revision == "chat-1"
    assert "no ancestor" in remarks


@pytest.mark.parametrize("where", ["artifact", "branch"])
def test_a_run_that_names_no_full_commit_is_refused(where: str) -> None:
    store: Store = (
        ArtifactStore(Shelf(), "chat", "staging") if where == "artifact" else BranchStore(Branch(), "chat", "staging")
    )
    save(store, run(subject=subject(commit="main")))
    assert given(store)[0] is None


def test_what_was_not_good_is_not_good_for_being_kept_so(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "chat", "staging")
    save(store, deploy(1), "unstable")
    (tmp_path / "chat/staging/last").rename(tmp_path / "chat/staging/last-good")
    assert "kept as good, but judged 'unstable'" in given(store)[1]


def test_mostly_only_the_newest_artifact_is_read() -> None:
    shelf = Shelf()
    for number in range(5):
        shelf.now = f"2026-01-02T03:{number:02}:40Z"
        save(ArtifactStore(shelf, "chat", "staging"), deploy(number))
    shelf.read = 0
    assert given(ArtifactStore(shelf, "chat", "staging"))[0] == "chat-4"
    assert shelf.read <= 2


def test_marks_and_the_pinned_run_are_uploaded_again_before_they_end() -> None:
    shelf = Shelf()
    store = ArtifactStore(shelf, "chat", "staging")
    save(store, deploy(1))
    store.pin(mark())
    later = deploy(2).model_copy(update={"finished": "2026-01-20T00:00:00.000Z"})
    again = ArtifactStore(shelf, "chat", "staging")
    again.load()
    save(again, later)
    assert len(shelf.kept["stability-baseline-chat-staging-pinned"]) == 2
    assert len(shelf.kept["stability-marks-chat-staging"]) == 2
    assert given(ArtifactStore(shelf, "chat", "staging"))[0] == "chat-1"


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"invalid":[{}]}', b"[" * 100_000, b"9" * 5_000, b'{"pin":NaN}'])
def test_marks_that_cannot_be_read_give_no_baseline_and_are_not_written_over(tmp_path: Path, content: bytes) -> None:
    branch = Branch()
    save(BranchStore(branch, "chat", "staging"), deploy(1))
    branch.tree["chat/staging/marks.json"] = content
    save(DirectoryStore(tmp_path, "chat", "staging"), deploy(1))
    (tmp_path / "chat/staging/marks.json").write_bytes(content)
    for store in (BranchStore(branch, "chat", "staging"), DirectoryStore(tmp_path, "chat", "staging")):
        revision, remarks = given(store)
        assert revision is None
        assert "marks of maintainers cannot be read" in remarks
        with pytest.raises(WorkError, match="delete"):
            store.invalidate("a" * 40, mark())


@pytest.mark.parametrize("moves", range(8))
def test_a_save_that_is_killed_at_any_move_loses_no_good_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, moves: int
) -> None:
    def store() -> DirectoryStore:
        return DirectoryStore(tmp_path, "chat", "staging")

    for number in (1, 2):
        save(store(), deploy(number))
    move, left = Path.replace, iter([True] * moves)

    def killed(self: Path, target: Path) -> Path:
        if not next(left, False):
            raise KeyboardInterrupt
        return move(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with contextlib.suppress(KeyboardInterrupt):
        save(store(), deploy(3))
    monkeypatch.setattr(Path, "replace", move)
    assert given(store())[0] in ("chat-2", "chat-3")
    save(store(), deploy(4))
    found = {each.subject.revision for each in store().runs("last-good") if isinstance(each, Run)}
    assert {"chat-1", "chat-2", "chat-4"} <= found
