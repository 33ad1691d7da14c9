"""All timed series as one: many that are each a little slower show sooner than any of them alone.

The scores of one round are added up over its series before they are squared. Whatever the series have in common is in
that sum, so that one coin for each round, which swaps the sides of all its series at once, is all that the null needs.
"""

import math
from collections.abc import Sequence

from bot.judge.location import normalised
from bot.judge.pairing import Key
from bot.judge.track import Known

Part = tuple[tuple[Key, ...], Known]
"""One series: the keys of its rounds, in order, and what they show."""


class Together:
    """The rounds of several series, each measured in the same unit: the logarithm of a ratio.

    Each is held to its own limit; `bad` is their mean, at which every one of them is just at its limit.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self.series = len(parts)
        self.bad = math.fsum(known.limits.bad for _, known in parts) / max(1, len(parts))
        self._places = {key: place for place, key in enumerate(sorted({key for keys, _ in parts for key in keys}))}

    def __len__(self) -> int:
        return len(self._places)

    def score(self, shift: float) -> float:
        """The self-normalised score of "all ratios are more than `shift`", on the log scale."""
        sums: list[list[float]] = [[] for _ in self._places]
        more = shift - self.bad
        for keys, known in self._parts:
            scores = known.pairs.differences(known.limits.bad + more) if more else known.differences
            for key, score in zip(keys, scores, strict=True):
                sums[self._places[key]].append(score)
        return normalised([math.fsum(each) for each in sums])

    def worst_score(self, shift: float) -> float:
        """The same: what is lost is held against each series by itself."""
        return self.score(shift)

    def around(self) -> tuple[float, float]:
        """Two shifts with the estimate between them."""
        bounds = [known.pairs.around() for _, known in self._parts]
        return min(low for low, _ in bounds), max(high for _, high in bounds)
