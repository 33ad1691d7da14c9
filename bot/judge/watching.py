"""What the measuring side asks between rounds: which series are decided, and is it over?"""

from collections.abc import Mapping

from bot.judge import location
from bot.judge.location import Pairs
from bot.judge.policy import Policy
from bot.judge.sequential import FIRST, STEP
from bot.judge.series import ALPHA, decide, join, limits
from bot.model import Progress, Series, SeriesKey, Watch


def watch(policy: Policy) -> Watch:
    """A watch for one session. It decides by the same boundaries as the judge does afterwards."""
    decided: set[SeriesKey] = set()
    looked: dict[SeriesKey, int] = {}

    def look(candidate: Mapping[SeriesKey, Series], baseline: Mapping[SeriesKey, Series]) -> Progress:
        stop = False
        for key, new in candidate.items():
            if key in decided:
                continue
            old = baseline.get(key)
            if old is None:
                if len(new.samples) >= FIRST:
                    decided.add(key)
                continue
            rounds = join(new, old)
            count = len(rounds.before)
            if count < FIRST or count // STEP == looked.get(key):
                if len(new.samples) >= 2 * FIRST and count == 0:
                    decided.add(key)  # one side answers nothing: more of that shows nothing more
                continue
            looked[key] = count // STEP
            bounds = limits(policy, key[0], new, location.median(rounds.before))
            word = decide(
                Pairs(rounds.before, rounds.after),
                bounds,
                ALPHA / max(1, len(candidate)),
                policy.rounds,
                higher_is_better=new.better == "higher",
            )
            if word != "open":
                decided.add(key)
            stop = stop or word == "regressed"
        return Progress(frozenset(decided), stop or all(key in decided for key in candidate))

    return look
