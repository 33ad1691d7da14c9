"""Two series of one thing, joined by their rounds: what can be compared, and what was lost on the way."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from bot.model import Cell, Series

Key = tuple[float, str]
"""(round, shard): rounds of two shards are two rounds, whatever their numbers, and those of all shards take turns."""

MOST_GAPS = 10_000
"""Rounds that are counted as lost in one gap: as many as make any difference."""
LEAST, MOST = 1e-9, 1e15
"""A value outside of these has no ratio that means anything; beyond the second it is no number at all."""


class Row(NamedTuple):
    """One sample. `value` is None where the request failed, or nothing was measured.

    `vouched` is false where our own machine was too late to take the time; whether the request failed is seen all the same.
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
    which only the baseline failed, `unseen` those of which the candidate has no sample, `tried` all of them. `aside` are
    rounds whose times our own machine spoilt, without knowing whose turn it was: they count for nothing but failures.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[Key, ...]
    worse: int
    better: int
    tried: int
    aside: int = 0
    unseen: int = 0


def rows(series: Series) -> Iterator[Row]:
    """The samples of a series. A number that is none (a text, an overflow) is a failed sample."""
    place = {name: index for index, name in enumerate(series.columns)}
    ok, shard, vouched = place.get("ok"), place.get("shard"), place.get("vouched")
    for cells in series.samples:
        number = _number(cells[place["round"]])
        name = "" if shard is None else str(cells[shard])
        failed = ok is not None and cells[ok] is not True
        yield Row(
            key=None if number is None else (number, name),
            value=None if failed else _number(cells[place["value"]]),
            vouched=vouched is None or cells[vouched] is not False,
        )


def answered(series: Series) -> list[float]:
    """The values of the samples that succeeded."""
    return [row.value for row in rows(series) if row.value is not None and row.vouched]


def tried(series: Series) -> int:
    """How many requests there were, whether or not their times are vouched for."""
    return len(series.samples)


def failed(series: Series) -> int:
    """How many of them failed."""
    return sum(1 for row in rows(series) if row.value is None)


def missing(series: Series) -> int:
    """Rounds that are missing from a series' own numbering."""
    return sum(1 for _ in _gaps(sorted({row.key for row in rows(series) if row.key is not None})))


def join(candidate: Series, baseline: Series) -> Rounds:
    """Pair the samples of two series that were measured side by side."""
    (new, spoilt_new, nowhere), (old, spoilt_old, _) = _by_round(candidate), _by_round(baseline)
    spoilt = spoilt_new | spoilt_old
    keys = sorted({*new, *old})
    lost = list(_gaps(keys))
    pairs: list[Pair] = []
    worse, better, aside, unseen = nowhere, 0, 0, len(lost)
    for key in keys:
        before, after = old.get(key), new.get(key)
        if before is not None and after is not None:
            if key in spoilt:
                aside += 1
            elif min(before, after) < LEAST:
                lost.append(key)  # nothing, or less: a ratio would say anything
            else:
                pairs.append(Pair(key, before, after))
            continue
        if key not in new:
            unseen += 1
        elif after is None:
            worse += key not in old or before is not None
        elif key in old:
            better += 1
            continue
        lost.append(key)
    count = len(keys) + nowhere + unseen - sum(1 for key in keys if key not in new)
    return Rounds(tuple(pairs), tuple(sorted(lost)), worse, better, count, aside, unseen)


def _by_round(series: Series) -> tuple[dict[Key, float | None], set[Key], int]:
    """What each round has, those whose times nobody vouches for, and how many failed samples are of no round.

    A round that is there twice has failed: which of the two is the pair's other half, nobody can say.
    """
    found: dict[Key, float | None] = {}
    spoilt: set[Key] = set()
    nowhere = 0
    for key, value, vouched in rows(series):
        if key is None:
            nowhere += value is None
        else:
            found[key] = None if key in found else value
            if not vouched:
                spoilt.add(key)
    return found, spoilt, nowhere


def _gaps(keys: list[Key]) -> Iterator[Key]:
    """Whole rounds that are missing between the first and the last of each shard; `keys` are sorted."""
    last: dict[str, float] = {}
    for number, shard in keys:
        missing = min(math.ceil(number - last.get(shard, number)) - 1, MOST_GAPS)
        yield from ((last[shard] + 1 + index, shard) for index in range(missing))
        last[shard] = number


def _number(cell: Cell) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    try:
        number = float(cell)
    except OverflowError:
        return None
    if not abs(number) <= MOST:  # nor is an infinity or a NaN
        return None
    return number if abs(number) >= LEAST else 0.0
