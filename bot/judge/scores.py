"""What one value counts: how far it is from the middle of its surroundings, bounded in one of two ways.

Both are functions of the distance in robust standard deviations, so that neither knows a unit.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Scoring(Protocol):
    """Scores distances from the middle; `scale` is one robust standard deviation."""

    def __call__(self, distances: Sequence[float], scale: float) -> list[float]:
        """One score for each distance; it never falls where the distance grows, but for what is beyond belief."""
        ...


class Score(NamedTuple):
    """A way to score. `most` is the largest difference that the two values of one pair can make."""

    name: str
    of: Scoring
    most: float


BIWEIGHT = 5.5
"""Tukey's constant, in robust standard deviations: 97 % as efficient as the mean where the noise is normal."""
SLOW, VERY_SLOW = 2.5, 3.5
"""Below the first, in robust standard deviations above the middle, a value is no slow one; from the second on it is."""


def _biweight(distances: Sequence[float], scale: float) -> list[float]:
    unit = 1 / (BIWEIGHT * scale)
    return [u * (p * p) if (p := 1 - (u := each * unit) * u) > 0 else 0.0 for each in distances]


def _ramp(distances: Sequence[float], scale: float) -> list[float]:
    low, high = SLOW * scale, VERY_SLOW * scale
    return [0.0 if each <= low else 1.0 if each >= high else (each - low) / (high - low) for each in distances]


MIDDLE = Score("middle", _biweight, 2 * (16 / 25) / math.sqrt(5))
"""Tukey's biweight (Beaton and Tukey, 1974): where the bulk of the values lies. It peaks at 1/sqrt(5) of its width."""
TAIL = Score("tail", _ramp, 1.0)
"""Whether a value is one of the slow ones: a count of exceedances whose threshold is a ramp, so that a value that lies
just at it turns nothing over."""
