"""Whose turn it is can be read where we wrote it, and nothing else that stands there is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.github.turn import NEVER, Turn, turn_of

NOW = "2026-11-26T05:00:00Z"


def test_a_turn_is_read_as_it_was_written() -> None:
    turn = Turn("2026-11-26T04:59:59Z", 1200300)
    assert turn_of(f"<!-- key -->\n{turn.line}\n## text", NOW) == turn


def test_runs_of_one_second_have_the_order_of_their_statuses() -> None:
    assert Turn(NOW, 9) < Turn(NOW, 10) < Turn("2026-11-26T05:00:01Z", 1)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "## text",
        Turn("2026-11-26T05:10:01Z", 1).line,
        Turn("9999-12-31T23:59:59Z", 1).line,
        "<!-- stability-proof:run began=2026-99-99T99:99:99Z id=1 -->",
        "<!-- stability-proof:run began=2026-11-26T04:59:59Z id= -->",
    ],
)
def test_a_line_that_says_no_turn_or_one_to_come_keeps_nobody_from_writing(line: str) -> None:
    assert turn_of(f"<!-- key -->\n{line}\n", NOW) == NEVER


def test_a_turn_further_down_is_none() -> None:
    assert turn_of(f"key\n\n{Turn(NOW, 1).line}", NOW) == NEVER


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    turn_of(text, NOW)
    turn_of(f"key\n<!-- stability-proof:run {text} -->", NOW)
