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
    `against`, `better_in` and `unseen_in` are the rounds behind `worse`, `better` and `unseen`, as far as they have one.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[Key, ...]
    worse: int
    better: int
    tried: int
    aside: int = 0
    unseen: int = 0
    against: tuple[Key, ...] = ()
    better_in: tuple[Key, ...] = ()
    unseen_in: tuple[Key, ...] = ()


def rows(series: Series) -> Iterator[Row]:
    """The samples of a series. A number that is none (a text, an overflow) is a failed sample."""
    place = {name: index for index, name in enumerate(series.columns)}
    ok, shard, vouched = place.get("ok"), place.get("shard"), place.get("vouched")
    for cells in series.samples:
        number = _whole(cells[place["round"]])
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
    (new, spoilt_new, nowhere, astray), (old, spoilt_old, *_) = _by_round(candidate), _by_round(baseline)
    spoilt = spoilt_new | spoilt_old
    keys = sorted({*new, *old})
    lost = [*_gaps(keys), *_nowhere(astray)]
    pairs: list[Pair] = []
    against: list[Key] = []
    better: list[Key] = []
    unseen, aside = list(lost), 0
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
            unseen.append(key)
        elif after is None:
            if key not in old or before is not None:
                against.append(key)
        elif key in old:
            better.append(key)
            continue
        lost.append(key)
    return Rounds(
        tuple(pairs),
        tuple(sorted(lost)),
        worse=len(against) + nowhere,
        better=len(better),
        tried=len({*keys, *unseen}) + nowhere,
        aside=aside,
        unseen=len(unseen),
        against=tuple(against),
        better_in=tuple(better),
        unseen_in=tuple(unseen),
    )


def alone(series: Series) -> Rounds:
    """The rounds of a series that nothing was measured beside: what failed, and what is missing from the numbering."""
    found, _, nowhere, astray = _by_round(series)
    gaps = (*_gaps(sorted(found)), *_nowhere(astray))
    failing = tuple(sorted(key for key, value in found.items() if value is None))
    return Rounds(
        (),
        tuple(sorted({*failing, *gaps})),
        worse=len(failing) + nowhere,
        better=0,
        tried=len(found) + nowhere + len(gaps),
        unseen=len(gaps),
        against=failing,
        unseen_in=gaps,
    )


def _by_round(series: Series) -> tuple[dict[Key, float | None], set[Key], int, int]:
    """What each round has, those whose times nobody vouches for, and the samples of no round: failed, and the others.

    A round that is there twice has failed: which of the two is the pair's other half, nobody can say.
    """
    found: dict[Key, float | None] = {}
    spoilt: set[Key] = set()
    nowhere = astray = 0
    for key, value, vouched in rows(series):
        if key is None:
            nowhere += value is None
            astray += value is not None
        else:
            found[key] = None if key in found else value
            if not vouched:
                spoilt.add(key)
    return found, spoilt, nowhere, astray


def _nowhere(count: int) -> Iterator[Key]:
    """Rounds that stand for values of which nobody can say what they are the half of: they are lost."""
    yield from ((math.inf, str(index)) for index in range(min(count, MOST_GAPS)))


def _gaps(keys: list[Key]) -> Iterator[Key]:
    """Whole rounds that are missing between the first and the last of each shard; `keys` are sorted."""
    last: dict[str, float] = {}
    for number, shard in keys:
        missing = min(int(number - last.get(shard, number)) - 1, MOST_GAPS)
        yield from ((last[shard] + 1 + index, shard) for index in range(missing))
        last[shard] = number


def _whole(cell: Cell) -> float | None:
    """The number of a round. Between two whole ones there is none: what is missing there could not be told."""
    number = _number(cell)
    return number if number is not None and number.is_integer() else None


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
