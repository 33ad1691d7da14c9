"""All timed series of two runs measured side by side, weighed as one suite with one error budget.

The measuring side asks between rounds, and the judge asks once at the end: the same samples get the same answer.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bot.judge import location, multiplicity, sequential
from bot.judge.basis import BLOCKING
from bot.judge.pairing import Key, Rounds, join
from bot.judge.policy import Policy
from bot.judge.scores import MIDDLE, TAIL
from bot.judge.together import Together
from bot.judge.track import EARLY, Track
from bot.judge.waiving import is_beyond
from bot.judge.weighing import Errors, Limits, Weighed, errors
from bot.model import Carried, Extent, Series, SeriesKey, Waiver, six

WIDEST = 2.0
"""How many margins wide a series' own limit may be for it to be weighed together with others."""


class Settled(NamedTuple):
    """What a suite shows by now. `together` is None while nothing is said of all series at once."""

    error: Errors
    middle: Mapping[SeriesKey, Weighed]
    tail: Mapping[SeriesKey, Weighed]
    together: Weighed | None
    carried: Carried | None = None

    def sessions(self, probe: str, series: str) -> int:
        """How many sessions the word on this series rests on."""
        known = self.carried is not None and f"{probe}/{series}" in self.carried.series
        return 1 + (self.carried.sessions if self.carried and known else 0)

    @property
    def earlier(self) -> tuple[str, ...]:
        """The digests of the runs of the sessions before this one."""
        return self.carried.earlier if self.carried else ()


def blocks(policy: Policy, key: SeriesKey, today: str = "", seen: Weighed | None = None) -> bool:
    """Whether a regression of this series keeps a verdict from being green: it is neither minor nor waived.

    What was accepted by comment covers only what is no worse than it was then; `seen` is where the series lies, if that
    is known. Where it is not, it is taken for covered: a session that goes on for longer loses nothing.
    """
    if not _is_severe(policy, key):
        return False
    name = f"{key[0]}/{key[1]}"
    held = [each for each in _held(policy, today) if each.finding in (name, f"{name} failures", f"{name} tail")]
    if not held:
        return True
    if seen is None or seen.word != "regressed":
        return False
    return all(each.finding == name and each.extent is not None and _is_beyond(each.extent, seen) for each in held)


def failures_block(policy: Policy, key: SeriesKey, today: str = "") -> bool:
    """The same of its failures: a waiver of how slow it is, or how long its tail, says nothing of them."""
    name = f"{key[0]}/{key[1]} failures"
    return _is_severe(policy, key) and not any(each.finding == name for each in _held(policy, today))


def _is_severe(policy: Policy, key: SeriesKey) -> bool:
    expected = policy.probes.get(key[0])
    return expected is None or expected.severity in BLOCKING


def _held(policy: Policy, today: str) -> list[Waiver]:
    return [each for each in policy.waivers if each.until is None or each.until >= today]


def _is_beyond(known: Extent, seen: Weighed) -> bool:
    """Whether the series is shown, by the ratio that its finding will have, to be worse than what was accepted."""
    if seen.measure is None or known.worst is None:
        return False
    worse = location.interval(seen.measure, seen.z_bad, seen.z_good, seen.limits.bad, seen.limits.good).middle
    ratio = six(math.exp(min(worse if known.better == "lower" else -worse, 700.0)))
    return is_beyond(known, ratio)


class Suite:
    """Weighs the same series again and again as they grow; what was computed for a look is kept.

    Of "all together" only those are part that may block by themselves on this day (`YYYY-MM-DD`). `carried` is what
    earlier sessions left.
    """

    def __init__(self, policy: Policy, today: str = "", carried: Carried | None = None) -> None:
        self._policy = policy
        self._carried = carried
        self._today = today
        self._middle: dict[SeriesKey, Track] = {}
        self._tail: dict[SeriesKey, Track] = {}
        self._scores: dict[tuple[object, ...], float] = {}
        self._tests: dict[tuple[object, ...], float] = {}

    def prepare(self) -> None:
        """Compute the boundaries of all series now (0.1 s), and not between two rounds that are timed."""
        budget = errors(self._policy, 0, self._carried.sessions if self._carried else 0)
        for error in (budget.fine, budget.together):
            sequential.boundaries(error, self._policy.rounds, EARLY)

    def update(self, key: SeriesKey, new: Series, old: Series) -> Rounds:
        """Take a series with all the samples that it has by now."""
        rounds = join(new, old)
        for tracks, how in ((self._middle, MIDDLE), (self._tail, TAIL)):
            if key not in tracks:
                tracks[key] = Track(self._policy, key[0], new, how)
            if not tracks[key].update(rounds):
                self._scores.clear()
                self._tests.clear()
        return rounds

    def settle(self, error: Errors) -> Settled:
        """What all looks at all series show.

        Once all together are shown to be slower, what was kept for that is spent on which of them are: the graphical
        procedure of Bretz, Maurer, Brannath and Posch (2009).
        """
        together = self._together(error)
        slower = error.slower if together is None else error.slower + error.together
        return Settled(
            error,
            middle=self._step_down(self._middle, slower, error),
            tail=self._step_down(self._tail, error.tail, error),
            together=together,
            carried=self._carried,
        )

    def _step_down(self, tracks: Mapping[SeriesKey, Track], budget: float, error: Errors) -> dict[SeriesKey, Weighed]:
        """Holm's procedure (1979): what a series that has regressed need not spend any more goes to the others.

        It holds for looks that are planned in advance as it does for one (Maurer and Bretz, 2013).
        """
        found: dict[SeriesKey, Weighed] = {}
        left = dict(tracks)
        while left:
            tests = self._effective(left, error.series - (len(tracks) - len(left)), budget)
            each = float(f"{budget / tests:.3g}")  # so that machines whose last digits differ take the same boundaries
            found |= {key: self._weigh(key, track, each, error) for key, track in left.items()}
            worse = {key: len(found[key].measure or ()) for key in left if found[key].word == "regressed"}
            if not worse:
                break
            first = min(worse.values())  # the others are asked again: with more to spend they may have been seen sooner
            left = {key: track for key, track in left.items() if worse.get(key) != first}
        return found

    def _weigh(self, key: SeriesKey, track: Track, each: float, error: Errors) -> Weighed:
        earlier = self._carried.series.get("/".join(key)) if self._carried else None
        if earlier is None or track is not self._middle.get(key):
            return track.weigh(each, error.fine)
        return track.resume(each, error.fine, earlier)

    def _effective(self, tracks: Mapping[SeriesKey, Track], count: int, budget: float) -> float:
        scores = {key: signed for key, track in tracks.items() if (signed := track.signed())}
        asked = (budget, count, *((key, len(signed)) for key, signed in scores.items()))
        if asked not in self._tests:
            self._tests[asked] = multiplicity.effective([*scores.values()], count, budget)
        return self._tests[asked]

    def _together(self, error: Errors) -> Weighed | None:
        tracks = [track for key, track in self._middle.items() if blocks(self._policy, key, self._today)]
        keys = sorted({pair.key for track in tracks for pair in track.rounds.pairs})
        most = max(self._policy.rounds, len(keys))
        last = sequential.look(len(keys), most)
        if len(tracks) < 2 or last is None:
            return None
        z_bad, z_good = (sequential.boundaries(each, most, EARLY) for each in (error.together, error.fine))
        good = math.log1p(self._policy.budget_for("", ""))
        for index in range(last + 1):
            end = keys[sequential.looks(most)[index] - 1]
            # series that are measured at another pace may reach this look later: then it has another score
            asked = (end, *(track.count_until(end) for track in tracks))
            if asked not in self._scores:
                measure = self._until(end, tracks)
                self._scores[asked] = measure.score(measure.bad) if measure else 0.0
            if self._scores[asked] >= z_bad[index]:
                measure = self._until(end, tracks)
                assert measure is not None
                rounds = Rounds((), (), 0, 0, len(measure))
                at = (Limits(measure.bad, good), z_bad[index], z_good[index], error.together, error.fine)
                return Weighed("regressed", rounds, measure, *at)
        return None

    def _until(self, end: Key, tracks: Iterable[Track]) -> Together | None:
        parts = (track.until(end) for track in tracks)
        # quick series, whose limit is a floor far above the margin, are far from it and would speak against the others
        widest = WIDEST * math.log1p(self._policy.margin)
        measure = Together([part for part in parts if part is not None and part[1].limits.bad <= widest])
        return measure if len(measure) >= sequential.FIRST and measure.series > 1 else None
