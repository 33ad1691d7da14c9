"""What the measuring side asks between rounds: which series are decided, and is it over?"""

from collections.abc import Mapping

from bot.judge import sequential
from bot.judge.pairing import Rounds, answered
from bot.judge.policy import Policy
from bot.judge.suite import Settled, Suite, blocks
from bot.judge.weighing import Errors, errors, failures
from bot.model import Carried, Progress, Series, SeriesKey, Watch

SUITE: SeriesKey = ("suite", "latency")
"""What the finding on all series together is called."""


def watch(policy: Policy, carried: Carried | None = None) -> Watch:
    """A watch for one session. It decides by the same question as the judge does afterwards."""
    return _Session(policy, carried)


class _Session:
    """Remembers what is decided, and asks about a series only when it has reached its next look."""

    def __init__(self, policy: Policy, carried: Carried | None) -> None:
        self._policy = policy
        self._before = carried.sessions if carried else 0
        self._suite = Suite(policy, carried=carried)
        self._rounds: dict[SeriesKey, Rounds] = {}
        self._decided: set[SeriesKey] = set()
        self._next: dict[SeriesKey, int] = {}

    def __call__(self, candidate: Mapping[SeriesKey, Series], baseline: Mapping[SeriesKey, Series]) -> Progress:
        """Which series are decided by now; `stop` at the first regression that blocks, or when all are."""
        error = errors(self._policy, sum(len(each.samples) > 1 for each in candidate.values()), self._before)
        due = [
            key
            for key, new in candidate.items()
            if key not in self._decided and len(new.samples) >= self._next.get(key, sequential.FIRST)
        ]
        for key in due:
            if key in baseline:
                self._rounds[key] = self._suite.update(key, candidate[key], baseline[key])
        settled = self._suite.settle(error) if due else None
        together = settled.together if settled is not None else None
        stop = together is not None and blocks(self._policy, SUITE, seen=together)
        for key in due:
            word = self._word(key, candidate[key], baseline.get(key), settled, error)
            if word != "open":
                self._decided.add(key)
            seen = settled.middle.get(key) if settled is not None else None
            stop = stop or (word == "regressed" and blocks(self._policy, key, seen=seen))
        return Progress(frozenset(self._decided), stop or all(key in self._decided for key in candidate))

    def _word(self, key: SeriesKey, new: Series, old: Series | None, settled: Settled | None, error: Errors) -> str:
        rounds = self._rounds.get(key)
        failing = failures(self._policy, key[0], new, old, rounds, error)
        if old is None or rounds is None or settled is None:
            enough = len(answered(new)) >= sequential.FIRST  # to record; what is not vouched for does not count
            return "fine" if enough and failing.word != "open" else "open"
        words = {settled.middle[key].word, failing.word, settled.tail[key].word}
        if "regressed" in words:
            return "regressed"
        if self._policy.tail_for(*key) is None:
            words = {settled.middle[key].word, failing.word}
        self._wait(key, new, rounds, failing.word)
        return "open" if "open" in words else "fine"

    def _wait(self, key: SeriesKey, new: Series, rounds: Rounds, failing: str) -> None:
        """Ask again at the next look; failures are weighed whenever there is a round more."""
        have = len(rounds.pairs)
        later = next((each for each in sequential.looks(self._policy.rounds) if each > have), have + sequential.STEP)
        self._next[key] = len(new.samples) + (1 if failing == "open" else max(1, later - have))
