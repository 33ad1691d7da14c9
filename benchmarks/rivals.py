"""The rules that others decide by, each "is the candidate slower?" on two lists of latencies measured side by side."""

import bisect
import itertools
import math
import random
from collections.abc import Callable, Sequence
from statistics import NormalDist, fmean, median

Rule = Callable[[Sequence[float], Sequence[float], int], bool]
"""(before, after, how many metrics the suite has): has this metric regressed?"""

_NORMAL = NormalDist()


def ratio_of_means(limit: float) -> Rule:
    """One number on each side, and a fixed ratio between them."""
    return lambda before, after, _suite: fmean(after) > limit * fmean(before)


def mann_whitney(before: Sequence[float], after: Sequence[float], _suite: int) -> bool:
    """Mann and Whitney's two-sided test at p < 0.05, and the candidate on the slower side."""
    return _rank_sum_z(before, after) > _NORMAL.inv_cdf(0.975)


def wilcoxon(before: Sequence[float], after: Sequence[float], suite: int) -> bool:
    """Wilcoxon's signed ranks on log ratios less a margin of 2 %, one-sided, 5 % shared out by Bonferroni."""
    differences = [math.log(a / b) - math.log(1.02) for b, a in zip(before, after, strict=True)]
    ranked = sorted(differences, key=abs)
    total = sum((rank if each > 0 else -rank) for rank, each in enumerate(ranked, 1))
    n = len(ranked)
    return total / math.sqrt(n * (n + 1) * (2 * n + 1) / 6) > _NORMAL.inv_cdf(1 - 0.05 / suite)


def kayenta(before: Sequence[float], after: Sequence[float], _suite: int) -> bool:
    """Kayenta's NetflixACAJudge: the shift's 98 % interval lies above a quarter of the shift.

    The shift is Hodges and Lehmann's, the median of all differences, and its interval that of Mann and Whitney.
    """
    n, m = len(before), len(after)
    z = _NORMAL.inv_cdf(0.99)
    below = n * m / 2 - z * math.sqrt(n * m * (n + m + 1) / 12)
    low, middle = _difference_at(before, after, below), _difference_at(before, after, n * m / 2)
    return low > 0.25 * abs(middle) and fmean(after) >= fmean(before)


def bootstrap(before: Sequence[float], after: Sequence[float], _suite: int) -> bool:
    """The bootstrap's 95 % interval of the ratio of medians lies above 1.02.

    Resampled medians are drawn from their exact distribution, which is that of an order statistic.
    """
    dice = random.Random(7)
    draws = 400
    ordered_before, ordered_after = sorted(before), sorted(after)
    ratios = sorted(_resampled(ordered_after, dice) / _resampled(ordered_before, dice) for _ in range(draws))
    return ratios[int(0.025 * draws)] > 1.02


RULES: dict[str, Rule] = {
    "Kayenta's rule": kayenta,
    "Mann-Whitney, p < 0.05": mann_whitney,
    "ratio of means over 110 %": ratio_of_means(1.10),
    "ratio of means over 200 %": ratio_of_means(2.00),
    "bootstrap interval of the median over 2 %": bootstrap,
    "Wilcoxon, Bonferroni, margin 2 %": wilcoxon,
}


def _rank_sum_z(before: Sequence[float], after: Sequence[float]) -> float:
    ordered = sorted(before)
    n, m = len(before), len(after)
    wins = sum(bisect.bisect_left(ordered, each) for each in after)
    return (wins - n * m / 2 - 0.5) / math.sqrt(n * m * (n + m + 1) / 12)


def _difference_at(before: Sequence[float], after: Sequence[float], rank: float) -> float:
    """The difference after - before below which so many of all differences lie, by bisection."""
    ordered = sorted(before)
    low, high = min(after) - max(before), max(after) - min(before)
    for _ in range(30):
        middle = (low + high) / 2
        at_most = sum(len(ordered) - bisect.bisect_left(ordered, each - middle) for each in after)
        low, high = (middle, high) if at_most < rank else (low, middle)
    return (low + high) / 2


def _resampled(ordered: list[float], dice: random.Random) -> float:
    """The median of as many draws with replacement: the smallest value that half of the draws do not exceed."""
    n = len(ordered)
    place = dice.betavariate((n + 1) / 2, (n + 1) / 2)  # the middle order statistic of n uniform numbers
    return ordered[min(n - 1, int(place * n))]


def check() -> None:
    """Two identical sides are no regression to any rule but by chance; twice as slow is one to nearly all."""
    dice = random.Random(1)
    before = [math.exp(dice.gauss(0, 0.2)) for _ in range(200)]
    assert all(rule(before, [3 * each for each in before], 20) for rule in RULES.values())
    assert not any(rule(before, list(itertools.chain(before)), 20) for rule in RULES.values())
    assert abs(median(_resampled(sorted(before), dice) for _ in range(500)) / median(before) - 1) < 0.05
