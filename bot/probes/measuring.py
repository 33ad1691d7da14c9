"""The measurement phase: timed probes in shuffled rounds, both sides in each, until it is decided.

The schedule is what makes the numbers comparable: the two sides of a pair follow one another at once in an order drawn
by lot and send the same, the order of the probes changes from round to round, and rounds are spread over time, because
requests that are fired in a burst are not independent samples.

Most probes wait for each answer before the next request (closed loop). Those whose tail is judged do not: what a stall
does to requests that were not sent because of it would never be seen. Theirs are sent at planned times, whatever
became of the ones before, and timed from the plan (open loop).
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import median

from bot.model import Series, SeriesKey, Watch
from bot.probes.control import Control
from bot.probes.lateness import SelfCheck, undisturbed
from bot.probes.probe import Probe, Sample, Turn, Unmeasurable, fresh
from bot.probes.side import Side

WARM_UP = 5
"""Rounds at the start that are not counted: connections open, caches fill, code is compiled."""
LOOK_EVERY = 5
"""Rounds between two questions whether it is decided."""
PACE = 0.05
"""Seconds that a round takes at least."""
GIVE_UP = 5
"""Samples in a row without any answer after which a side counts as dead."""
LEAD = 0.5
"""Seconds by which a planned request is made ready ahead of its time: longer than any work of ours in between."""
GAP = 0.005
"""Seconds between two planned requests, at least."""
LOAD = 2.0
"""Seconds of a planned round for each second that its slower side answers: so much is under way half of the time."""
MOST_WAITING = 100
"""Planned requests to one side that may wait for an answer; the next ones fail unsent."""


class Measuring:
    """Samples timed probes of one or two sides; the first side is the candidate."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        sides: Sequence[Side],
        *,
        seed: int,
        time: float,
        rounds: int,
        alone: int,
        open_loop: Collection[str] = (),
    ) -> None:
        self._probes = {name: probe for name, probe in probes.items() if probe.timed and sides[0].right(name)}
        self._sides = sides
        self._random = random.Random(seed)  # noqa: S311 - a schedule that can be repeated, not a secret
        self._time = time
        self._rounds = rounds
        self._alone = alone
        self._open = [name for name in self._probes if name in open_loop]
        self._closed = [name for name in self._probes if name not in open_loop]
        self._decided: frozenset[SeriesKey] = frozenset()
        self._unanswered = dict.fromkeys((side.name for side in sides), 0)
        self._waiting: Counter[str] = Counter()
        self._under_way: dict[str, Counter[int]] = {name: Counter() for name in self._probes}
        self._warm: dict[tuple[str, str], list[float]] = {}
        self._end = 0.0
        self._over = False
        self.began = False
        self.control = Control()
        self.self_check = SelfCheck()

    async def run(self, watch: Watch) -> None:
        """Until all is decided, a side is dead, the rounds are used up, or the time is over."""
        if not self._probes:
            return
        with undisturbed():
            self.began, self.self_check = True, SelfCheck()
            began = time.perf_counter()
            self._end = began + self._time
            for side in self._sides:
                side.began = began
            try:
                for number in range(-WARM_UP, 0):
                    await self._round(self._undecided([*self._probes], number), number)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._in_rounds(watch))
                    group.create_task(self._on_time(watch))
            finally:
                self.control.complete()
                self.self_check.finish()

    async def _in_rounds(self, watch: Watch) -> None:
        """The closed loop."""
        for number in range(self._rounds):
            names = self._undecided(self._closed, number)
            if not names or self._is_over():
                return
            await self._round(names, number)
            if (number + 1) % LOOK_EVERY == 0:
                await self._look(watch, names)

    async def _round(self, names: list[str], number: int) -> None:
        began = time.perf_counter()
        self._random.shuffle(names)
        for name in names:
            if self._is_over():
                return
            await self._pair(name, number)
        left = min(PACE - (time.perf_counter() - began), self._end - time.perf_counter())
        await asyncio.sleep(max(0.0, left))

    async def _pair(self, name: str, number: int) -> None:
        for order, (side, unique) in enumerate(self._drawn(name)):
            samples = await self._sample(side, name, Turn(unique))
            if samples is None:
                return
            self._keep(side, name, samples, number, order)

    async def _on_time(self, watch: Watch) -> None:
        """The open loop: rounds at a pace that is laid down beforehand, and never waits for an answer."""
        if not self._open:
            return
        pace = self._pace()
        start = time.perf_counter() + LEAD
        async with asyncio.TaskGroup() as group:
            for number in range(self._rounds):
                names = self._undecided(self._open, number)
                if not names:
                    return
                self._random.shuffle(names)
                turns = [(name, order, *drawn) for name in names for order, drawn in enumerate(self._drawn(name))]
                for place, (name, order, side, unique) in enumerate(turns):
                    planned = start + pace * (number + place / len(turns))
                    await asyncio.sleep(max(0.0, planned - LEAD - time.perf_counter()))
                    if order == 0:
                        if self._is_over():
                            return
                        self._under_way[name][number] = len(self._pair_of(name))
                    group.create_task(self._planned(side, name, Turn(unique, planned), number, order))
                if (number + 1) % LOOK_EVERY == 0:
                    await self._look(watch, names)

    async def _planned(self, side: Side, name: str, turn: Turn, number: int, order: int) -> None:
        self._waiting[side.name] += 1
        try:
            if self._waiting[side.name] > MOST_WAITING:
                why = f"not sent: {MOST_WAITING} requests were still waiting for an answer"
                samples: Mapping[str, Sample] | None = {
                    each: Sample(None, ok=False, why=why, sent=turn.planned) for each in self._probes[name].series()
                }
            else:
                samples = await self._sample(side, name, turn)
            if samples is not None:
                self._keep(side, name, samples, number, order)
        finally:
            self._waiting[side.name] -= 1
            self._under_way[name][number] -= 1

    def _pace(self) -> float:
        """Seconds of a planned round: set once, from the slower side's answers in the warm-up, and alike for both."""
        slower = [
            max((median(times) for (one, _), times in self._warm.items() if one == name), default=0.0)
            for name in self._open
        ]
        turns = sum(len(self._pair_of(name)) for name in self._open)
        return max(PACE, GAP * turns, LOAD * sum(slower) / 1000)

    def _undecided(self, names: Sequence[str], number: int) -> list[str]:
        return [
            name
            for name in names
            if not all((name, series) in self._decided for series in self._probes[name].series())
            and not any(name in side.faults for side in self._sides)
            and number < (self._rounds if len(self._pair_of(name)) > 1 else self._alone)
        ]

    def _pair_of(self, name: str) -> list[Side]:
        return [side for side in self._sides if side.right(name)]

    def _drawn(self, name: str) -> list[tuple[Side, str]]:
        """The sides in the order of the coin, each with what `{unique}` stands for.

        Both send the same, so that no request is harder than its counterpart. Only where something is written does the
        last digit tell the two apart: they may share a database, which would refuse the second of the same name.
        """
        pair = self._pair_of(name)
        if self._random.random() < 0.5:
            pair.reverse()
        unique = fresh()
        if not self._probes[name].writes():
            return [(side, unique) for side in pair]
        digits = self._random.sample("0123456789abcdef", len(pair))
        return [(side, unique[:-1] + digit) for side, digit in zip(pair, digits, strict=True)]

    async def _sample(self, side: Side, name: str, turn: Turn) -> Mapping[str, Sample] | None:
        try:
            return await self._probes[name].sample(name, side.context, turn)
        except Unmeasurable as cause:
            side.faults[name] = str(cause)
        except Exception as error:  # noqa: BLE001 - our own fault on one probe is no fault of the service, nor of the others
            side.faults[name] = f"{type(error).__name__}: {error}"
        return None

    def _keep(self, side: Side, name: str, samples: Mapping[str, Sample], number: int, order: int) -> None:
        probe = self._probes[name]
        main = samples.get(probe.series()[0])
        if number < 0:
            if main is not None and main.value is not None:
                self._warm.setdefault((name, side.name), []).append(main.value)
        else:
            side.add(name, probe, samples, number, order)
            for each in samples.values():
                self.self_check.add(each.late, vouched=each.vouched)
        answered = any(sample.value is not None for sample in samples.values())
        self._unanswered[side.name] = 0 if answered else self._unanswered[side.name] + 1
        if self._unanswered[side.name] == GIVE_UP:
            why = next((sample.why for sample in samples.values() if sample.why), "no answer")
            side.died = dict.fromkeys(self._probes, f"{GIVE_UP} samples in a row failed; the last: {why}")

    def _is_over(self) -> bool:
        dead = any(count >= GIVE_UP for count in self._unanswered.values())
        return self._over or dead or time.perf_counter() >= self._end

    async def _look(self, watch: Watch, names: Sequence[str]) -> None:
        self.control.take()
        for side in self._sides:
            await side.identify(*names)
        series: list[dict[SeriesKey, Series]] = [
            {
                (name, each.id): each
                for name, probe in self._probes.items()
                for each in side.series(name, probe, self._whole(name))
            }
            for side in self._sides
        ]
        progress = watch(series[0], series[1] if len(series) > 1 else {})
        self._decided = progress.decided
        self._over = self._over or progress.stop

    def _whole(self, name: str) -> int | None:
        """The first round that is still under way: what is judged meanwhile ends before it."""
        return min((number for number, count in self._under_way[name].items() if count > 0), default=None)
