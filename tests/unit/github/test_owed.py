"""What is owed is read as it was written, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.github.gate import STATES
from bot.github.owed import Owed, Thing

THINGS: tuple[Thing, ...] = ("status", "check", "record")


@given(
    things=st.sets(st.sampled_from(THINGS), min_size=1),
    verdict=st.sampled_from(sorted(STATES)),
    text=st.text(),
    maybe=st.none() | st.text(),
)
def test_it_is_read_as_it_was_written(things: set[Thing], verdict: str, text: str, maybe: str | None) -> None:
    owed = Owed(tuple(each for each in THINGS if each in things), verdict, text, text, maybe, maybe)
    assert "\n" not in owed.to_text()
    assert Owed.from_text(owed.to_text()) == owed


def test_nothing_owed_is_no_text() -> None:
    assert Owed((), "stable", "", "").to_text() == ""


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", '{"things": [], "verdict": "x", "status": "", "title": ""}', '{"things": ["status"]}']
)
def test_what_it_never_writes_is_nothing(text: str) -> None:
    assert Owed.from_text(text) is None
