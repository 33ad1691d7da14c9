"""What is asked of two series measured side by side: within which limits, and how often the answer may be wrong."""

import math
from typing import Literal, NamedTuple

from bot.judge import rates
from bot.judge.location import Measure, Pairs
from bot.judge.pairing import Rounds, failed, missing, tried
from bot.judge.policy import Policy
from bot.model import Odds, Series

FOR_SLOWER, FOR_TOGETHER, FOR_TAIL, FOR_FAILING = 0.5, 0.25, 0.05, 0.1
"""The parts of the suite's error budget: a series is slower, all together are, its slow requests are, more of them fail.

A tenth is kept back: boundaries are normal approximations.
"""
CERTAIN = 3
"""Failures without one success that are no chance, where the baseline has succeeded as often without one failure."""
ALONE = 0.10
"""The share of failures that one series of a suite may hide at most, while all together are shown to have fewer."""
REMARKED, SPOILT = 0.25, 0.75
"""The shares of rounds that our own machine spoilt, above which a row says so, and above which it is not called fine."""
HALF = 0.5
"""The score, in the middle of the ramp, from which on a request counts as slow."""
PEEKED = 2
"""By how much an exact bound that is asked for at every look errs more often than at one: simulated, up to 2.1 times."""
POWER = 0.8416
"""The standard normal's 80 % point: `would_have_seen` is what would be shown four times in five."""
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}

Word = Literal["regressed", "improved", "fine", "open"]


def spoilt(rounds: Rounds) -> float:
    """The share of the rounds in which both sides answered that our own machine spoilt."""
    answered = len(rounds.pairs) + rounds.aside
    return rounds.aside / answered if answered else 0.0


class Errors(NamedTuple):
    """How often the whole suite of so many `series` may be wrong in each of four ways; each sums to its budget.

    `fine` is the chance, for each series, that it is called fine while it is worse by just its budget.
    """

    slower: float
    together: float
    tail: float
    failing: float
    fine: float
    series: int

    @property
    def failing_each(self) -> float:
        """Bonferroni's share of one series; where there are several, half of the budget is for all together."""
        return self.failing / (self.series if self.series == 1 else 2 * self.series)

    @property
    def failing_together(self) -> float:
        """What is left for all of them."""
        return self.failing / 2


def errors(policy: Policy, series: int, before: int = 0) -> Errors:
    """The error budget of a suite of so many timed series; what the spec expects, and is not there, counts too.

    After so many inconclusive sessions `before` this one, what does not add up over sessions gets half as much each time:
    to try again and again must not make an error likely.
    """
    budget = 1 - policy.confidence
    again = budget / 2**before
    count = max(1, series, sum(1 for each in policy.probes.values() if each.timed))
    return Errors(
        slower=budget * (FOR_SLOWER if count > 1 else FOR_SLOWER + FOR_TOGETHER),  # one alone is not together with any
        together=again * FOR_TOGETHER,
        tail=again * FOR_TAIL,
        failing=again * FOR_FAILING,
        fine=budget,
        series=count,
    )


class Limits(NamedTuple):
    """On the log scale of "worse": beyond `bad` it has regressed, below `good` it is fine."""

    bad: float
    good: float


def limits(policy: Policy, probe: str, series: Series, before: float) -> Limits:
    """The margin and the budget; a difference in time below the floor counts as neither.

    `before` is the baseline's median, in the series' unit.
    """
    unit = SECONDS.get(series.unit)
    floor = policy.floor_for(probe, series.id) / (unit * before) if unit else 0.0
    margin, budget = max(policy.margin, floor), max(policy.budget_for(probe, series.id), floor)
    return Limits(math.log1p(margin), math.log1p(budget))


class Slow(NamedTuple):
    """The shares of requests that are slow, before and after, and the most that the share may have grown by."""

    before: float
    after: float
    most: float


def slow(measure: Pairs, rounds: Rounds, error: float) -> Slow:
    """How many of these pairs' requests lie far above their surroundings.

    Where there is no pair, it is the candidate that was slow. The growth is bounded as that of failures is.
    """
    before, after = ([score >= HALF for score in side] for side in measure.scores(0.0))
    lost, count = len(rounds.lost), len(measure)
    worse = sum(a and not b for b, a in zip(before, after, strict=True)) + lost
    better = sum(b and not a for b, a in zip(before, after, strict=True))
    return Slow(sum(before) / count, sum(after) / count, rates.grown(better, worse, count + lost, error / PEEKED))


class Weighed(NamedTuple):
    """What the looks at two series show.

    `measure` is what the deciding look (or the last one) saw; None before the first look, or where no logarithm can be
    taken. `error` is the chance that "regressed" is wrong, `fine` that "fine" is. `odds` are those of all sessions.
    """

    word: Word
    rounds: Rounds
    measure: Measure | None = None
    limits: Limits = Limits(0.0, 0.0)
    z_bad: float = math.inf
    z_good: float = math.inf
    error: float = 0.0
    fine: float = 0.0
    odds: Odds | None = None
    slow: Slow | None = None


class Failures(NamedTuple):
    """Timed requests that failed: does the candidate fail more often?

    `p` is the exact one-sided p; `most` the upper bound of the share that it grew by.
    """

    word: Literal["regressed", "fine", "open", "none"]
    p: float
    most: float


def failures(
    policy: Policy, probe: str, new: Series, old: Series | None, rounds: Rounds | None, error: Errors
) -> Failures:
    """Weigh the failures of two series; `rounds` where they were measured side by side.

    Rounds of which the candidate has no sample speak against its being fine, as failures would. Where nothing failed and
    nothing is missing there is nothing to weigh, unless the spec names a budget, which then has to be shown.
    """
    count, before = tried(new), tried(old) if old else 0
    bad, bad_before = failed(new), failed(old) if old else 0
    lost = rounds.unseen if rounds is not None and rounds.tried else missing(new)
    twice = rounds.worse if rounds is not None else 0  # a round that is there twice has failed, in whatever row
    if not (bad or lost or twice or policy.failures_named(probe, new.id)):
        return Failures("none", 1.0, 0.0)
    if old is None or not before:
        shown, p, most = False, 1.0, rates.at_most(bad + lost, count + lost, error.fine / PEEKED)
    elif rounds is not None and rounds.tried:
        shown = rates.log_odds(rounds.worse, rounds.better) >= -math.log(error.failing_each)
        p = rates.paired_p(rounds.worse, rounds.better)
        most = rates.grown(rounds.better, rounds.worse + lost, rounds.tried, error.fine / PEEKED)
    else:
        p = rates.unpaired_p(bad_before, before, bad, count)
        shown = p <= error.failing_each
        half = error.fine / 2
        most = rates.at_most(bad + lost, count + lost, half) - rates.at_least(bad_before, before, half)
    if shown or (bad == count >= CERTAIN and before >= CERTAIN and not bad_before):
        return Failures("regressed", p, most)
    return Failures("fine" if most <= policy.failures_for(probe, new.id) else "open", p, most)
