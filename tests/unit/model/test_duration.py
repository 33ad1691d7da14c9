"""Durations of the spec."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10), ("5m", 300), ("1h30m", 5400), ("1.5 s", 1.5), (2, 2.0), (0.5, 0.5), (" 3s ", 3)],
)
def test_what_a_spec_writes_is_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "0s", 0, True, None, math.nan, math.inf, "1d", "1s foo", [1], "١s"]
)
def test_anything_else_is_refused_with_the_way_to_write_it(text: object) -> None:
    with pytest.raises(ValueError, match="write it as 250ms, 10s, 5m"):
        parse_duration(text)


@given(st.integers(1, 10**6))
def test_what_is_shown_reads_back(milliseconds: int) -> None:
    shown = format_duration(milliseconds / 1000).replace("min", "m").replace(" ", "")
    if "e" not in shown:
        assert parse_duration(shown) == pytest.approx(milliseconds / 1000, rel=1e-5)
