"""Two series of one thing, joined by their rounds: what can be compared, and what was lost on the way."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from bot.model import Cell, Series

Key = tuple[str, float]
"""(shard, round): rounds of two shards are two rounds, whatever their numbers."""

MOST_GAPS = 10_000
"""Rounds that are counted as lost in one gap: as many as make any difference."""


class Row(NamedTuple):
    """One sample. `value` is None where the request failed, or nothing was measured."""

    key: Key | None
    value: float | None


class Pair(NamedTuple):
    """What both sides measured in one round."""

    key: Key
    before: float
    after: float


class Rounds(NamedTuple):
    """Two series side by side.

    `pairs` are the rounds in which both sides answered, in their order. `lost` are the rounds in which the candidate
    gave no value, or one side has no row, or that are missing from the numbering: nobody knows what they would have
    shown. `worse` counts rounds in which the candidate failed and the baseline is not known to have, `better` those in
    which only the baseline failed, `tried` all of them.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[Key, ...]
    worse: int
    better: int
    tried: int


def rows(series: Series) -> Iterator[Row]:
    """The samples of a series. A number that is none (a text, an overflow) is a failed sample."""
    place = {name: index for index, name in enumerate(series.columns)}
    ok, shard = place.get("ok"), place.get("shard")
    for cells in series.samples:
        number = _number(cells[place["round"]])
        name = "" if shard is None else str(cells[shard])
        failed = ok is not None and cells[ok] is not True
        yield Row(
            key=None if number is None else (name, number),
            value=None if failed else _number(cells[place["value"]]),
        )


def answered(series: Series) -> list[float]:
    """The values of the samples that succeeded."""
    return [row.value for row in rows(series) if row.value is not None]


def join(candidate: Series, baseline: Series) -> Rounds:
    """Pair the samples of two series that were measured side by side."""
    new, old = _by_round(candidate), _by_round(baseline)
    nowhere = sum(1 for row in rows(candidate) if row.key is None and row.value is None)
    keys = sorted({*new, *old})
    pairs: list[Pair] = []
    lost = list(_gaps(keys))
    worse, better, tried = nowhere, 0, len(keys) + nowhere
    for key in keys:
        before, after = old.get(key), new.get(key)
        if before is not None and after is not None:
            pairs.append(Pair(key, before, after))
            continue
        if key in new and after is None:
            worse += key not in old or before is not None
        elif key in new and key in old:
            better += 1
            continue
        lost.append(key)
    return Rounds(tuple(pairs), tuple(sorted(lost)), worse, better, tried)


def _by_round(series: Series) -> dict[Key, float | None]:
    """A round that is there twice has failed: which of the two is the pair's other half, nobody can say."""
    found: dict[Key, float | None] = {}
    for key, value in rows(series):
        if key is not None:
            found[key] = None if key in found else value
    return found


def _gaps(keys: list[Key]) -> Iterator[Key]:
    """Whole rounds that are missing between the first and the last of each shard; `keys` are sorted."""
    for (shard, first), (other, second) in pairwise(keys):
        if shard == other:
            missing = min(math.ceil(second - first) - 1, MOST_GAPS)
            yield from ((shard, first + 1 + index) for index in range(missing))


def _number(cell: Cell) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    try:
        number = float(cell)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
