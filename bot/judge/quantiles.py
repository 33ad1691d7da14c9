"""Quantiles of the normal and of Student's distribution, without a library that takes a second to load."""

import math
from collections.abc import Callable
from functools import lru_cache

_TERMS = 500
_TINY = 1e-300
_NORMAL = 1e7
"""Degrees of freedom beyond which the two distributions are one."""


@lru_cache(maxsize=256)
def normal(share: float) -> float:
    """The z below which this share of the standard normal lies.

    >>> round(normal(0.975), 6)
    1.959964
    """
    if share < 0.5:
        return -normal(1 - share)
    return _above(lambda z: math.erfc(z / math.sqrt(2)) / 2, 1 - share)


@lru_cache(maxsize=256)
def student(share: float, freedom: float) -> float:
    """The t below which this share of Student's distribution (1908) with so many degrees of freedom lies.

    >>> round(student(0.975, 4), 6)
    2.776445
    """
    if freedom > _NORMAL:
        return normal(share)
    if share < 0.5:
        return -student(1 - share, freedom)
    # the two tails beyond t are the incomplete beta function: Abramowitz and Stegun (1964), 26.7.1
    return _above(lambda t: beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2, 1 - share)


def beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction.

    Abramowitz and Stegun (1964), 26.5.8; evaluated by the method of Lentz (1976), Appl. Opt. 15, 668.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    # the fraction converges fast only below the mean
    return 1 - _fraction(b, a, 1 - x) if x > (a + 1) / (a + b + 2) else _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    fraction, c, d = 1.0, 1.0, 0.0
    for term in range(_TERMS):
        m = term // 2
        if term == 0:
            weight = 1.0
        elif term % 2:
            weight = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            weight = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + weight * d or _TINY)
        c = 1 + weight / c or _TINY
        fraction *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return math.exp(logs) * (fraction - 1) / a


def _above(tail: Callable[[float], float], share: float) -> float:
    """Where a falling tail has come down to a share of at most a half."""
    high = 1.0
    while tail(high) > share:
        high *= 2
    low = 0.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > share else (low, middle)
    return (low + high) / 2
