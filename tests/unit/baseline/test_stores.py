"""Baselines: two names, provenance, and no trust in what was changed."""

import contextlib
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baseline.artifact import ArtifactStore, called
from bot.baseline.directory import DirectoryStore
from bot.baseline.packed import one_entry, only_entry
from bot.baseline.store import with_provenance
from bot.model import Evidence, digest
from bot.model.errors import FormatError
from tests.unit.baseline.shelves import Shelf
from tests.unit.samples import run, subject


def store(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder, "chat", "staging")


def test_a_stable_run_becomes_last_good_and_an_unstable_one_does_not(tmp_path: Path) -> None:
    good, bad = run(subject=subject("chat-1")), run(subject=subject("chat-2"))
    store(tmp_path).save(good, "stable", tmp_path)
    store(tmp_path).save(bad, "unstable", tmp_path)

    found, remarks = store(tmp_path).load()

    assert found is not None
    assert found.subject.revision == "chat-1"
    assert found.provenance is not None
    assert (found.provenance.reference, found.provenance.verdict) == ("last-good", "stable")
    assert remarks == ()


@pytest.mark.parametrize("verdict", ["unstable", "inconclusive"])
def test_while_there_is_no_good_run_the_last_one_serves_and_says_so(tmp_path: Path, verdict: str) -> None:
    store(tmp_path).save(run(), verdict, tmp_path)

    found, _ = store(tmp_path).load()

    assert found is not None
    assert found.provenance is not None
    assert ("last", verdict) == (found.provenance.reference, found.provenance.verdict)


def test_nothing_kept_is_no_baseline(tmp_path: Path) -> None:
    assert store(tmp_path).load() == (None, ())


def test_evidence_is_kept_beside_the_run(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "x").write_bytes(b"abc")
    kept = run(evidence={digest(b"abc"): Evidence(path="evidence/x", media_type="text/plain", size=3)})

    store(tmp_path / "kept").save(kept, "stable", tmp_path)

    assert (tmp_path / "kept/chat/staging/last-good/evidence/x").read_bytes() == b"abc"


def test_a_save_that_was_killed_between_its_renames_loses_nothing(tmp_path: Path) -> None:
    store(tmp_path).save(run(), "stable", tmp_path)
    place = tmp_path / "chat/staging"
    (place / "last-good").rename(place / ".last-good-old")

    assert store(tmp_path).load()[0] is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"ok":true', b'"ok":false'), (b"chat-2", b"chat-3"), (b"}", b""), (b'"200"', b"NaN"), (b'"provenance"', b'"x"')],
)
def test_a_changed_baseline_is_refused_and_never_a_crash(tmp_path: Path, old: bytes, new: bytes) -> None:
    store(tmp_path).save(run(), "stable", tmp_path)
    for reference in ("last-good", "last"):
        path = tmp_path / "chat/staging" / reference / "run.json"
        path.write_bytes(path.read_bytes().replace(old, new))

    found, remarks = store(tmp_path).load()

    assert found is None
    assert len(remarks) == 2
    assert all("refused" in remark for remark in remarks)


def test_artifacts_round_trip() -> None:
    shelf = ArtifactStore(Shelf(), "chat", "staging")
    shelf.save(run(), "first run", Path())

    found, _ = shelf.load()

    assert found is not None
    assert run() == found.model_copy(update={"provenance": None})


def test_github_out_of_reach_is_no_baseline_and_a_remark() -> None:
    found, remarks = ArtifactStore(Shelf(down=True), "chat", "staging").load()

    assert found is None
    assert "out of reach" in remarks[0]


def hostile(name: str = "run.json", data: bytes = b"{}", *, link: bool = False, twice: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0xA1FF << 16) if link else 0
        archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
        if twice:
            archive.writestr("other", b"")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"not a zip",
        hostile("/etc/passwd"),
        hostile("../run.json"),
        hostile(link=True),
        hostile(twice=True),
        hostile(data=b"0" * (64 * 1024 * 1024 + 1)),
    ],
    ids=["not a zip", "absolute", "outside", "link", "two entries", "bomb"],
)
def test_a_hostile_artifact_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        only_entry(data, "x")


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader_of_artifacts(data: bytes) -> None:
    with pytest.raises(FormatError):
        only_entry(data, "x")


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_artifact_is_refused_or_gives_the_same_bytes(data: bytes, at: int, byte: int) -> None:
    archive = bytearray(one_entry(data))
    archive[at % len(archive)] = byte
    with contextlib.suppress(FormatError):
        assert data == only_entry(bytes(archive), "x")


def test_provenance_says_whose_verdict_it_was() -> None:
    kept = with_provenance(run(), "last", "unstable", "https://example.invalid/run/1")

    assert kept.provenance is not None
    assert run().fingerprint() == kept.provenance.digest


NAMES = st.from_regex(r"[ab][ab.-]{0,4}", fullmatch=True)
ENDINGS = st.sampled_from(["last-good", "last", "pinned", "0123456789ab"])


@given(st.tuples(NAMES, NAMES, ENDINGS), st.tuples(NAMES, NAMES, ENDINGS))
def test_no_two_targets_share_the_name_of_an_artifact(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """Nor do two runs of one target, under two references."""
    first, second = (f"stability-baseline-{called(*each[:2])}-{each[2]}" for each in (one, other))
    assert (first == second) == (one == other)


def test_a_target_without_hyphens_keeps_the_name_that_its_artifacts_have_had() -> None:
    assert (called("shop", "test"), called("shop-eu", "test")) == ("shop-test", "shop-eu@test")
