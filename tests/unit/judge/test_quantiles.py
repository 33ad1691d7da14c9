"""Quantiles that decide: held against printed tables, and against what they are the inverse of."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge.quantiles import beta, normal, student

# Abramowitz and Stegun (1964), table 26.10, and the exact forms for one and two degrees of freedom
TABLE = [
    (0.975, 1, 12.7062047362),
    (0.95, 2, 2.9199855804),
    (0.95, 4, 2.1318467863),
    (0.975, 4, 2.7764451052),
    (0.999, 3, 10.2145318524),
    (0.6, 5, 0.2671808657),
    (0.975, 10, 2.2281388520),
    (0.995, 10, 3.1692726726),
    (0.9995, 30, 3.6459586350),
    (0.95, 80, 1.6641245786),
]


@pytest.mark.parametrize(("share", "freedom", "t"), TABLE)
def test_students_quantiles_are_those_of_the_tables(share: float, freedom: int, t: float) -> None:
    assert student(share, freedom) == pytest.approx(t, abs=1e-6)
    assert student(1 - share, freedom) == pytest.approx(-t, abs=1e-6)


@pytest.mark.parametrize(
    ("share", "z"), [(0.5, 0.0), (0.975, 1.9599639845), (0.9995, 3.2905267315), (0.8, 0.8416212336)]
)
def test_normal_quantiles_are_those_of_the_tables(share: float, z: float) -> None:
    assert normal(share) == pytest.approx(z, abs=1e-6)
    assert student(share, 1e9) == pytest.approx(z, abs=1e-6)
    assert normal(1 - share) == pytest.approx(-z, abs=1e-6)


@given(st.floats(0.5001, 0.999999))
def test_with_one_and_two_degrees_of_freedom_there_are_closed_forms(share: float) -> None:
    assert student(share, 1) == pytest.approx(math.tan(math.pi * (share - 0.5)), rel=1e-6)
    p = 2 * share - 1
    assert student(share, 2) == pytest.approx(p * math.sqrt(2 / (1 - p * p)), rel=1e-6)


@given(st.floats(0.501, 0.99999), st.integers(1, 400), st.integers(1, 400))
def test_fewer_degrees_of_freedom_are_never_less_careful(share: float, one: int, other: int) -> None:
    few, many = sorted((one, other))
    assert student(share, few) >= student(share, many) - 1e-9
    assert student(share, many) >= normal(share) - 1e-9


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 0.5), (7.3, 7.3), (199.9, 0.1), (0.1, 3.7), (12.0, 90.5)])
def test_the_incomplete_beta_function_is_had_where_its_two_forms_meet(a: float, b: float) -> None:
    place = (a + 1) / (a + b + 2)
    for x in (math.nextafter(place, 0), place, math.nextafter(place, 1)):
        assert beta(a, b, x) + beta(b, a, 1 - x) == pytest.approx(1, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.1, 200), st.floats(0.1, 200), st.floats(0.001, 0.999))
def test_the_incomplete_beta_function_is_a_share_and_symmetric(a: float, b: float, x: float) -> None:
    assert -1e-12 <= beta(a, b, x) <= 1 + 1e-12
    assert beta(a, b, x) + beta(b, a, 1 - x) == pytest.approx(1, abs=1e-9)
