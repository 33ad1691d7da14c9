"""Simulated latencies of two revisions that are asked side by side, in scenarios from clean to cloud.

All noise is multiplicative: a value is the exponential of a sum of an environment that both sides share (it moves slowly,
has noisy neighbours and a trend) and what belongs to one request (its own spread, pauses, cold starts, a heavy tail).
"""

import math
import random
from collections.abc import Iterator
from typing import NamedTuple


class Scenario(NamedTuple):
    """Standard deviations are of the natural logarithm of a latency; shares are of requests."""

    request: float
    """Standard deviation of one request."""
    environment: float = 0.0
    """Standard deviation of the environment, an autoregressive process of order one."""
    memory: float = 1.0
    """The environment's time constant, in requests."""
    neighbour: float = 0.0
    """Share of time in which a noisy neighbour makes everything about 2.5 times as slow."""
    pauses: float = 0.0
    """Share that is hit by a pause, and takes three to eight times as long."""
    cold: float = 0.0
    """Share that starts cold, and takes four times as long."""
    heavy: float = 0.0
    """Share with a tail of Pareto's kind."""
    trend: float = 0.0
    """Standard deviation of a linear trend from one end of the run to the other."""
    instance: float = 0.0
    """Standard deviation of what belongs to the instance that a side happens to sit on: no pairing takes it away."""


SCENARIOS = {
    "lognormal": Scenario(0.25),
    "heavy": Scenario(0.20, heavy=0.05),
    "autocorrelated": Scenario(0.15, environment=0.20, memory=100),
    "pauses": Scenario(0.20, neighbour=0.02, pauses=0.01),
    "drift": Scenario(0.20, trend=0.05),
    "bimodal": Scenario(0.20, cold=0.08),
    "cloud": Scenario(0.20, 0.15, 60, 0.02, 0.01, 0.03, trend=0.03),
    "cloud-instances": Scenario(0.20, 0.15, 60, 0.02, 0.01, 0.03, trend=0.03, instance=0.015),
}

STAY = 0.85
"""The chance that a noisy neighbour is still there at the next request."""


class Effect(NamedTuple):
    """What the candidate does worse: every request slower by a ratio, and a share of them three times as slow."""

    ratio: float = 1.0
    tail: float = 0.0


def sides(scenario: str, rounds: int, dice: random.Random, effect: Effect) -> tuple[list[float], list[float]]:
    """The baseline's and the candidate's latencies, one of each a round, in an order drawn by lot."""
    how = SCENARIOS[scenario]
    environment = _environment(how, 2 * rounds, dice)
    offsets = dice.gauss(0, how.instance), dice.gauss(0, how.instance) + math.log(effect.ratio)
    before: list[float] = []
    after: list[float] = []
    for first, second in zip(environment, environment, strict=True):
        b, a = (first, second) if dice.random() < 0.5 else (second, first)
        before.append(math.exp(b + _request(how, dice) + offsets[0]))
        slow = 3.0 if dice.random() < effect.tail else 1.0
        after.append(slow * math.exp(a + _request(how, dice) + offsets[1]))
    return before, after


def _environment(how: Scenario, count: int, dice: random.Random) -> Iterator[float]:
    keep = math.exp(-1 / how.memory)
    push = how.environment * math.sqrt(1 - keep * keep)
    enter = how.neighbour * (1 - STAY) / (1 - how.neighbour)
    at, busy = dice.gauss(0, how.environment), dice.random() < how.neighbour
    slope = dice.gauss(0, how.trend)
    for index in range(count):
        at = keep * at + (dice.gauss(0, push) if push else 0.0)
        busy = dice.random() < (STAY if busy else enter)
        neighbour = math.log(2.5) + dice.gauss(0, 0.4) if busy else 0.0
        yield at + neighbour + slope * (index / count - 0.5)


def _request(how: Scenario, dice: random.Random) -> float:
    value = dice.gauss(0, how.request)
    if how.pauses and dice.random() < how.pauses:
        value += math.log(dice.uniform(3, 8))
    if how.cold and dice.random() < how.cold:
        value += math.log(4)
    if how.heavy and dice.random() < how.heavy:
        value += dice.expovariate(1.5)
    return value
