"""Whose turn the next connection is: each revision gets its share, evenly spread, whatever it is."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deploy.front import Backends


def turns(text: str, count: int) -> list[int]:
    backends = Backends(Path("unused"))
    return [backends.turn(text)[1] for _ in range(count)]


@given(st.integers(1, 99), st.integers(1, 5))
def test_of_any_hundred_connections_each_gets_just_its_share(percent: int, hundreds: int) -> None:
    found = Counter(turns(f"9001 {percent}\n9002 {100 - percent}", 100 * hundreds))

    assert found == {9001: percent * hundreds, 9002: (100 - percent) * hundreds}


@given(st.integers(1, 99), st.integers(1, 100))
def test_shares_are_spread_evenly(percent: int, count: int) -> None:
    found = turns(f"9001 {percent}\n9002 {100 - percent}", count).count(9001)

    assert abs(found - count * percent / 100) <= 1


def test_a_port_alone_has_everything_and_one_that_is_gone_is_forgotten() -> None:
    backends = Backends(Path("unused"))
    assert [backends.turn("9001 50\n9002 50") for _ in range(2)] == [("127.0.0.1", 9001), ("127.0.0.1", 9002)]
    assert {backends.turn("9003") for _ in range(5)} == {("127.0.0.1", 9003)}
    assert {backends.turn("9002 100") for _ in range(5)} == {("127.0.0.1", 9002)}
    assert backends.turn("172.17.0.3:8080 100") == ("172.17.0.3", 8080)


@pytest.mark.parametrize("text", ["", "words", "9001 many", "9001\n\n9002"])
def test_what_names_no_port_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Backends(Path("unused")).turn(text)
