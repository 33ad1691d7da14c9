"""What the tests of stored baselines share: good runs as they are remembered."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from bot.judge.policy import Policy
from bot.model import Finding, Observation, Past, PastSeries, Run, Series
from tests.unit.judge.cases import finding, policy, timed, verdict
from tests.unit.samples import TIME, observation, run, subject

NAME = "health/latency"


def entry(middle: float = 40.0, **changes: Any) -> PastSeries:
    """A series of a past run."""
    return PastSeries.model_validate({"unit": "ms", "better": "lower", "middle": middle, "samples": 60, **changes})


def past(series: Mapping[str, PastSeries], index: int = 0, **changes: Any) -> Past:
    """A good run, with the commit `aaaaaaaa…` that its index gives."""
    fields = {
        "revision": f"chat-{index}",
        "commit": commit(index),
        "against": commit(index - 1),
        "finished": TIME,
        "verdict": "stable",
        "digest": f"sha256:{index}",
        "vantage": "here",
    }
    return Past.model_validate({**fields, "series": dict(series), **changes})


def commit(index: int) -> str:
    """The commit of the index-th run."""
    return f"{index + 1000:08d}" * 5


def runs(middles: Sequence[float], name: str = NAME, **changes: Any) -> tuple[Past, ...]:
    """Past runs of one series."""
    return tuple(past({name: entry(middle, **changes)}, index) for index, middle in enumerate(middles))


def spread(seed: int, count: int, sd: float = 0.05, middle: float = 40.0) -> list[float]:
    """Medians of so many runs on machines that differ by so much."""
    source = random.Random(seed)
    return [middle * math.exp(source.gauss(0, sd)) for _ in range(count)]


def later(observations: Sequence[Observation], old: Sequence[Observation], history: Sequence[Past]) -> tuple[Run, Run]:
    """A candidate, and a baseline that was stored with a history."""
    new = run(*observations, subject=subject("chat-99", session="two"))
    was = subject(history[-1].revision, commit=history[-1].commit, session="one") if history else subject("chat-1")
    return new, run(*old, subject=was, history=tuple(history))


def judged(
    values: Sequence[float | None], history: Sequence[Past], by: Policy | None = None, **changes: object
) -> Finding:
    """The finding on a latency whose baseline was stored."""
    runs = later([timed(values, **changes)], [timed([40.0] * 60, **changes)], history)
    return finding(verdict(*runs, by or policy(timed=True)), NAME)


def runner(value: float) -> Observation:
    """What the runner measured of itself."""
    cpu = Series(id="cpu", unit="ms", better="lower", columns=("round", "value"), samples=((0, value), (1, value)))
    return observation("runner", kind="control", checks=(), series=(cpu,))
