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
    """One sample. `value` is None where the request failed, or nothing was measured.

    `vouched` is false where our own machine was too late to measure: that says nothing of the service.
    """

    key: Key | None
    value: float | None
    vouched: bool = True


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
    which only the baseline failed, `tried` all of them. `aside` are the rounds that our own machine spoilt, which count
    for nothing: it did so without knowing whose turn it was.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[Key, ...]
    worse: int
    better: int
    tried: int
    aside: int = 0


def rows(series: Series) -> Iterator[Row]:
    """The samples of a series. A number that is none (a text, an overflow) is a failed sample."""
    place = {name: index for index, name in enumerate(series.columns)}
    ok, shard, vouched = place.get("ok"), place.get("shard"), place.get("vouched")
    for cells in series.samples:
        number = _number(cells[place["round"]])
        name = "" if shard is None else str(cells[shard])
        failed = ok is not None and cells[ok] is not True
        yield Row(
            key=None if number is None else (name, number),
            value=None if failed else _number(cells[place["value"]]),
            vouched=vouched is None or cells[vouched] is not False,
        )


def answered(series: Series) -> list[float]:
    """The values of the samples that succeeded."""
    return [row.value for row in rows(series) if row.value is not None and row.vouched]


def tried(series: Series) -> int:
    """How many samples say something of the service."""
    return sum(1 for row in rows(series) if row.vouched)


def join(candidate: Series, baseline: Series) -> Rounds:
    """Pair the samples of two series that were measured side by side."""
    (new, spoilt_new, nowhere), (old, spoilt_old, _) = _by_round(candidate), _by_round(baseline)
    spoilt = spoilt_new | spoilt_old
    keys = sorted({*new, *old, *spoilt})
    lost = list(_gaps(keys))
    keys = [key for key in keys if key not in spoilt]
    pairs: list[Pair] = []
    worse, better = nowhere, 0
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
    return Rounds(tuple(pairs), tuple(sorted(lost)), worse, better, len(keys) + nowhere, len(spoilt))


def _by_round(series: Series) -> tuple[dict[Key, float | None], set[Key], int]:
    """What each round has, those that nobody vouches for, and how many failed samples are of no round.

    A round that is there twice has failed: which of the two is the pair's other half, nobody can say.
    """
    found: dict[Key, float | None] = {}
    spoilt: set[Key] = set()
    nowhere = 0
    for key, value, vouched in rows(series):
        if key is None:
            nowhere += value is None and vouched
        else:
            found[key] = None if key in found else value
            if not vouched:
                spoilt.add(key)
    return found, spoilt, nowhere


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
