"""Quick and steady suites that fail now and then: how often they end green, and how often they are called worse in error.

Their times are decided after twenty rounds, so that what ends measuring is the bound on failures and nothing else.
"""

import math
import random
from typing import NamedTuple

from bot.judge import judge, watch
from bot.judge.policy import Expected, Policy
from bot.model import Observation, Run, Series, SeriesKey, Subject

NOISE = 0.05
LOOK_EVERY = 5
WHEN = "2026-01-02T03:04:05.678Z"


class Ended(NamedTuple):
    """How one session ended: the verdict, whether a row on failures has regressed, and how many requests it took."""

    verdict: str
    failing: bool
    requests: int

    @property
    def green(self) -> bool:
        """Whether nothing was found amiss."""
        return self.verdict in ("stable", "first run")


def session(probes: int, failing: int, share: float, before: float, most: int, seed: int) -> Ended:
    """One session of so many probes that answer in 20 ms, give or take a twentieth.

    Of the baseline's requests `before` fail; of the candidate's as many, and `share` more of the first `failing` probes'.
    """
    dice = random.Random(seed)
    names = [f"probe-{number}" for number in range(probes)]
    expected = {name: Expected(kind="http", title=name, severity="major", timed=True) for name in names}
    by = Policy(probes=expected, rounds=most)
    ask, decided = watch(by), frozenset[SeriesKey]()
    rows: list[dict[SeriesKey, list[tuple[int, float | None, int, bool]]]] = [
        {(name, "latency"): [] for name in names} for _ in range(2)
    ]
    for number in range(most):
        for place, key in enumerate(rows[0]):
            for side in (0, 1) if key not in decided else ():
                fails = dice.random() < before + (share if side == 0 and place < failing else 0.0)
                value = None if fails else 20 * math.exp(dice.gauss(0, NOISE))
                rows[side][key].append((number, value, 0, not fails))
        if (number + 1) % LOOK_EVERY == 0:
            progress = ask(*({key: _series(each) for key, each in side.items()} for side in rows))
            decided = progress.decided
            if progress.stop:
                break
    new, old = (
        run(name, [observed(key[0], _series(each)) for key, each in side.items()])
        for name, side in zip(("new", "old"), rows, strict=True)
    )
    found = judge(new, old, by, "sha256:0")
    worse = any(each.status == "regressed" and each.item.endswith("failures") for each in found.findings)
    return Ended(found.verdict, worse, sum(len(each) for side in rows for each in side.values()))


def _series(rows: list[tuple[int, float | None, int, bool]]) -> Series:
    columns = ("round", "value", "order", "ok")
    return Series.model_construct(id="latency", unit="ms", better="lower", columns=columns, samples=tuple(rows))


def observed(name: str, series: Series) -> Observation:
    """A timed probe of one series."""
    return Observation(probe=name, kind="http", title=name, state="measured", series=(series,))


def run(revision: str, seen: list[Observation]) -> Run:
    """One side of the one session that there is."""
    about = Subject(service="it", environment="test", revision=revision, url="", session="one")
    return Run(subject=about, started=WHEN, finished=WHEN, spec="sha256:0", vantage="here", observations=tuple(seen))
