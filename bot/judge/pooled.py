"""The timed requests of a whole suite, counted together: has the share of those that fail grown?

Measuring ends as soon as the times are decided, and a quick, steady candidate is decided after few rounds: too few to have
met a failure that is rare. Whether any series has a failure or not, a suite is therefore fine only where the share of
failing requests is shown to have grown by no more than allowed, over all series together. That leaves room for one series
among many that fails more often: each by itself is held to a wider limit (`ALONE`).

A request is one passage through a probe: a journey whose steps are series of their own is one, and fails once.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Literal, NamedTuple

from bot.judge import rates
from bot.judge.pairing import Key, Rounds, alone, rows, tried
from bot.judge.policy import FAILURES, Policy
from bot.judge.suite import failures_block
from bot.judge.weighing import ALONE, PEEKED, Errors, failures
from bot.model import Series, SeriesKey

MOST_ROUNDS = 1_000_000


class Member(NamedTuple):
    """One timed series; `old` and `rounds` where there is something to compare with."""

    new: Series
    old: Series | None = None
    rounds: Rounds | None = None


class Pooled(NamedTuple):
    """All requests together. `most` is what the share of failing ones has grown by at most, and `each` the same of the
    series that is known least, where none failed; `more` is how many more rounds of each probe would do.

    `thin` are the probes whose series have too few rounds of their own. `beside` says whether anything was compared.
    """

    word: Literal["regressed", "fine", "open"]
    failed: int
    failed_before: int
    tried: int
    tried_before: int
    most: float
    each: float
    more: int
    thin: tuple[str, ...]
    series: tuple[SeriesKey, ...]
    beside: bool

    @property
    def most_is_open(self) -> bool:
        """Whether it is all together that are not shown to be fine."""
        return self.most > FAILURES


class _Probe(NamedTuple):
    """The passages through one probe: in which rounds only one side failed, however many of its series did.

    `unseen` are those of which nobody knows, or that had nothing beside them and failed.
    """

    against: frozenset[Key]
    better: frozenset[Key]
    unseen: int
    tried: int
    failed: int
    failed_before: int
    tried_before: int


def pool(policy: Policy, members: Mapping[SeriesKey, Member], error: Errors, today: str = "") -> Pooled | None:
    """What all series show together; None where there is none that counts.

    Of the pool is what the spec expects and may block, and whose failures it names no budget for: what is named is shown
    by itself. A series that has regressed is no part of what the others show.
    """
    known: dict[SeriesKey, Member] = {}
    clean: list[SeriesKey] = []
    for key, each in members.items():
        if key[0] not in policy.probes or policy.failures_named(*key) or not failures_block(policy, key, today):
            continue
        own = failures(policy, key[0], each.new, each.old, each.rounds, error).word
        if own != "regressed":
            known[key] = each
            clean += [key] if own == "none" else []
    if not known:
        return None
    probes = _probes(known)
    worse = sum(len(each.against) + each.unseen for each in probes.values())
    # what one probe has mended makes no room for what another one has broken
    better = sum(min(len(each.better), len(each.against) + each.unseen) for each in probes.values())
    count = sum(each.tried for each in probes.values())
    bound = error.fine / PEEKED
    most = rates.grown(better, worse, count, bound)
    least: dict[str, int] = {}
    for key in clean:
        least[key[0]] = min(_rounds(known[key]).tried, least.get(key[0], MOST_ROUNDS))
    enough = fewest(ALONE, error)
    thin = tuple(name for name, have in least.items() if have < enough)
    word: Literal["regressed", "fine", "open"] = "fine" if most <= FAILURES and not thin else "open"
    if len(known) > 1 and _odds(probes) >= -math.log(error.failing_together):
        word = "regressed"
    more = max((enough - least[name] for name in thin), default=0)
    if most > FAILURES:
        share = (worse - better) / count if count else 0.0
        wanted = (
            fewest(FAILURES, error)
            if not worse
            else rates.rounds_until(most, share, FAILURES, max(1, count), MOST_ROUNDS)
        )
        more = max(more, math.ceil((wanted - count) / len(probes)))
    return Pooled(
        word,
        failed=sum(each.failed for each in probes.values()),
        failed_before=sum(each.failed_before for each in probes.values()),
        tried=count,
        tried_before=sum(each.tried_before for each in probes.values()),
        most=most,
        each=max((rates.at_most(0, have, bound / 2) for have in least.values()), default=most),
        more=max(1, more),
        thin=thin,
        series=tuple(known),
        beside=any(each.rounds is not None for each in known.values()),
    )


def fewest(share: float, error: Errors) -> int:
    """How many requests without a failure it takes to show that no more than this share of them fails."""
    return math.ceil(math.log(error.fine / PEEKED / 2) / math.log1p(-share))


def _probes(members: Mapping[SeriesKey, Member]) -> dict[str, _Probe]:
    found: dict[str, list[Member]] = defaultdict(list)
    for key, each in members.items():
        found[key[0]].append(each)
    return {name: _passages(each) for name, each in found.items()}


def _passages(members: list[Member]) -> _Probe:
    """What the series of one probe have in common: rounds, of which any may have failed in any of them."""
    every = [_rounds(each) for each in members]
    seen = [rounds for each, rounds in zip(members, every, strict=True) if each.rounds is not None]
    by_itself = [rounds for each, rounds in zip(members, every, strict=True) if each.rounds is None]
    against = frozenset(key for each in seen for key in each.against)
    unseen = {key for each in every for key in each.unseen_in}
    unseen |= {key for each in by_itself for key in each.against}
    nowhere = max(each.worse - len(each.against) for each in every)  # failures of no round
    most = max(each.tried for each in every)
    short = most - min(each.tried for each in every)  # a round of which one of them knows nothing may have failed in it
    return _Probe(
        against,
        frozenset(key for each in seen for key in each.better_in) - against - unseen,
        unseen=min(most, len(unseen - against) + nowhere + short),
        tried=most,
        failed=_failed([each.new for each in members]),
        failed_before=_failed([each.old for each in members if each.old is not None]),
        tried_before=max(tried(each.old) if each.old is not None else 0 for each in members),
    )


def _rounds(member: Member) -> Rounds:
    return alone(member.new) if member.rounds is None else member.rounds


def _failed(side: list[Series]) -> int:
    return len({row.key or index for each in side for index, row in enumerate(rows(each)) if row.value is None})


def _odds(probes: Mapping[str, _Probe]) -> float:
    """The odds that more requests fail than before, of the rounds in which one side has more failures than the other.

    One coin a round swaps the sides of all its pairs at once: what hits several probes of a round is one event.
    """
    net: dict[Key, int] = defaultdict(int)
    for each in probes.values():
        for key in each.against:
            net[key] += 1
        for key in each.better:
            net[key] -= 1
    return rates.log_odds(sum(each > 0 for each in net.values()), sum(each < 0 for each in net.values()))
