"""One series measured side by side, or its slow requests, and what each look at it shows."""

import bisect
import math
from array import array
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property

from bot.judge import location, sequential
from bot.judge.betting import log_capital
from bot.judge.location import Pairs
from bot.judge.pairing import Key, Rounds
from bot.judge.policy import Policy
from bot.judge.scores import TAIL, Score
from bot.judge.weighing import Limits, Slow, Weighed, Word, limits, slow
from bot.model import Odds, Series

EARLY = 2.0
"""Gamma of what is decided early as a rule: that a series is fine, and that all of them are slower."""
CORRELATED = 2 * sequential.FIRST
"""Pairs from which on correlations are looked at; then again whenever there are twice as many."""


class Known:
    """What so many pairs of a track show: scores are kept, what they are made from is made again where it is needed."""

    def __init__(self, track: "Track", count: int, within: Limits) -> None:
        self._track = track
        self.count = count
        self.limits = within

    @property
    def pairs(self) -> Pairs:
        """The pairs themselves."""
        return self._track.pairs(self.count)

    @property
    def differences(self) -> Sequence[float]:
        """Each pair's score of "it is worse by more than the margin"."""
        return self._track.differences(self.count, self.limits.bad)

    @cached_property
    def _bad(self) -> float:
        return location.normalised(self.differences)

    @cached_property
    def _good(self) -> float:
        return self.pairs.worst_score(self.limits.good)

    @cached_property
    def _better(self) -> float:
        return self.pairs.worst_score(-self.limits.bad)

    @cached_property
    def odds(self) -> Odds:
        """What bets on either word win by these pairs alone."""
        lost, most = self._track.lost
        good = [-each for each in self.pairs.differences(self.limits.good)]
        return Odds(worse=log_capital(self.differences), fine=log_capital(good, lost, most))

    @cached_property
    def slow(self) -> Slow:
        """How many requests are slow."""
        return slow(self.pairs, self._track.rounds, self._track.fine)

    def word(self, z_bad: float, z_good: float) -> Word:
        """What it shows where scores must reach these boundaries."""
        if self._bad >= z_bad:
            return "regressed"
        if self._track.is_tail:
            budget = self._track.tail
            return "fine" if budget is not None and self.slow.most <= budget else "open"
        if self._good > -z_good:
            return "open"
        return "improved" if self._better <= -z_bad else "fine"


class Track:
    """One series as it grows. What an earlier look showed is kept as long as it rests on the same rounds.

    `tail` is the share that its slow requests may have grown by; nothing where the spec does not ask for it.
    """

    def __init__(self, policy: Policy, probe: str, series: Series, how: Score) -> None:
        self.fine = 1 - policy.confidence
        self.is_tail = how is TAIL
        self.tail = policy.tail_for(probe, series.id)
        self._policy = policy
        self._probe = probe
        self._series = series
        self._how = how
        self._known: dict[int, Known | None] = {}
        self._pairs: tuple[int, Pairs] | None = None
        self._differences: dict[int, tuple[float, array[float]]] = {}
        self._logs: tuple[list[float], list[float]] = ([], [])
        self._signed: dict[Hashable, float] = {}
        self.rounds = Rounds((), (), 0, 0, 0)

    def update(self, rounds: Rounds) -> bool:
        """Take the rounds that there are by now. Whether what was shown before still stands."""
        old, self.rounds = self.rounds, rounds
        if (old.lost, old.better) == (rounds.lost, rounds.better) and old.pairs == rounds.pairs[: len(old.pairs)]:
            self._take_logarithms()
            return True
        self._known.clear()
        self._signed.clear()
        self._differences.clear()
        self._pairs = None
        self._logs = ([], [])
        self._take_logarithms()
        return False

    def _take_logarithms(self) -> None:
        before, after = self._logs
        for pair in self.rounds.pairs[len(before) :]:
            before.append(math.log(pair.before))
            after.append(math.log(pair.after))

    def weigh(self, error: float, fine: float) -> Weighed:
        """What all looks show, one after the other: a regression counts at whichever it was shown, else the first word.

        A series that was found fine is not measured any more. To ask again because more samples happen to be there
        would be to look until the answer is another; only a regression, or an improvement, still counts then.
        """
        most = self.most
        z_bad, z_good = sequential.boundaries(error, most), sequential.boundaries(fine, most, EARLY)
        found: tuple[Word, int] = ("open", -1)
        for index in range(self._last + 1):
            known = self.at(sequential.looks(most)[index])
            if known is None:
                continue
            word = known.word(z_bad[index], z_good[index])
            if word == "regressed" or found[0] == "open" or (found[0], word) == ("fine", "improved"):
                found = (word, index)
            if word == "regressed":
                break
        word, index = found
        known = self.at(sequential.looks(most)[index]) if index >= 0 else None
        if known is None:
            return Weighed("open", self.rounds)
        at = (known.pairs, known.limits, z_bad[index], z_good[index], error, fine)
        if self.is_tail:
            shown = known.slow if word == "regressed" or self.tail is not None else None
            return Weighed(word, self.rounds, *at, slow=shown)
        return Weighed(word, self.rounds, *at, odds=known.odds)

    def resume(self, error: float, fine: float, earlier: Odds) -> Weighed:
        """What this session adds to the odds of the earlier ones of the same two revisions.

        Boundaries for looks do not carry over; the odds do. The interval is that of this session alone.
        """
        most = self.most
        known = self.at(sequential.looks(most)[self._last]) if self._last >= 0 else None
        if known is None:
            return Weighed("open", self.rounds)
        own = known.odds
        odds = Odds(worse=earlier.worse + own.worse, fine=earlier.fine + own.fine)
        word: Word = (
            "regressed" if odds.worse >= -math.log(error) else "fine" if odds.fine >= -math.log(fine) else "open"
        )
        z_bad, z_good = (sequential.boundaries(each, most)[self._last] for each in (error, fine))
        return Weighed(word, self.rounds, known.pairs, known.limits, z_bad, z_good, error, fine, odds)

    @property
    def most(self) -> int:
        """The most rounds that looks are planned for: all that there are, where somebody measured more than was planned."""
        return max(self._policy.rounds, len(self.rounds.pairs))

    @property
    def _last(self) -> int:
        reached = sequential.look(len(self.rounds.pairs), self.most)
        return -1 if reached is None else reached

    def at(self, count: int) -> Known | None:
        """What the first so many pairs show; None where they have no logarithm."""
        if count not in self._known:
            self._known[count] = self._look(count)
        return self._known[count]

    def _look(self, count: int) -> Known | None:
        if len(self._logs[0]) < count:
            return None
        before = location.median([pair.before for pair in self.rounds.pairs[:count]])
        return Known(self, count, limits(self._policy, self._probe, self._series, before))

    def pairs(self, count: int) -> Pairs:
        """The first so many pairs; those that were asked for last are kept."""
        if self._pairs is None or self._pairs[0] != count:
            before, after = (logs[:count] for logs in self._logs)
            sides = (before, after) if self._series.better == "lower" else (after, before)
            made = Pairs(*sides, lost=len(self.rounds.lost), unsure=self.rounds.better, how=self._how)
            self._pairs = (count, made)
        return self._pairs[1]

    def differences(self, count: int, shift: float) -> Sequence[float]:
        """The scores of the first so many pairs; kept, for all series together are weighed by them once more."""
        found = self._differences.get(count)
        if found is None or found[0] != shift:
            found = (shift, array("d", self.pairs(count).differences(shift)))
            if self._how is not TAIL:
                self._differences[count] = found
        return found[1]

    @property
    def lost(self) -> tuple[int, float]:
        """How many rounds have no pair, and how far one can go against the candidate."""
        return len(self.rounds.lost) + self.rounds.better, self._how.most

    def count_until(self, end: Key) -> int:
        """How many pairs there are up to this round."""
        return bisect.bisect_right(self.rounds.pairs, end, key=lambda pair: pair.key)

    def until(self, end: Key) -> tuple[tuple[Key, ...], Known] | None:
        """The keys of the rounds up to this one, and what they show; None where they are too few."""
        count = self.count_until(end)
        known = self.at(count) if count >= sequential.FIRST else None
        return None if known is None else (tuple(pair.key for pair in self.rounds.pairs[:count]), known)

    def signed(self) -> Mapping[Hashable, float]:
        """The score of each pair, up to the last count at which correlations are looked at; none before the first.

        The same mapping as before, where nothing has changed.
        """
        doublings = (len(self.rounds.pairs) // CORRELATED).bit_length() - 1
        count = CORRELATED << doublings if doublings >= 0 else 0
        if count and len(self._signed) != count:
            known = self.at(count)
            keys = (pair.key for pair in self.rounds.pairs[:count])
            self._signed = dict(zip(keys, known.differences, strict=True)) if known else {}
        return self._signed
