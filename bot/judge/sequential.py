"""Boundaries for looking at the data again and again without spending more than one error budget.

Group-sequential one-sided boundaries with the spending function of Hwang, Shih and DeCani (1990), by the
numerical recursion of Armitage, McPherson and Rowe (1969): Jennison and Turnbull, *Group Sequential Methods* (2000),
chapters 7 and 19.
"""

import math
from functools import lru_cache

FIRST = 20
"""Pairs before the first look: below this a self-normalised score is not near enough to normal."""
STEP = 5
"""Pairs between two looks, at first; later a fifteenth of what there is."""
_POINTS = 100
_LOWEST = -4.0  # in standard deviations: a path that is lower does not come back to the boundary
_REACH = 7.0  # in standard deviations of one step: further than this no path gets in it


@lru_cache(maxsize=64)
def looks(most: int) -> tuple[int, ...]:
    """The numbers of pairs at which the data are looked at, of at most `most`: each a multiple of `STEP`.

    >>> looks(100)
    (20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100)
    >>> looks(400)[-4:], len(looks(400)), len(looks(2000))
    ((345, 365, 385, 400), 45, 71)
    """
    found = [FIRST]
    while found[-1] < most:
        found.append(min(most, found[-1] + max(STEP, found[-1] // (15 * STEP) * STEP)))
    return tuple(found)


def look(pairs: int, most: int) -> int | None:
    """Which look this many pairs have reached; None before the first."""
    return next((index for index in reversed(range(len(looks(most)))) if looks(most)[index] <= pairs), None)


@lru_cache(maxsize=256)
def boundaries(alpha: float, most: int, gamma: float = 1.0) -> tuple[float, ...]:
    """The z that the score must reach at each look, so that all looks together err with probability `alpha`.

    `gamma` is the spending function's: the larger it is, the more is spent on the early looks.
    """
    found: list[float] = []
    spent = at = 0.0
    grid: list[float] = [0.0]
    mass: list[float] = [1.0]  # the probability of each grid point, so far uncrossed
    for pairs in looks(most):
        now = pairs / max(most, FIRST)
        share = _spent(alpha, now, gamma) - spent
        spent += share
        sd = math.sqrt(now - at)
        limit = _solve(grid, mass, sd, share)
        found.append(limit / math.sqrt(now))
        grid, mass = _advance(grid, mass, sd, limit, now)
        at = now
    return tuple(found)


def _spent(alpha: float, fraction: float, gamma: float) -> float:
    """Hwang, Shih and DeCani's function."""
    return alpha * math.expm1(-gamma * fraction) / math.expm1(-gamma)


def _solve(grid: list[float], mass: list[float], sd: float, share: float) -> float:
    """The limit that is crossed with probability `share` in this step."""
    low, high = 0.0, 10.0
    scale = 1 / (sd * math.sqrt(2))
    for _ in range(40):
        middle = (low + high) / 2
        start = _index(grid, middle - _REACH * sd)  # paths further below do not get there in one step
        crossed = math.fsum(
            m * math.erfc((middle - x) * scale) for x, m in zip(grid[start:], mass[start:], strict=True)
        )
        low, high = (middle, high) if crossed > 2 * share else (low, middle)
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
    fresh: list[float] = []
    for y in points:
        start, end = _index(grid, y - _REACH * sd), _index(grid, y + _REACH * sd) + 1
        near = zip(grid[start:end], mass[start:end], strict=True)
        fresh.append(scale * math.fsum(m * math.exp(half * (y - x) * (y - x)) for x, m in near))
    fresh[0] /= 2
    fresh[-1] /= 2
    return points, fresh


def _index(grid: list[float], value: float) -> int:
    """The place of the first point from `value` on; points are evenly spaced."""
    if len(grid) == 1:
        return 0
    place = math.ceil((value - grid[0]) / (grid[1] - grid[0]))
    return min(max(place, 0), len(grid))
