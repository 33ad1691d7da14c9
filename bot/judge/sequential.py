"""Boundaries for looking at the data again and again without spending more than one error budget.

Group-sequential one-sided boundaries with the spending function of Hwang, Shih and DeCani (1990), gamma = 1, by the
numerical recursion of Armitage, McPherson and Rowe (1969): Jennison and Turnbull, *Group Sequential Methods* (2000),
chapters 7 and 19.
"""

import math
from functools import lru_cache

STEP = 10
"""Rounds between two looks."""
FIRST = 20
"""Pairs before the first look: below this a self-normalised score is not near enough to normal."""
_POINTS = 100
_LOWEST = -4.0  # in standard deviations: a path that is lower does not come back to the boundary


def boundary(alpha: float, pairs: int, most: int) -> float | None:
    """The z that the score must reach at this many pairs of at most `most`; None before the first look."""
    if pairs < FIRST:
        return None
    looks = max(1, math.ceil(most / STEP))
    return _boundaries(alpha, looks)[min(math.ceil(pairs / STEP), looks) - 1]


@lru_cache(maxsize=64)
def _boundaries(alpha: float, looks: int) -> tuple[float, ...]:
    """One z a look; the looks before `FIRST` spend nothing and can never be crossed."""
    skipped = FIRST // STEP - 1
    found: list[float] = [math.inf] * min(skipped, looks - 1)
    spent = 0.0
    grid: list[float] = [0.0]
    mass: list[float] = [1.0]  # the probability of each grid point, so far uncrossed
    at = 0.0
    for look in range(len(found) + 1, looks + 1):
        now = look / looks
        share = _spent(alpha, now) - spent
        spent += share
        sd = math.sqrt(now - at)
        limit = _solve(grid, mass, sd, share)
        found.append(limit / math.sqrt(now))
        grid, mass = _advance(grid, mass, sd, limit, now)
        at = now
    return tuple(found)


def _spent(alpha: float, fraction: float) -> float:
    """Hwang, Shih and DeCani's function with gamma = 1."""
    return alpha * (1 - math.exp(-fraction)) / (1 - math.exp(-1))


def _solve(grid: list[float], mass: list[float], sd: float, share: float) -> float:
    """The limit that is crossed with probability `share` in this step."""
    low, high = 0.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        crossed = math.fsum(
            m * math.erfc((middle - x) / (sd * math.sqrt(2))) / 2 for x, m in zip(grid, mass, strict=True)
        )
        low, high = (middle, high) if crossed > share else (low, middle)
    return high


def _advance(
    grid: list[float], mass: list[float], sd: float, limit: float, now: float
) -> tuple[list[float], list[float]]:
    """The uncrossed paths after one more step, by the trapezoid rule."""
    low = _LOWEST * math.sqrt(now)
    width = (limit - low) / (_POINTS - 1)
    points = [low + width * index for index in range(_POINTS)]
    scale = width / (sd * math.sqrt(2 * math.pi))
    half = -0.5 / (sd * sd)
    fresh = [
        scale * sum(m * math.exp(half * (y - x) * (y - x)) for x, m in zip(grid, mass, strict=True)) for y in points
    ]
    fresh[0] /= 2
    fresh[-1] /= 2
    return points, fresh
