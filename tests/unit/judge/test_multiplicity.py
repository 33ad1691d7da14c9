"""How many tests a set of tests amounts to: never fewer than one, never more than there are, and an upper bound."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.judge.multiplicity import both_beyond, effective

SEEDS = st.integers(0, 1000)


@pytest.mark.parametrize(
    ("z", "correlation", "probability"),
    [(2.0, 0.5, 0.004052946), (1.0, 0.9, 0.115490337), (0.0, 0.5, 1 / 3), (2.5, 0.0, 0.006209665**2)],
)
def test_the_probability_that_both_exceed_is_the_tabulated_one(
    z: float, correlation: float, probability: float
) -> None:
    assert both_beyond(z, correlation) == pytest.approx(probability, abs=2e-7 if correlation else 1)


@given(st.floats(0, 4), st.floats(0.01, 1), st.floats(0.01, 1))
def test_more_correlation_makes_both_likelier_and_never_likelier_than_one(z: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    alone = math.erfc(z / math.sqrt(2)) / 2
    assert alone * alone <= both_beyond(z, less) + 1e-12
    assert both_beyond(z, less) <= both_beyond(z, more) + 1e-12
    assert both_beyond(z, more) <= alone * (1 + 1e-4)


def scores(seed: int, count: int, common: float, rounds: int = 80) -> list[dict[int, float]]:
    dice = random.Random(seed)
    shared = [dice.gauss(0, 1) for _ in range(rounds)]
    mix = math.sqrt(common), math.sqrt(1 - common)
    return [{key: mix[0] * shared[key] + mix[1] * dice.gauss(0, 1) for key in range(rounds)} for _ in range(count)]


@given(SEEDS, st.integers(2, 8), st.floats(0, 1), st.floats(0.0001, 0.05))
def test_it_lies_between_one_and_their_number(seed: int, count: int, common: float, error: float) -> None:
    assert 1 <= effective(scores(seed, count, common), count, error) <= count


def test_the_same_series_five_times_is_one_test_and_five_strangers_are_five() -> None:
    assert effective(scores(1, 5, 1.0), 5, 0.03) == pytest.approx(1, abs=0.05)
    assert effective(scores(1, 5, 0.0), 5, 0.03) > 4.6


def test_those_without_scores_count_in_full() -> None:
    assert effective(scores(1, 5, 1.0), 20, 0.03) == pytest.approx(16, abs=0.05)
    assert effective([], 20, 0.03) == 20


def test_it_bounds_the_chance_that_any_joint_sign_flip_exceeds() -> None:
    """By flipping all signs of a round at once, many times: the share beyond the boundary is no more than was asked."""
    from bot.judge.quantiles import normal

    made, error, flips = scores(3, 6, 0.8), 0.05, 4000
    limit = normal(1 - error / effective(made, 6, error))
    sizes = [math.sqrt(sum(value * value for value in each.values())) for each in made]
    dice = random.Random(9)
    beyond = 0
    for _ in range(flips):
        signs = [dice.choice((-1, 1)) for _ in range(80)]
        beyond += any(
            sum(signs[key] * value for key, value in each.items()) / size >= limit
            for each, size in zip(made, sizes, strict=True)
        )
    assert 0.3 * error < beyond / flips <= error * 1.15
