"""What the good runs before this one say of a series: where it lay, and by how much runs of one thing differ.

The interval is the one for a single new observation (Hahn and Meeker, 1991, *Statistical Intervals*, chapter 4): what
varies from run to run is the machine of the day, and the samples within one run say nothing of it.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from bot.judge.policy import Policy
from bot.judge.quantiles import student
from bot.model import Past, PastSeries, Run, Series, control
from bot.model.history import CONTROL

FEWEST = 5
"""Runs below which nobody can say how much runs differ."""
FOR_SLOWER = 0.9
"""The part of the suite's error budget that goes to being slower; the rest goes to failing more often."""


class Known(NamedTuple):
    """What is known of one series: the logarithms of its medians, larger is worse, and the fewest samples of any."""

    logs: tuple[float, ...]
    samples: int


class Prediction(NamedTuple):
    """The log ratio of a new value to what was to be expected, larger is worse; its bounds, and their standard error.

    `t` is the quantile of the lower bound. `runs` are the past values that it rests on.
    """

    middle: float
    low: float
    high: float
    error: float
    t: float
    runs: int


@dataclass(frozen=True)
class Memory:
    """The past runs of a candidate's series, by `probe/series`.

    `slower` is how often each series may be called slower in error, `fine` the same for calling one fine that is worse
    by just its budget; `single` is the error of each bound for a number that has a budget of its own. `control` is the
    logarithm of the candidate's control where all are divided by it, else nothing.
    """

    known: Mapping[str, Known] = field(default_factory=dict)
    timed: frozenset[str] = frozenset()
    slower: float = 0.0
    fine: float = 0.0
    single: float = 0.0
    control: float = 0.0
    adjusted: bool = False

    @property
    def how(self) -> str:
        """What to say where all runs are divided by their control."""
        return ", each divided by its runner's control" if self.adjusted else ""

    def runs(self, name: str) -> int:
        """How many past runs have this series."""
        return len(self.known[name].logs) if name in self.known else 0

    @cached_property
    def pooled(self) -> tuple[float, int]:
        """The standard deviation between runs, pooled over all timed series, and its degrees of freedom."""
        return pooled(self.known[name].logs for name in self.timed if name in self.known)

    def predict(self, name: str, worse: float, worst: float) -> Prediction | None:
        """The prediction interval for a timed series; None where there are too few runs, or they do not differ at all.

        `worse` is the logarithm of what was measured, larger is worse; `worst` the same with all that was lost counted
        as the worst that there can be: only the upper bound goes by it.
        """
        if self.runs(name) < FEWEST:
            return None
        spread, freedom = self.pooled
        # one standard deviation does not fit all: a series that varies more than the rest goes by its own
        own, _ = pooled([self.known[name].logs])
        return self._interval(name, (worse, worst), max(spread, own), freedom, (self.slower, self.fine))

    def predict_single(self, name: str, worse: float) -> Prediction | None:
        """The same for a number of its own kind, which only its own past says anything of."""
        if self.runs(name) < FEWEST:
            return None
        spread, freedom = pooled([self.known[name].logs])
        return self._interval(name, (worse, worse), spread, freedom, (self.single, self.single))

    def _interval(
        self, name: str, new: tuple[float, float], spread: float, freedom: int, errors: tuple[float, float]
    ) -> Prediction | None:
        logs = self.known[name].logs
        expected = math.fsum(logs) / len(logs) + self.control
        error = spread * math.sqrt(1 + 1 / len(logs))
        if error <= 0:
            return None
        t = student(1 - errors[0], freedom)
        middle = new[0] - expected
        high = new[1] - expected + student(1 - errors[1], freedom) * error
        return Prediction(middle, middle - t * error, high, error, t, len(logs))


def remember(candidate: Run, baseline: Run | None, policy: Policy) -> Memory:
    """What the history that came with the baseline says of the candidate's series."""
    runs = [each for each in (baseline.history if baseline else ()) if kind(each.vantage) == kind(candidate.vantage)]
    series = {
        f"{each.probe}/{one.id}": one
        for each in candidate.observations
        if each.kind != CONTROL
        for one in each.series
        if one.samples
    }
    timed = frozenset(name for name, one in series.items() if len(one.samples) > 1)
    budget = 1 - policy.confidence
    count = max(1, len(timed), sum(1 for each in policy.probes.values() if each.timed))
    singles = sum(1 for name in series.keys() - timed if policy.single_for(*name.split("/", 1)).budget is not None)
    plain = Memory(_known(series, runs), timed, budget * FOR_SLOWER / count, budget, budget / max(1, singles))
    now = control(candidate.observations)
    if now is None or any(each.control is None for each in runs):
        return plain
    # dividing by the control is worth it only where it makes the past runs differ less among themselves
    adjusted = replace(plain, known=_known(series, runs, divided=True), control=math.log(now), adjusted=True)
    return adjusted if adjusted.pooled[0] < plain.pooled[0] else plain


def pooled(groups: Iterable[tuple[float, ...]]) -> tuple[float, int]:
    """The pooled standard deviation of all groups of at least `FEWEST`, and its degrees of freedom."""
    squares: list[float] = []
    freedom = 0
    for logs in sorted(groups):
        if len(logs) >= FEWEST:
            mean = math.fsum(logs) / len(logs)
            squares += [(each - mean) ** 2 for each in logs]
            freedom += len(logs) - 1
    return (math.sqrt(math.fsum(squares) / freedom), freedom) if freedom else (0.0, 0)


def kind(vantage: str) -> str:
    """The kind of machine that a run was made from: runs of a laptop say nothing of a hosted runner.

    >>> kind("GitHub Actions 12"), kind("runner-1"), kind("4f5d6a7b8c9d")
    ('GitHub Actions #', 'runner-#', 'container')
    """
    return "container" if re.fullmatch(r"[0-9a-f]{12}", vantage) else re.sub(r"\d+", "#", vantage)


def sign(better: str) -> int:
    """What turns a logarithm into "larger is worse"."""
    return 1 if better == "lower" else -1


def _known(series: Mapping[str, Series], runs: list[Past], *, divided: bool = False) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for name, one in series.items():
        past = [(each, each.series[name]) for each in runs if name in each.series]
        fits = [(each, old) for each, old in past if _fits(one, old)]
        if fits:
            logs = tuple(
                sign(old.better) * math.log(old.middle) - (math.log(each.control) if divided and each.control else 0.0)
                for each, old in fits
            )
            found[name] = Known(logs, min(old.samples for _, old in fits))
    return found


def _fits(new: Series, old: PastSeries) -> bool:
    return (old.unit, old.better) == (new.unit, new.better) and old.middle > 0
