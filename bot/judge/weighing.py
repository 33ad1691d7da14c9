"""What two series measured side by side show by now: the one question that the judge and the watch both ask."""

import math
from typing import Literal, NamedTuple

from bot.judge import location, rates, sequential
from bot.judge.location import Pairs
from bot.judge.pairing import Rounds, answered, join
from bot.judge.policy import Policy
from bot.model import Series

FOR_LOCATION = 0.9
"""The part of the suite's error budget that goes to being slower; the rest goes to failing more often."""
CERTAIN = 3
"""Failures without one success that are no chance, where the baseline succeeds."""
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}

Word = Literal["regressed", "improved", "fine", "open"]


class Errors(NamedTuple):
    """How often each series may be wrong, so that the suite keeps to its budget (Bonferroni).

    `slower` and `failing` are the chances that a series which is no worse is called regressed; `fine` that of calling
    one fine which is worse by just its budget.
    """

    slower: float
    failing: float
    fine: float


def errors(policy: Policy, series: int) -> Errors:
    """The error budget of each of so many series."""
    budget = 1 - policy.confidence
    count = max(1, series, sum(1 for each in policy.probes.values() if each.timed))
    return Errors(budget * FOR_LOCATION / count, budget * (1 - FOR_LOCATION) / count, budget)


class Limits(NamedTuple):
    """On the log scale of "worse": beyond `bad` it has regressed, below `good` it is fine."""

    bad: float
    good: float


class Weighed(NamedTuple):
    """What a look at two series shows. `pairs` is None before the first look, or where no logarithm can be taken."""

    word: Word
    rounds: Rounds
    pairs: Pairs | None = None
    limits: Limits = Limits(0.0, 0.0)
    z_bad: float = math.inf
    z_good: float = math.inf


def weigh(policy: Policy, probe: str, new: Series, old: Series, error: Errors) -> Weighed:
    """What the latest look shows: for the watch, which has asked at every look before."""
    rounds = join(new, old)
    index = sequential.look(len(rounds.pairs), policy.rounds)
    return Weighed("open", rounds) if index is None else look(policy, probe, new, rounds, error, index)


def settle(policy: Policy, probe: str, new: Series, old: Series, error: Errors) -> Weighed:
    """What all looks show, one after the other: a regression counts at whichever look it was shown, and so does the rest.

    A series that was found fine is not measured any more. To ask again because more samples happen to be there would be
    to look until the answer is another; only a regression still counts then.
    """
    rounds = join(new, old)
    last = sequential.look(len(rounds.pairs), policy.rounds)
    found = latest = Weighed("open", rounds)
    for index in range(0 if last is None else last + 1):
        latest = look(policy, probe, new, rounds, error, index)
        if latest.word == "regressed":
            return latest
        if found.word == "open" or (found.word == "fine" and latest.word == "improved"):
            found = latest
    return found


def look(policy: Policy, probe: str, series: Series, rounds: Rounds, error: Errors, index: int) -> Weighed:
    """One look (the `index`-th of `sequential.looks`), at just the pairs that it was planned for."""
    used = rounds.pairs[: sequential.looks(policy.rounds)[index]]
    if min(min(pair.before, pair.after) for pair in used) <= 0:
        return Weighed("open", rounds)
    before, after = [pair.before for pair in used], [pair.after for pair in used]
    limits = _limits(policy, probe, series, location.median(before))
    sides = (before, after) if series.better == "lower" else (after, before)
    pairs = Pairs(*sides, lost=len(rounds.lost), unsure=rounds.better)
    z_bad = sequential.boundaries(error.slower, policy.rounds)[index]
    z_good = sequential.boundaries(error.fine, policy.rounds)[index]
    return Weighed(_word(pairs, limits, z_bad, z_good), rounds, pairs, limits, z_bad, z_good)


def _word(pairs: Pairs, limits: Limits, z_bad: float, z_good: float) -> Word:
    if pairs.score(limits.bad) >= z_bad:
        return "regressed"
    if pairs.worst_score(limits.good) > -z_good:
        return "open"
    return "improved" if pairs.worst_score(-limits.bad) <= -z_bad else "fine"


def _limits(policy: Policy, probe: str, series: Series, before: float) -> Limits:
    """The margin and the budget; a difference in time below the floor counts as neither."""
    unit = SECONDS.get(series.unit)
    floor = policy.floor_for(probe, series.id) / (unit * before) if unit else 0.0
    margin, budget = max(policy.margin, floor), max(policy.budget_for(probe, series.id), floor)
    return Limits(math.log1p(margin), math.log1p(budget))


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
    """Weigh the failures of two series; `rounds` where they were measured side by side."""
    tried, tried_before = len(new.samples), len(old.samples) if old else 0
    failed = tried - len(answered(new))
    failed_before = tried_before - len(answered(old)) if old else 0
    if not failed:
        return Failures("none", 1.0, 0.0)
    half = error.fine / 2
    if old is None or not tried_before:
        p, most = 1.0, rates.at_most(failed, tried, error.fine)
    elif rounds is not None and rounds.tried:
        p = rates.paired_p(rounds.worse, rounds.better)
        less = rates.at_least(rounds.better, rounds.tried, half)
        most = rates.at_most(rounds.worse, rounds.tried, half) - less
    else:
        p = rates.unpaired_p(failed_before, tried_before, failed, tried)
        most = rates.at_most(failed, tried, half) - rates.at_least(failed_before, tried_before, half)
    if p <= error.failing or (failed == tried >= CERTAIN and failed_before < tried_before):
        return Failures("regressed", p, most)
    return Failures("fine" if most <= policy.failures_for(probe, new.id) else "open", p, most)
