"""Failures that one side had and the other had not: exact tests and bounds."""

import math
from functools import lru_cache

from bot.judge.quantiles import beta


@lru_cache(maxsize=1024)
def paired_p(worse: int, better: int) -> float:
    """One-sided exact p of "after fails more often": McNemar's test (1947) on the rounds in which the sides differ.

    `worse` rounds failed after and not before, `better` the other way round; under the null each is a fair coin.

    >>> paired_p(5, 0), paired_p(0, 0)
    (0.03125, 1.0)
    """
    rounds = worse + better
    return sum(math.comb(rounds, k) for k in range(worse, rounds + 1)) / (1 << rounds)


BETS = ((0.3, 0.75), (0.7, 0.95))
"""Weights, and the shares of one-sided rounds that the candidate would fail, on which it is bet."""


def log_odds(worse: int, better: int) -> float:
    """The natural logarithm of the odds that after fails more often, which may be looked at after every round.

    Under the null each round in which the sides differ is a fair coin. The likelihood ratio of a mixture of unfair coins
    to it is an e-value at any time (Ville, 1939; Wald's sequential test, 1945, with a mixture for its alternative).

    >>> log_odds(0, 0), round(log_odds(9, 0), 2), log_odds(0, 9) < 0
    (0.0, 5.47, True)
    """
    logs = [math.log(w) + worse * math.log(2 * p) + better * math.log(2 * (1 - p)) for w, p in BETS]
    top = max(logs)
    return round(top + math.log(math.fsum(math.exp(each - top) for each in logs)), 9) + 0.0


def unpaired_p(failed_before: int, before: int, failed_after: int, after: int) -> float:
    """One-sided exact p of "after fails more often": Fisher's test (1935).

    >>> unpaired_p(0, 3, 3, 3)
    0.05
    """
    failed = failed_before + failed_after
    tail = sum(math.comb(after, k) * math.comb(before, failed - k) for k in range(failed_after, min(failed, after) + 1))
    return tail / math.comb(before + after, failed)


@lru_cache(maxsize=4096)
def at_most(failed: int, tried: int, error: float) -> float:
    """The upper bound of a share, wrong with probability `error`: Clopper and Pearson (1934).

    >>> round(at_most(0, 300, 0.05), 4)
    0.0099
    """
    if failed >= tried:
        return 1.0
    low, high = failed / tried, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(failed, tried, middle) > error else (low, middle)
    return high


def at_least(failed: int, tried: int, error: float) -> float:
    """The lower bound of a share, wrong with probability `error`."""
    return 1.0 - at_most(tried - failed, tried, error)


def grown(less: int, more: int, rounds: int, error: float) -> float:
    """The most that a share has grown by, if in `more` of the rounds only after had it and in `less` only before.

    It is wrong with probability `error`, of which each of the two shares' bounds takes a half.
    """
    return at_most(more, rounds, error / 2) - at_least(less, rounds, error / 2)


def rounds_until(most: float, grown: float, budget: float, rounds: int, at_most: int) -> int:
    """About how many rounds it takes until a bound of `most` on a growth of `grown` comes down to `budget`.

    The distance between the two shrinks as the root of the number of rounds grows.
    """
    gap = budget - grown
    if gap <= 0:
        return at_most
    return min(at_most, max(rounds + 1, math.ceil(rounds * ((most - grown) / gap) ** 2)))


def _below(failed: int, tried: int, share: float) -> float:
    """The probability of at most `failed` failures in `tried` tries: Abramowitz and Stegun (1964), 26.5.24."""
    return beta(tried - failed, failed + 1, 1 - share)
