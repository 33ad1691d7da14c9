"""Server-sent events, however they are cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.probes.steps.eventstream import EventStream, ServerEvent

names = st.sampled_from(["", "token", "done"])
texts = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8)
events = st.lists(st.tuples(names, st.lists(texts, min_size=1, max_size=3), texts), max_size=5)


def written(events: list[tuple[str, list[str], str]], ending: str) -> bytes:
    lines = []
    for name, data, comment in events:
        lines += [f": {comment}", *([f"event: {name}"] if name else []), *(f"data: {each}" for each in data), ""]
    return "".join(line + ending for line in lines).encode()


@given(events, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(1, 7), min_size=1), st.booleans())
def test_events_are_the_same_however_they_are_cut(
    events: list[tuple[str, list[str], str]], ending: str, cuts: list[int], mark: bool
) -> None:
    data = (b"\xef\xbb\xbf" if mark else b"") + written(events, ending)
    stream, found, at, number = EventStream(), list[ServerEvent](), 0, 0
    while at < len(data):
        size = cuts[number % len(cuts)]
        found += stream.feed(data[at : at + size])
        at, number = at + size, number + 1
    stream.end()
    assert stream.malformed is None
    assert [(each.name, each.data) for each in found] == [
        (name or "message", "\n".join(parts)) for name, parts, _ in events
    ]


@pytest.mark.parametrize(
    ("data", "found", "malformed"),
    [
        (b"data:x\n\n", [("message", "x", "")], None),
        (b"data:  x\n\n", [("message", " x", "")], None),
        (b"id: 7\ndata: x\n\ndata: y\n\n", [("message", "x", "7"), ("message", "y", "7")], None),
        (b"retry: 10\nfoo: bar\ndata: x\n\n", [("message", "x", "")], None),
        (b"data\n\n", [("message", "", "")], None),
        (b"event: a\n\ndata: x\n\n", [("message", "x", "")], None),
        (b'{"type": "token"}\n\n', [], 'line 1 is no field of an event: {"type": "token"}'),
        (b"data: x\n\n<html>\n\n", [("message", "x", "")], "line 3 is no field of an event: <html>"),
        (b"data: \xff\n\n", [], "it is no UTF-8, after line 0"),
        (b"data: x\n", [], "it ended in the middle of an event, without the empty line that ends one"),
        (b"data: x", [], "it ended in the middle of an event, without the empty line that ends one"),
        (b"", [], None),
    ],
)
def test_what_is_no_event_stream_is_said_in_words(
    data: bytes, found: list[tuple[str, str, str]], malformed: str | None
) -> None:
    stream = EventStream()
    assert stream.feed(data) == found
    stream.end()
    assert stream.malformed == malformed
