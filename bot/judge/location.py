"""How much slower: the score of block-aligned log values, and the interval that it gives for the ratio.

One round is one pair. The values' logarithms are centred on the pooled median of the rounds around them (aligned ranks
of Hodges and Lehmann, 1962, with medians), so that a slowly moving environment drops out; a bounded score (`scores`)
then limits what one outlier can do. Centres and scale come from the pooled values alone: to swap the two members of a
pair only turns the sign of that pair's score. Under the null hypothesis every sign is therefore a fair
coin, whatever the noise looks like, and the self-normalised sum is close to a standard normal (Efron, 1969, *Student's
t-test under symmetry conditions*).
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from bot.judge.scores import MIDDLE, Score

BLOCK = 20
"""Rounds around a pair that share one centre."""
_FARTHEST = math.log(1e12)
_PRECISION = 1e-9


class Pairs:
    """The logarithms of what both sides measured, in the order of the rounds.

    Swap `before` and `after` where higher is better: the score is always that of "after is worse". Of `lost` rounds
    nobody knows what they would have shown; in `unsure` ones only the baseline failed.
    """

    def __init__(
        self,
        before: Sequence[float],
        after: Sequence[float],
        lost: int = 0,
        unsure: int = 0,
        how: Score = MIDDLE,
    ) -> None:
        self._how = how
        self._beyond = (lost, unsure, how.most)
        self._count = len(before)
        self._blocks = [(before[i:j], after[i:j]) for i, j in _blocks(self._count)]
        self._sorted = [(sorted(b), sorted(a)) for b, a in self._blocks]

    def __len__(self) -> int:
        return self._count

    def score(self, shift: float) -> float:
        """The self-normalised score of "the log ratio is more than `shift`"."""
        return normalised(self.differences(shift))

    def worst_score(self, shift: float) -> float:
        """The same, with each lost round as bad as a round can be, and each unsure one a toss of that size."""
        return normalised(self.differences(shift), *self._beyond)

    def differences(self, shift: float) -> list[float]:
        """The score of each pair, in the order of the rounds: how much worse after is, were it better by `shift`."""
        before, after = self.scores(shift)
        return list(map(operator.sub, after, before))

    def scores(self, shift: float) -> tuple[list[float], list[float]]:
        """The scores of both members of each pair."""
        befores: list[float] = []
        afters: list[float] = []
        for (before, after), (before_sorted, after_sorted) in zip(self._blocks, self._sorted, strict=True):
            values = sorted([*before_sorted, *[value - shift for value in after_sorted]])
            middle = len(values) // 2  # always an even number of values
            centre = (values[middle - 1] + values[middle]) / 2
            befores += [value - centre for value in before]
            centre += shift
            afters += [value - centre for value in after]
        scale = _scale([*map(abs, befores), *map(abs, afters)])
        if scale == 0:
            return [0.0] * self._count, [0.0] * self._count
        return self._how.of(befores, scale), self._how.of(afters, scale)

    def around(self) -> tuple[float, float]:
        """Two shifts with the estimate between them."""
        low = high = median([a - b for before, after in self._blocks for b, a in zip(before, after, strict=True)])
        step = 0.01
        while self.score(low) < 0 and low > -_FARTHEST:
            low, step = low - step, 2 * step
        while self.score(high) > 0 and high < _FARTHEST:
            high, step = high + step, 2 * step
        return low, high


def normalised(differences: Sequence[float], lost: int = 0, unsure: int = 0, most: float = 0.0) -> float:
    """The sum over its own size, as the normal deviate that is as rare as it is when every sign is a fair coin.

    A sum of coins has lighter tails than the normal: its fourth cumulant is -2 Σd⁴/(Σd²)². The correction is the first
    term of Cornish and Fisher's expansion (1938); without it few pairs would have to show more than the error asks for.
    """
    squares = [each * each for each in differences]
    extra = lost + unsure
    size = math.fsum(squares) + extra * most**2
    if size <= 0:
        return 0.0
    z = (math.fsum(differences) + lost * most) / math.sqrt(size)
    weight = (math.fsum(each * each for each in squares) + extra * most**4) / (size * size)
    return z + weight / 12 * (z * z * z - 3 * z)


def _scale(distances: list[float]) -> float:
    """1.4826 times the median of the distances; their mean where more than half of them are nothing."""
    distances.sort()
    middle = len(distances) // 2
    spread = 1.4826 * (distances[middle - 1] + distances[middle]) / 2
    return spread if spread > 0 else 1.2533 * math.fsum(distances) / len(distances)


class Measure(Protocol):
    """What an interval is found for: scores that fall as the shift grows."""

    def __len__(self) -> int:
        """How many rounds it rests on."""
        ...

    def score(self, shift: float) -> float:
        """How much there is to say that the log ratio is more than `shift`, in standard deviations."""
        ...

    def worst_score(self, shift: float) -> float:
        """The same, with what is lost held against the candidate."""
        ...

    def around(self) -> tuple[float, float]:
        """Two shifts with the estimate between them."""
        ...


class Interval(NamedTuple):
    """A logarithm of a ratio after/before, and its bounds."""

    middle: float
    low: float
    high: float


def interval(pairs: Measure, z_bad: float, z_good: float, bad: float, good: float) -> Interval:
    """The log ratio at which the score is nothing, and those at which it reaches the two boundaries.

    `bad` and `good` are the values that were tested: each bound is sought on the side of them on which the test put
    it, so that the interval never says another thing than the test. A bound is infinite where there is none: so many
    rounds were lost that no ratio is too large.
    """
    middle = _solve(pairs.score, 0.0, *pairs.around())
    if pairs.score(bad) >= z_bad:
        low = _solve(pairs.score, z_bad, bad, max(bad, middle))
    else:
        low = _search(pairs.score, z_bad, min(bad, middle), -1)
    if pairs.worst_score(good) <= -z_good:
        high = _solve(pairs.worst_score, -z_good, min(good, middle), good)
    else:
        high = _search(pairs.worst_score, -z_good, max(good, middle), 1)
    return Interval(middle, min(low, middle), max(high, middle))


def _search(score: Callable[[float], float], wanted: float, start: float, direction: int) -> float:
    """The nearest crossing of `wanted` on one side of `start`, in growing steps."""
    near, step = start, 0.01
    while abs(near) < _FARTHEST:
        far = near + direction * step
        if direction * (score(far) - wanted) <= 0:
            return _solve(score, wanted, min(near, far), max(near, far))
        near, step = far, 1.5 * step
    return direction * math.inf


def _solve(score: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """The shift between `low` and `high` at which the score falls through `wanted`: regula falsi, Illinois' variant.

    Where it does not fall through it there, the end on whose far side it must lie.
    """
    at_low, at_high = score(low) - wanted, score(high) - wanted
    side = 0
    for _ in range(60):
        if high - low <= _PRECISION or at_low <= 0 or at_high >= 0:
            break
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        at = score(middle) - wanted
        if at > 0:
            low, at_low = middle, at
            at_high = at_high / 2 if side > 0 else at_high
            side = 1
        else:
            high, at_high = middle, at
            at_low = at_low / 2 if side < 0 else at_low
            side = -1
    if at_low <= 0:
        return low
    return high if at_high >= 0 else (low + high) / 2


def median(values: Sequence[float]) -> float:
    """The median; there is at least one value."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _blocks(count: int) -> list[tuple[int, int]]:
    """Blocks of `BLOCK` rounds; what is left over joins the last one."""
    whole = max(1, count // BLOCK)
    return [(index * BLOCK, (index + 1) * BLOCK if index < whole - 1 else count) for index in range(whole)]
