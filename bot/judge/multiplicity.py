"""How many independent tests a set of tests amounts to, so that one error budget is shared out no finer than it must be.

Series that are measured in the same rounds move together: a journey's duration and the times of its steps are nearly one
number. Where every round's labels are swapped at once for all series (a joint sign flip), the scores' joint null
distribution has just the covariances that the signed scores have, whatever the noise is. From these the chance that any
of the tests errs is bounded by Hunter's and Worsley's inequality (1976, 1982):

    P(any) <= sum of P(i) - sum over the edges of a spanning tree of P(i and j),

where the tree of the largest correlations gives the smallest bound. For tests that are independent it is Bonferroni's.
"""

import math
from collections.abc import Hashable, Mapping, Sequence

from bot.judge.quantiles import normal

_STEPS = 32
_LEAST = 0.3
"""Correlations below this change next to nothing, and are taken as none."""

Scores = Mapping[Hashable, float]
"""The signed score of each round."""


def effective(scores: Sequence[Scores], count: int, error: float) -> float:
    """The number of independent tests that `count` tests with a joint error of `error` amount to; at least one.

    `scores` are the rounds of those that have any; the others count in full.
    """
    if len(scores) < 2 or count < 2:
        return max(1.0, float(count))
    z = normal(1 - error / count)
    tail = math.erfc(z / math.sqrt(2)) / 2
    shared = math.fsum(both_beyond(z, each) / tail for each in _tree(_correlations(scores)))
    return max(1.0, count - shared)


def both_beyond(z: float, correlation: float) -> float:
    """The probability that two standard normal deviates with this correlation both exceed `z`.

    The derivative by the correlation is the joint density (Plackett, 1954); integrated by Simpson's rule, over the
    arcsine of the correlation so that nothing is infinite at one.
    """
    if correlation <= 0:
        return 0.0
    end = math.asin(min(1.0, correlation))
    width = end / _STEPS
    weighted = math.fsum(
        (1 if step in (0, _STEPS) else 4 if step % 2 else 2) * math.exp(-z * z / (1 + math.sin(step * width)))
        for step in range(_STEPS + 1)
    )
    alone = math.erfc(z / math.sqrt(2)) / 2
    return weighted * width / 3 / (2 * math.pi) + alone * alone


def _correlations(scores: Sequence[Scores]) -> list[tuple[float, int, int]]:
    sizes = [math.fsum(value * value for value in each.values()) for each in scores]
    found: list[tuple[float, int, int]] = []
    for i, one in enumerate(scores):
        for j in range(i + 1, len(scores)):
            other = scores[j]
            size = math.sqrt(sizes[i] * sizes[j])
            if size > 0:
                together = math.fsum(value * other[key] for key, value in one.items() if key in other)
                found.append((together / size, i, j))
    return found


def _tree(edges: list[tuple[float, int, int]]) -> list[float]:
    """The correlations of the spanning tree that has the largest (Kruskal, 1956), as far as they are large."""
    root: dict[int, int] = {}

    def find(node: int) -> int:
        while node in root:
            node = root[node]
        return node

    chosen: list[float] = []
    for correlation, i, j in sorted(edges, reverse=True):
        if correlation < _LEAST:
            break
        a, b = find(i), find(j)
        if a != b:
            root[a] = b
            chosen.append(correlation)
    return chosen
