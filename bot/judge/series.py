"""Series: is it slower, shown so that chance is no excuse, and is it shown to be fine?"""

import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from bot.judge import location, rates
from bot.judge.basis import Basis
from bot.judge.location import Pairs
from bot.judge.policy import Policy
from bot.judge.sequential import FIRST, boundary
from bot.model import Cell, Comparison, Finding, Series, Status, six

ALPHA = 0.05
"""The chance that a suite in which nothing is worse by more than the margin shows any regression."""
BETA = 0.05
"""The chance, for each series, that one that is worse by just the budget is called fine."""
FAILURES = 0.01
"""The p below which more failures than before are no chance."""
POWER = 0.8416
"""The standard normal's 80 % point: `would_have_seen` is what would be shown four times in five."""
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}

Word = Literal["regressed", "improved", "fine", "open"]


class Rounds(NamedTuple):
    """Two series, joined by their rounds. `worse` rounds failed after and not before, `better` the other way round."""

    before: list[float]
    after: list[float]
    worse: int
    better: int


def join(candidate: Series, baseline: Series) -> Rounds:
    """Pair the samples of two series that were measured side by side."""
    old, new = _by_round(baseline), _by_round(candidate)
    both = sorted(old.keys() & new.keys())
    pairs = [(old[key], new[key]) for key in both if old[key] is not None and new[key] is not None]
    worse = sum(1 for key in both if new[key] is None and old[key] is not None)
    better = sum(1 for key in both if old[key] is None and new[key] is not None)
    return Rounds([a for a, _ in pairs if a is not None], [b for _, b in pairs if b is not None], worse, better)


def _by_round(series: Series) -> dict[float, float | None]:
    return dict(values(series))


def values(series: Series) -> Iterator[tuple[float, float | None]]:
    """(round, value) of each sample, the value None where it failed or is nothing that a logarithm can be taken of."""
    place = {name: index for index, name in enumerate(series.columns)}
    for row in series.samples:
        good = row[place["ok"]] is not False if "ok" in place else True
        value = _number(row[place["value"]])
        yield _number(row[place["round"]]) or 0.0, value if good and value is not None and value > 0 else None


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else None


class Limits(NamedTuple):
    """On the log scale: beyond `bad` it has regressed, below `good` it is fine."""

    bad: float
    good: float


def limits(policy: Policy, probe: str, series: Series, before: float) -> Limits:
    """The margin and the budget; a difference in time below the floor counts as neither."""
    unit = SECONDS.get(series.unit)
    floor = policy.floor_for(probe, series.id) / (before * unit) if unit and before > 0 else 0.0
    return Limits(
        bad=math.log1p(max(policy.margin, floor)), good=math.log1p(max(policy.budget_for(probe, series.id), floor))
    )


def decide(pairs: Pairs, bounds: Limits, alpha: float, most: int, *, higher_is_better: bool) -> Word:
    """What this many pairs show."""
    z_bad, z_good = boundary(alpha, len(pairs), most), boundary(BETA, len(pairs), most)
    if z_bad is None or z_good is None:
        return "open"
    turn = -1 if higher_is_better else 1
    if turn * pairs.score(turn * bounds.bad) >= z_bad:
        return "regressed"
    if turn * pairs.score(turn * bounds.good) > -z_good:
        return "open"
    return "improved" if turn * pairs.score(-turn * bounds.bad) <= -z_bad else "fine"


def compare(basis: Basis, policy: Policy, metrics: int) -> Iterator[Finding]:
    """Findings for each series of either side; `metrics` series share the suite's error budget."""
    after = {series.id: series for series in (basis.candidate.series if basis.candidate else ())}
    before = {series.id: series for series in (basis.baseline.series if basis.baseline else ())}
    for name in [*after, *(each for each in before if each not in after)]:
        new, old = after.get(name), before.get(name)
        if new is None or not new.samples:
            yield _missing(basis, name)
        elif len(new.samples) == 1:
            yield _single(basis, policy, new, old)
        elif old is None or not old.samples:
            yield _alone(basis, new)
        else:
            yield from _both(basis, policy, new, old, metrics)
    if basis.expected.timed and basis.candidate and not any(len(each.samples) > 1 for each in after.values()):
        yield _missing(basis, "timing")


def _missing(basis: Basis, name: str) -> Finding:
    why = basis.candidate.reason if basis.candidate else None
    return basis.finding(
        name,
        "series",
        "not measured",
        severity=basis.at_most("major"),
        reason=why or "no sample was taken of the candidate",
        remedy="mend the probe first" if why else "give measuring more time (`judge: time`), or set `timed: false`",
    )


def _alone(basis: Basis, new: Series) -> Finding:
    good = [value for _, value in values(new) if value is not None]
    failed = len(new.samples) - len(good)
    comparison = Comparison(
        unit=new.unit,
        better=new.better,
        after=six(location.median(good)) if good else None,
        samples_after=len(new.samples),
        failed_after=failed,
        method="recorded; nothing to compare with",
    )
    if not good:
        reason = f"all {failed} timed requests failed"
        return basis.finding(
            new.id, "series", "broken", comparison=comparison, reason=reason, tries=failed, failures=failed
        )
    if failed:
        reason = (
            f"{failed} of {len(new.samples)} timed requests failed, and there is no baseline to say whether that is new"
        )
        return basis.finding(
            new.id, "series", "not measured", comparison=comparison, reason=reason, remedy="look at the failures"
        )
    return basis.finding(new.id, "series", "new", severity=basis.at_most("major"), comparison=comparison)


def _single(basis: Basis, policy: Policy, new: Series, old: Series | None) -> Finding:
    """One number on each side: its ratio is shown, and never blocks."""
    now = next((value for _, value in values(new)), None)
    then = next((value for _, value in values(old)), None) if old else None
    ratio = now / then if now is not None and then is not None else None
    comparison = Comparison(
        unit=new.unit,
        better=new.better,
        before=six(then) if then is not None else None,
        after=six(now) if now is not None else None,
        ratio=six(ratio) if ratio is not None else None,
        samples_before=len(old.samples) if old else 0,
        samples_after=1,
        method="one number; shown, never blocking",
    )
    if ratio is None:
        return basis.finding(new.id, "series", "new", severity="info", comparison=comparison)
    worse = ratio if new.better == "lower" else 1 / ratio
    if worse > 1 + policy.tolerance:
        reason = f"one number, worse by more than {policy.tolerance:.0%}: worth a look, not a proof"
        return basis.finding(new.id, "series", "changed", severity="minor", comparison=comparison, reason=reason)
    return basis.finding(new.id, "series", "maintained", severity="info", comparison=comparison)


def _both(basis: Basis, policy: Policy, new: Series, old: Series, metrics: int) -> Iterator[Finding]:
    severity = basis.at_most("major")
    good = [value for _, value in values(new) if value is not None]
    was = [value for _, value in values(old) if value is not None]
    failed, failed_before = len(new.samples) - len(good), len(old.samples) - len(was)
    shown = Comparison(
        unit=new.unit,
        better=new.better,
        before=six(location.median(was)) if was else None,
        after=six(location.median(good)) if good else None,
        samples_before=len(old.samples),
        samples_after=len(new.samples),
        failed_before=failed_before,
        failed_after=failed,
    )
    if failed:
        yield _failures(basis, new, old, shown)
    if new.unit != old.unit or new.better != old.better:
        reason = f"the baseline is in {old.unit} ({old.better} is better), the candidate in {new.unit}"
        yield basis.finding(
            new.id, "series", "not measured", severity=severity, reason=reason, remedy="measure both with this version"
        )
    elif not basis.paired:
        ratio = location.median(good) / location.median(was) if good and was else None
        yield basis.finding(
            new.id,
            "series",
            "not measured",
            severity=severity,
            comparison=shown.model_copy(
                update={
                    "ratio": six(ratio) if ratio else None,
                    "method": "medians of two different times; shown, never blocking",
                }
            ),
            reason="the baseline was measured at another time: for the ratio no error rate can be promised",
            remedy="keep the previous revision up beside the candidate, or set `timed: false`",
        )
    else:
        yield _paired(basis, policy, new, old, metrics, shown)


def _failures(basis: Basis, new: Series, old: Series, shown: Comparison) -> Finding:
    """Timed requests of the candidate failed: more often than before?"""
    item = f"{new.id} failures"
    counts: dict[str, Any] = {"tries": shown.samples_after, "failures": shown.failed_after, "comparison": None}
    before, after = f"{shown.failed_before} of {shown.samples_before}", f"{shown.failed_after} of {shown.samples_after}"
    counts |= {"before": before, "after": after, "expected": "no timed request fails"}
    if shown.failed_after == shown.samples_after:
        word: Status = "regressed" if shown.failed_before < shown.samples_before else "broken"
        return basis.finding(item, "check", word, reason="every timed request failed", **counts)
    if basis.paired:
        rounds = join(new, old)
        p = rates.paired_p(rounds.worse, rounds.better)
        more = rounds.worse > rounds.better
    else:
        p = rates.unpaired_p(shown.failed_before, shown.samples_before, shown.failed_after, shown.samples_after)
        more = shown.failed_after * shown.samples_before > shown.failed_before * shown.samples_after
    if p <= FAILURES:
        reason = f"more timed requests failed than before (exact p = {six(p):.2g})"
        return basis.finding(item, "check", "regressed", reason=reason, **counts)
    if more:
        reason = f"some timed requests failed; too few to tell from chance (exact p = {six(p):.2g})"
        remedy = "measure more rounds (`judge: rounds`), or look at the failures"
        return basis.finding(item, "check", "not measured", reason=reason, remedy=remedy, **counts)
    reason = "timed requests fail, no more often than before"
    return basis.finding(item, "check", "maintained", reason=reason, **counts)


def _paired(basis: Basis, policy: Policy, new: Series, old: Series, metrics: int, shown: Comparison) -> Finding:
    severity = basis.at_most("major")
    rounds = join(new, old)
    count = len(rounds.before)
    alpha = ALPHA / max(1, metrics)
    z_bad, z_good = boundary(alpha, count, policy.rounds), boundary(BETA, count, policy.rounds)
    if z_bad is None or z_good is None:
        return basis.finding(
            new.id,
            "series",
            "not measured",
            severity=severity,
            comparison=shown.model_copy(update={"pairs": count, "more_pairs": FIRST - count, "method": METHOD}),
            reason=f"only {count} rounds in which both sides answered; below {FIRST} nothing is said",
            remedy="give measuring more time (`judge: time`)",
        )
    pairs = Pairs(rounds.before, rounds.after)
    higher = new.better == "higher"
    bounds = limits(policy, basis.name, new, location.median(rounds.before))
    word = decide(pairs, bounds, alpha, policy.rounds, higher_is_better=higher)
    found = location.interval(pairs, z_good, z_bad) if higher else location.interval(pairs, z_bad, z_good)
    comparison = shown.model_copy(
        update={
            "before": six(location.median(rounds.before)),
            "after": six(location.median(rounds.after)),
            "ratio": six(found.ratio),
            "low": six(found.low),
            "high": six(found.high),
            "confidence": six(1 - alpha - BETA),
            "pairs": count,
            "decided": word != "open",
            "method": METHOD,
            **_power(found, bounds, count, z_bad, z_good, higher=higher, undecided=word == "open"),
        }
    )
    if word == "open":
        return basis.finding(
            new.id,
            "series",
            "not measured",
            severity=severity,
            comparison=comparison,
            reason="undecided: the interval shows neither a regression nor that it is within the budget",
            remedy=f"measure about {comparison.more_pairs} more rounds (`judge: time`, `rounds`), or widen the budget",
        )
    status = "maintained" if word == "fine" else word
    budget = policy.budget_for(basis.name, new.id)
    by_floor = word == "fine" and bounds.good > math.log1p(budget)
    floor = f"{policy.floor_for(basis.name, new.id) * 1000:g} ms"
    reason = (
        f"the difference is shown to be below {floor}, which does not matter (`judge: floor`)" if by_floor else None
    )
    return basis.finding(new.id, "series", status, severity=severity, comparison=comparison, reason=reason)


METHOD = "block-aligned biweight score of log values, sign-flip null, group-sequential"


def _power(
    found: location.Interval, bounds: Limits, count: int, z_bad: float, z_good: float, *, higher: bool, undecided: bool
) -> dict[str, float | int]:
    """What these pairs would have shown, and how many more would decide: the width shrinks as their root grows."""
    worse_end, z = (found.high, z_bad) if higher else (found.low, z_bad)
    width = abs(math.log(found.ratio / worse_end)) / z
    turn = -1 if higher else 1
    shown: dict[str, float | int] = {"would_have_seen": six(math.exp(turn * (bounds.bad + (z_bad + POWER) * width)))}
    if undecided:
        at = turn * math.log(found.ratio)
        gap = max((at - bounds.bad) / z_bad, (bounds.good - at) / z_good, 1e-4)
        shown["more_pairs"] = max(1, min(1_000_000, math.ceil(count * (width / gap) ** 2) - count))
    return shown
