"""What the measuring side asks between rounds: which series are decided, and is it over?"""

from collections.abc import Mapping

from bot.judge import sequential
from bot.judge.basis import BLOCKING
from bot.judge.policy import Policy
from bot.judge.weighing import Errors, errors, failures, weigh
from bot.model import Progress, Series, SeriesKey, Watch


def watch(policy: Policy) -> Watch:
    """A watch for one session. It decides by the same question as the judge does afterwards."""
    return _Session(policy)


class _Session:
    """Remembers what is decided, and asks about a series only when it has reached its next look."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._decided: set[SeriesKey] = set()
        self._next: dict[SeriesKey, int] = {}
        self._waived = {each.finding for each in policy.waivers}

    def __call__(self, candidate: Mapping[SeriesKey, Series], baseline: Mapping[SeriesKey, Series]) -> Progress:
        """Which series are decided by now; `stop` at the first regression that blocks, or when all are."""
        error = errors(self._policy, len(candidate))
        stop = False
        for key, new in candidate.items():
            if key in self._decided or len(new.samples) < self._next.get(key, sequential.FIRST):
                continue
            old = baseline.get(key)
            word = self._alone(key, new, error) if old is None else self._beside(key, new, old, error)
            if word != "open":
                self._decided.add(key)
            stop = stop or (word == "regressed" and self._blocks(key))
        return Progress(frozenset(self._decided), stop or all(key in self._decided for key in candidate))

    def _alone(self, key: SeriesKey, new: Series, error: Errors) -> str:
        seen = failures(self._policy, key[0], new, None, None, error)
        return "open" if seen.word == "open" else "fine"

    def _beside(self, key: SeriesKey, new: Series, old: Series, error: Errors) -> str:
        weighed = weigh(self._policy, key[0], new, old, error)
        failing = failures(self._policy, key[0], new, old, weighed.rounds, error)
        if "regressed" in (weighed.word, failing.word):
            return "regressed"
        if weighed.pairs is not None:
            reached = len(weighed.pairs)
            later = (each for each in sequential.looks(self._policy.rounds) if each > reached)
            missing = next(later, reached + sequential.STEP) - len(weighed.rounds.pairs)
            if failing.word != "open":
                self._next[key] = len(new.samples) + max(1, missing)
        return "open" if "open" in (weighed.word, failing.word) else "fine"

    def _blocks(self, key: SeriesKey) -> bool:
        expected = self._policy.probes.get(key[0])
        waived = {f"{key[0]}/{key[1]}", f"{key[0]}/{key[1]} failures"} & self._waived
        return (expected is None or expected.severity in BLOCKING) and not waived
