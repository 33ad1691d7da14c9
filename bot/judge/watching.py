"""What the measuring side asks between rounds: which series are decided, and is it over?"""

from collections.abc import Mapping

from bot.judge import sequential
from bot.judge.pairing import Rounds, answered, join
from bot.judge.policy import Policy
from bot.judge.pooled import Member, pool
from bot.judge.suite import Settled, Suite, blocks, failures_block
from bot.judge.weighing import SPOILT, Errors, errors, failures, spoilt
from bot.model import Carried, Progress, Series, SeriesKey, Watch

SUITE: SeriesKey = ("suite", "latency")
"""What the finding on all series together is called."""
FAILING: SeriesKey = ("suite", "failures")
"""What the finding on the failures of all series together is called."""


def watch(policy: Policy, carried: Carried | None = None, today: str = "") -> Watch:
    """A watch for one session. It decides by the same question as the judge does afterwards.

    `today` is the day (`YYYY-MM-DD`) by which waivers have expired or not; without it none has.
    """
    return _Session(policy, carried, today)


class _Session:
    """Remembers what is decided, and weighs the times of a series only when it has reached its next look."""

    def __init__(self, policy: Policy, carried: Carried | None, today: str) -> None:
        self._policy = policy
        self._before = carried.sessions if carried else 0
        self._today = today
        self._suite = Suite(policy, today, carried)
        if any(each.timed for each in policy.probes.values()):
            self._suite.prepare()
        self._members: dict[SeriesKey, Member] = {}
        self._times: dict[SeriesKey, str] = {}
        self._decided: set[SeriesKey] = set()
        self._next: dict[SeriesKey, int] = {}

    def __call__(self, candidate: Mapping[SeriesKey, Series], baseline: Mapping[SeriesKey, Series]) -> Progress:
        """Which series are decided by now; `stop` at the first regression that blocks, or when all are."""
        error = errors(self._policy, sum(len(each.samples) > 1 for each in candidate.values()), self._before)
        undecided = [key for key in candidate if key not in self._decided]
        for key in undecided:
            self._take(key, candidate[key], baseline.get(key))
        due = [key for key in undecided if len(candidate[key].samples) >= self._next.get(key, sequential.FIRST)]
        settled = self._suite.settle(error) if due else None
        for key in due:
            self._times[key] = self._weigh(key, settled)
        words = {key: self._word(key, error) for key in undecided}
        together = pool(self._policy, self._members, error, self._today)
        waiting = together.series if together is not None and together.most_is_open else ()
        thin = together.thin if together is not None else ()
        blocking = {key for key, word in words.items() if word == "regressed" and self._blocks(key, error, settled)}
        # one whose times have regressed, and block nothing, still owes what the failures of all take
        owing = {key for key in words if key in waiting or key[0] in thin}
        self._decided |= blocking | {key for key, word in words.items() if word != "open" and key not in owing}
        slower = settled.together if settled is not None else None
        stop = slower is not None and blocks(self._policy, SUITE, self._today, slower)
        more_fail = together is not None and together.word == "regressed"
        stop = stop or (more_fail and blocks(self._policy, FAILING, self._today))
        stop = stop or bool(blocking) or all(key in self._decided for key in candidate)
        return Progress(frozenset(self._decided), stop)

    def _take(self, key: SeriesKey, new: Series, old: Series | None) -> None:
        """What failed is counted after every round; the times wait for their next look."""
        known = self._members.get(key)
        if known is not None and _sizes(known.new, known.old) == _sizes(new, old):
            return
        rounds = None
        if old is not None:
            due = len(new.samples) >= self._next.get(key, sequential.FIRST)
            rounds = self._suite.update(key, new, old) if due else join(new, old)
        self._members[key] = Member(new, old, rounds)

    def _weigh(self, key: SeriesKey, settled: Settled | None) -> str:
        """The word on where the values lie, and on the slow ones where it counts."""
        member = self._members[key]
        if member.rounds is None or settled is None:
            enough = len(answered(member.new)) >= sequential.FIRST  # to record; what is not vouched for does not count
            return "fine" if enough else "open"
        self._wait(key, member.new, member.rounds)
        words = {settled.middle[key].word, settled.tail[key].word}
        if "regressed" in words:
            return "regressed"
        if self._policy.tail_for(*key) is None:
            words = {settled.middle[key].word}
        return "open" if "open" in words or spoilt(member.rounds) > SPOILT else "fine"

    def _word(self, key: SeriesKey, error: Errors) -> str:
        words = {self._failing(key, error), self._times.get(key, "open")}
        if "regressed" in words:
            return "regressed"
        return "open" if "open" in words else "fine"

    def _blocks(self, key: SeriesKey, error: Errors, settled: Settled | None) -> bool:
        """Whether what has regressed of it, its failures or its times, is not waived."""
        if self._failing(key, error) == "regressed" and failures_block(self._policy, key, self._today):
            return True
        seen = settled.middle.get(key) if settled else None
        return self._times.get(key) == "regressed" and blocks(self._policy, key, self._today, seen)

    def _failing(self, key: SeriesKey, error: Errors) -> str:
        member = self._members[key]
        return failures(self._policy, key[0], member.new, member.old, member.rounds, error).word

    def _wait(self, key: SeriesKey, new: Series, rounds: Rounds) -> None:
        """Ask again at the next look."""
        have = len(rounds.pairs)
        later = next((each for each in sequential.looks(self._policy.rounds) if each > have), have + sequential.STEP)
        self._next[key] = len(new.samples) + max(1, later - have)


def _sizes(new: Series, old: Series | None) -> tuple[int, int]:
    return len(new.samples), -1 if old is None else len(old.samples)
