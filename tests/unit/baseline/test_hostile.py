"""What strangers make is refused: any zip, any JSON; never a crash, and never trust."""

import contextlib
import gzip
import io
import json
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.baseline import packed
from bot.baseline.artifact import ArtifactStore
from bot.baseline.packed import one_entry, only_entry, pressed, unpressed
from bot.baseline.store import MAX_BYTES, read_run, with_provenance
from bot.model.errors import FormatError
from tests.unit.baseline.shelves import Shelf
from tests.unit.samples import run

GOOD = with_provenance(run(), "last-good", "stable").to_json()
NAMES = st.sampled_from(
    ["run.json", "/run.json", "../run.json", "RUN.JSON", "run.json/", "a/run.json", "run.json\0x", "C:\\x"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, **fields: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in entries:
            entry = zipfile.ZipInfo(name)
            for key, value in fields.items():
                setattr(entry, key, value)
            archive.writestr(entry, data, method)
    return buffer.getvalue()


def changed(data: bytes, place: int, value: int, width: str = "<I", signature: bytes = b"PK\x01\x02") -> bytes:
    """A zip whose directory (or, by its signature, local header) says another number at a place."""
    at = data.index(signature) + place
    return data[:at] + struct.pack(width, value) + data[at + struct.calcsize(width) :]


HONEST = zipped(("run.json", GOOD))
BOMB = zipped(("run.json", b"0" * (MAX_BYTES + 1)))
HOSTILE = {
    "no zip": b"not a zip",
    "nothing": b"",
    "empty": zipped(),
    "an absolute path": zipped(("/run.json", GOOD)),
    "a path outside": zipped(("../run.json", GOOD)),
    "another name": zipped(("other.json", GOOD)),
    "a folder": zipped(("run.json/", b"")),
    "two entries": zipped(("run.json", GOOD), ("x", b"")),
    "twice the same": zipped(("run.json", b"{}"), ("run.json", GOOD)),
    "a link": zipped(("run.json", b"/etc/passwd"), external_attr=0xA1FF << 16, create_system=3),
    "a bomb": BOMB,
    "a bomb that says it is small": changed(BOMB, 24, 100),
    "one that says it is huge": changed(HONEST, 24, 0xFFFFFFF0),
    "a wrong sum": changed(HONEST, 16, 1),
    "an encrypted one": changed(HONEST, 8, 1, "<H"),
    "bzip2": zipped(("run.json", GOOD), method=zipfile.ZIP_BZIP2),
    "lzma": zipped(("run.json", GOOD), method=zipfile.ZIP_LZMA),
    "an unknown method": changed(HONEST, 10, 97, "<H"),
    "something before it": b"#!/bin/sh\n" + HONEST,
    "a truncated one": HONEST[:-30],
    "a truncated entry": HONEST[: len(HONEST) // 2],
    "another name inside": HONEST.replace(b"run.json", b"bad.json", 1),
    "a place far away": changed(HONEST, 42, 0x7FFFFFFF),
    "a comment": HONEST[:-2] + struct.pack("<H", 5) + b"hello",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_zip_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"^x: "):
        only_entry(data, "x")


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_artifact_is_no_baseline_and_hides_no_good_one(data: bytes) -> None:
    shelf = Shelf(now="2026-01-03T00:00:00Z")
    store = ArtifactStore(shelf, "chat", "staging")
    shelf.upload("stability-baseline-chat-staging-last-good", data)
    found, remarks = store.load()
    assert found is None
    assert "refused" in remarks[0]
    store.save(run(), "stable", Path())
    shelf.upload("stability-baseline-chat-staging-last-good", data)
    found, _ = store.load()
    assert found is not None


def test_a_data_descriptor_after_the_entry_is_honest_and_a_lying_one_changes_nothing() -> None:
    class Stream(io.RawIOBase):
        """A file that cannot be sought: the sizes come after the content."""

        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += data
            return len(data)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        archive.writestr("run.json", GOOD)
    data = bytes(stream.data)
    assert b"PK\x07\x08" in data
    assert only_entry(data, "x") == GOOD
    assert only_entry(changed(data, 8, 0, signature=b"PK\x07\x08"), "x") == GOOD


@given(st.lists(st.tuples(NAMES, st.binary(max_size=50)), max_size=3), st.integers(0, 0xFFFFFFFF))
def test_any_zip_is_the_one_honest_entry_or_refused(entries: list[tuple[str, bytes]], attributes: int) -> None:
    try:
        found = only_entry(zipped(*entries, external_attr=attributes), "x")
    except FormatError:
        return
    assert entries == [("run.json", found)] or [each[0].split("\0")[0] for each in entries] == ["run.json"]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(HONEST) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_zip_gives_the_same_bytes_or_is_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(HONEST)
    for at, byte in changes:
        data[at] = byte
    with contextlib.suppress(FormatError):
        assert only_entry(bytes(data), "x") == GOOD


@given(st.integers(0, len(HONEST)))
def test_a_zip_that_is_cut_anywhere_is_refused(at: int) -> None:
    if at < len(HONEST):
        with pytest.raises(FormatError):
            only_entry(HONEST[:at], "x")


@given(JSON)
def test_any_json_is_no_run(data: Any) -> None:
    raw = json.dumps(data).encode()  # with the NaN and Infinity that Python writes
    with pytest.raises(FormatError):
        read_run(raw, "x", "last-good")


@settings(max_examples=300)
@given(st.sampled_from(list(json.loads(GOOD))), JSON)
def test_a_run_with_any_field_changed_is_refused_or_was_not_changed(field: str, value: Any) -> None:
    data = json.loads(GOOD) | {field: value}
    try:
        found = read_run(json.dumps(data).encode(), "x", "last-good")
    except FormatError:
        return
    assert found.provenance is not None
    assert found.model_copy(update={"provenance": None}) == run() or found.provenance.digest == found.fingerprint()


@pytest.mark.parametrize(
    "value",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"9" * 5_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"\\ud800"',
        b"\xff",
    ],
    ids=[
        "NaN",
        "infinity",
        "minus infinity",
        "1e999",
        "many digits",
        "deep lists",
        "deep objects",
        "surrogate",
        "no UTF-8",
    ],
)
@pytest.mark.parametrize("field", [b'"provenance":', b'"observations":', b'"identity":', b'"history":'])
def test_a_run_with_what_is_no_json_of_ours_is_refused(value: bytes, field: bytes) -> None:
    start = b"{" + field + value
    for raw in (
        start + b"}",
        start + b"," + GOOD[1:],
        GOOD.replace(b'"identity":{}', b'"identity":{"x":' + value + b"}"),
    ):
        if raw != GOOD:
            with pytest.raises(FormatError):
                read_run(raw, "x", "last-good")


def test_a_giant_string_is_bounded_by_the_size_of_the_whole() -> None:
    with pytest.raises(FormatError, match="at most"):
        read_run(b'"' + b"x" * MAX_BYTES + b'"', "x", "last-good")


def test_a_refusal_is_short_whatever_was_refused() -> None:
    data = json.loads(GOOD)
    data["provenance"]["digest"] = "x" * 100_000
    with pytest.raises(FormatError) as caught:
        read_run(json.dumps(data).encode(), "x", "last-good")
    assert len(str(caught.value)) < 500


@given(st.binary(max_size=200))
def test_any_bytes_are_unpressed_or_refused(data: bytes) -> None:
    assert unpressed(pressed(data), "x") == data
    with pytest.raises(FormatError):
        unpressed(data, "x")
    with pytest.raises(FormatError):
        unpressed(pressed(data) + b"more", "x")
    with pytest.raises(FormatError):
        unpressed(pressed(data)[:-1], "x")


def test_a_compressed_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_BYTES", 10_000)
    with pytest.raises(FormatError, match="unpacks to more"):
        unpressed(gzip.compress(b"0" * 1_000_000), "x")


def test_what_we_pack_is_what_we_read() -> None:
    assert only_entry(one_entry(GOOD), "x") == GOOD
