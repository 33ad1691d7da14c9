"""The measurement phase: timed probes in shuffled rounds, both sides in each, until it is decided.

The schedule is what makes the numbers comparable: the two sides of a pair follow one another at once in an order drawn
by lot, the order of the probes changes from round to round, and rounds are spread over time, because requests that are
fired in a burst are not independent samples.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence

from bot.model import Series, SeriesKey, Watch
from bot.probes.probe import Probe, Sample, Unmeasurable
from bot.probes.side import Side

WARM_UP = 5
"""Rounds at the start that are not counted: connections open, caches fill, code is compiled."""
LOOK_EVERY = 5
"""Rounds between two questions whether it is decided."""
PACE = 0.05
"""Seconds that a round takes at least."""
GIVE_UP = 5
"""Samples in a row without any answer after which a side counts as dead."""


class Measuring:
    """Samples timed probes of one or two sides; the first side is the candidate."""

    def __init__(
        self, probes: Mapping[str, Probe], sides: Sequence[Side], *, seed: int, time: float, rounds: int, alone: int
    ) -> None:
        self._probes = {name: probe for name, probe in probes.items() if probe.timed and sides[0].right(name)}
        self._sides = sides
        self._random = random.Random(seed)  # noqa: S311 - a schedule that can be repeated, not a secret
        self._time = time
        self._rounds = rounds
        self._alone = alone
        self._decided: frozenset[SeriesKey] = frozenset()
        self._unanswered = dict.fromkeys((side.name for side in sides), 0)

    async def run(self, watch: Watch) -> None:
        """Until all is decided, a side is dead, the rounds are used up, or the time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._time
        for number in range(-WARM_UP, self._rounds):
            began = loop.time()
            names = self._undecided(number)
            self._random.shuffle(names)
            for name in names:
                if loop.time() >= end or self._dead():
                    return
                await self._pair(name, number)
            if not names or (number + 1 > 0 and (number + 1) % LOOK_EVERY == 0 and await self._look(watch, names)):
                return
            await asyncio.sleep(min(max(0.0, PACE - (loop.time() - began)), max(0.0, end - loop.time())))

    def _undecided(self, number: int) -> list[str]:
        return [
            name
            for name, probe in self._probes.items()
            if not all((name, series) in self._decided for series in probe.series())
            and not any(name in side.faults for side in self._sides)
            and number < (self._rounds if len(self._pair_of(name)) > 1 else self._alone)
        ]

    def _pair_of(self, name: str) -> list[Side]:
        return [side for side in self._sides if side.right(name)]

    async def _pair(self, name: str, number: int) -> None:
        pair = self._pair_of(name)
        if self._random.random() < 0.5:
            pair.reverse()
        for order, side in enumerate(pair):
            samples = await self._sample(side, name)
            if samples is None:
                return
            if number >= 0:
                side.add(name, self._probes[name], samples, number, order)
            self._count_answers(side, samples)

    async def _sample(self, side: Side, name: str) -> Mapping[str, Sample] | None:
        try:
            return await self._probes[name].sample(name, side.context)
        except Unmeasurable as cause:
            side.faults[name] = str(cause)
        except Exception as error:  # noqa: BLE001 - our own fault on one probe is no fault of the service, nor of the others
            side.faults[name] = f"{type(error).__name__}: {error}"
        return None

    def _count_answers(self, side: Side, samples: Mapping[str, Sample]) -> None:
        answered = any(sample.value is not None for sample in samples.values())
        self._unanswered[side.name] = 0 if answered else self._unanswered[side.name] + 1
        if self._unanswered[side.name] == GIVE_UP:
            why = next((sample.why for sample in samples.values() if sample.why), "no answer")
            side.died = dict.fromkeys(self._probes, f"{GIVE_UP} samples in a row failed; the last: {why}")

    def _dead(self) -> bool:
        return any(count >= GIVE_UP for count in self._unanswered.values())

    async def _look(self, watch: Watch, names: Sequence[str]) -> bool:
        for side in self._sides:
            await side.identify(*names)
        series: list[dict[SeriesKey, Series]] = [
            {(name, each.id): each for name, probe in self._probes.items() for each in side.series(name, probe)}
            for side in self._sides
        ]
        progress = watch(series[0], series[1] if len(series) > 1 else {})
        self._decided = progress.decided
        return progress.stop
