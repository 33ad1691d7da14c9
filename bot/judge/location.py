"""How much slower: the score of block-aligned log values, and the interval that it gives for the ratio.

One round is one pair. The values' logarithms are centred on the pooled median of the rounds around them (aligned ranks
of Hodges and Lehmann, 1962, with medians), so that a slowly moving environment drops out; Tukey's biweight (Beaton and
Tukey, 1974) then bounds what one outlier can do. Swapping the two members of a pair only turns the sign of its score:
under the null hypothesis every sign is a fair coin, whatever the noise looks like, and the self-normalised sum is close
to a standard normal (Efron, 1969, *Student's t-test under symmetry conditions*).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

BLOCK = 20
"""Rounds around a pair that share one centre."""
BIWEIGHT = 4.7
"""Tukey's constant, in robust standard deviations: 95 % as efficient as the mean where the noise is normal."""
PLAIN = 3.0
"""Robust standard deviations of one value beyond which a shift needs no test: before the biweight's peak at 4.2."""
_FARTHEST = math.log(1000)


class Pairs:
    """The logarithms of what both sides measured, in the order of the rounds."""

    def __init__(self, before: Sequence[float], after: Sequence[float]) -> None:
        self.before = [math.log(value) for value in before]
        self.after = [math.log(value) for value in after]
        self._blocks = _blocks(len(self.before))
        self._scale = self._spread()

    def __len__(self) -> int:
        return len(self.before)

    def score(self, shift: float) -> float:
        """The self-normalised score of "after is slower than before by more than `shift` on the log scale".

        Far from the data the biweight lets go of both sides, and would say nothing: there the answer is plain.
        """
        if abs(shift - self._middle) > PLAIN * self._scale:
            return math.inf if shift < self._middle else -math.inf
        differences = self._differences(shift)
        size = math.sqrt(math.fsum(each * each for each in differences))
        total = math.fsum(differences)
        if size == 0:
            return math.inf if shift < 0 else -math.inf if shift > 0 else 0.0
        return total / size

    def solve(self, wanted: float) -> float:
        """The shift at which the score is `wanted`: the score falls as the shift grows."""
        low, high = -_FARTHEST, _FARTHEST
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.score(middle) > wanted else (low, middle)
        return (low + high) / 2

    def _differences(self, shift: float) -> list[float]:
        found: list[float] = []
        for start, end in self._blocks:
            before = self.before[start:end]
            after = [value - shift for value in self.after[start:end]]
            centre = _median([*before, *after])
            found += [self._psi(a - centre) - self._psi(b - centre) for b, a in zip(before, after, strict=True)]
        return found

    def _psi(self, distance: float) -> float:
        u = distance / (BIWEIGHT * self._scale)
        rest = 1 - u * u
        return u * rest * rest if rest > 0 else 0.0

    def _spread(self) -> float:
        """1.4826 times the median absolute deviation from the blocks' centres, the median shift taken out first."""
        shift = _median([a - b for b, a in zip(self.before, self.after, strict=True)])
        self._middle = shift
        distances: list[float] = []
        for start, end in self._blocks:
            values = [*self.before[start:end], *(value - shift for value in self.after[start:end])]
            centre = _median(values)
            distances += [abs(value - centre) for value in values]
        return max(1.4826 * _median(distances), 1e-6)


class Interval(NamedTuple):
    """A ratio after/before, and its bounds."""

    ratio: float
    low: float
    high: float


def interval(pairs: Pairs, z_low: float, z_high: float) -> Interval:
    """The ratio at which the score is nothing, and those at which it reaches the two boundaries."""
    return Interval(math.exp(pairs.solve(0.0)), math.exp(pairs.solve(z_low)), math.exp(pairs.solve(-z_high)))


def median(values: Sequence[float]) -> float:
    """The median; there is at least one value."""
    return _median(list(values))


def _median(values: list[float]) -> float:
    values.sort()
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _blocks(count: int) -> list[tuple[int, int]]:
    """Blocks of `BLOCK` rounds; what is left over joins the last one."""
    whole = max(1, count // BLOCK)
    return [(index * BLOCK, (index + 1) * BLOCK if index < whole - 1 else count) for index in range(whole)]
