"""Whose turn the next connection is: each revision gets its share, evenly spread, whatever it is."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deploy.front import Backends


def turns(text: str, count: int, backends: Backends | None = None) -> list[int]:
    """The ports whose turn it is, one after the other, all of this machine."""
    backends = backends or Backends(Path("unused"))
    found = [backends.turn(text) for _ in range(count)]
    assert {host for host, _ in found} == {"127.0.0.1"}
    return [port for _, port in found]


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
    assert turns("9001 50\n9002 50", 2, backends) == [9001, 9002]
    assert {*turns("9003", 5, backends)} == {9003}
    assert {*turns("9002 100", 5, backends)} == {9002}


def test_an_address_may_name_its_host() -> None:
    backends = Backends(Path("unused"))
    assert [backends.turn("10.0.0.2:80 50\nshop-2:81 50") for _ in range(2)] == [("10.0.0.2", 80), ("shop-2", 81)]


@pytest.mark.parametrize("text", ["", "words", "9001 many", "9001\n\n9002"])
def test_what_names_no_port_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Backends(Path("unused")).turn(text)
