"""Series to findings: is it slower, shown so that chance is no excuse, and is it shown to be fine?"""

import math
from collections.abc import Iterator

from bot.judge import failing, location, sequential, single, stored
from bot.judge.basis import Basis
from bot.judge.pairing import answered
from bot.judge.policy import Policy
from bot.judge.weighing import Errors, Weighed, settle
from bot.model import Comparison, Finding, Series, Status, six
from bot.model.duration import format_duration

POWER = 0.8416
"""The standard normal's 80 % point: `would_have_seen` is what would be shown four times in five."""
METHOD = "paired rounds: block-aligned biweight score of log values, sign-flip null, group-sequential boundaries"
MOST_PAIRS = 1_000_000


def compare(basis: Basis, policy: Policy, error: Errors) -> Iterator[Finding]:
    """Findings for each series of either side."""
    assert basis.candidate is not None
    after = {series.id: series for series in basis.candidate.series}
    before = {series.id: series for series in (basis.baseline.series if basis.baseline else ())}
    for name in [*after, *(each for each in before if each not in after)]:
        new, old = after.get(name), before.get(name)
        if old is not None and not old.samples:
            old = None
        if new is None or not new.samples:
            yield _missing(basis, name, old)
        elif not basis.expected.timed and len(new.samples) == 1 and (old is None or len(old.samples) == 1):
            yield single.compare(basis, policy, new, old, _shown(new, old, ""))
        elif old is None:
            yield from _alone(basis, policy, new, error)
        elif basis.paired:
            yield from _paired(basis, policy, new, old, error)
        else:
            yield from _stored(basis, policy, new, old, error)
    if basis.expected.timed and not after:
        yield _missing(basis, "timing", None)


def _missing(basis: Basis, name: str, old: Series | None) -> Finding:
    assert basis.candidate is not None
    if old is not None and basis.no_longer_asked_for:
        return basis.finding(name, "series", "gone", severity="info", reason="the spec no longer asks for it")
    why = basis.candidate.reason
    broken = basis.candidate.state == "broken"
    return basis.finding(
        name,
        "series",
        "not measured",
        severity=basis.at_most("major"),
        reason=f"it was not timed: {why}" if why else "no sample was taken of the candidate",
        remedy="mend the probe first" if broken else "give measuring more time (`judge: time`), or set `timed: false`",
    )


def _shown(new: Series, old: Series | None, method: str) -> Comparison:
    good, was = answered(new), answered(old) if old else []
    return Comparison(
        unit=new.unit,
        better=new.better,
        before=six(location.median(was)) if was else None,
        after=six(location.median(good)) if good else None,
        samples_before=len(old.samples) if old else 0,
        samples_after=len(new.samples),
        failed_before=len(old.samples) - len(was) if old else 0,
        failed_after=len(new.samples) - len(good),
        method=method,
    )


def _alone(basis: Basis, policy: Policy, new: Series, error: Errors) -> Iterator[Finding]:
    """Nothing to compare with: recorded, where that is because there was nothing before."""
    yield from failing.compare(basis, policy, new, None, None, error)
    shown = _shown(new, None, "recorded; nothing to compare with")
    severity = basis.at_most("major")
    good = len(new.samples) - shown.failed_after
    if good < sequential.FIRST:
        reason = f"only {good} samples succeeded; below {sequential.FIRST} nothing is said"
        remedy = "give measuring more time (`judge: time`), or set `timed: false`"
        yield basis.finding(
            new.id, "series", "not measured", severity=severity, comparison=shown, reason=reason, remedy=remedy
        )
    elif basis.baseline_is_lost:
        yield basis.finding(new.id, "series", "not measured", severity=severity, comparison=shown, **basis.lost_words)
    else:
        yield basis.finding(new.id, "series", "new", severity=severity, comparison=shown)


def _stored(basis: Basis, policy: Policy, new: Series, old: Series, error: Errors) -> Iterator[Finding]:
    """Measured at two times: the machine, the network and the neighbours were others."""
    yield from failing.compare(basis, policy, new, old, None, error)
    yield stored.compare(basis, policy, new, old, _shown(new, old, ""))


def _paired(basis: Basis, policy: Policy, new: Series, old: Series, error: Errors) -> Iterator[Finding]:
    severity = basis.at_most("major")
    shown = _shown(new, old, METHOD)
    if (new.unit, new.better) != (old.unit, old.better):
        reason = f"the baseline is in {old.unit} ({old.better} is better), the candidate in {new.unit} ({new.better})"
        remedy = "measure both with this version"
        yield basis.finding(new.id, "series", "not measured", severity=severity, reason=reason, remedy=remedy)
        return
    weighed = settle(policy, basis.name, new, old, error)
    yield from failing.compare(basis, policy, new, old, weighed.rounds, error)
    if weighed.pairs is None:
        yield _too_little(basis, new, shown, weighed)
        return
    comparison = shown.model_copy(update=_numbers(new, weighed, error))
    if weighed.word == "open":
        yield basis.finding(
            new.id,
            "series",
            "not measured",
            severity=severity,
            comparison=comparison,
            reason="undecided: the interval shows neither a regression nor that it is within the budget",
            remedy=f"measure about {comparison.more_pairs} more rounds (`judge: time`, `rounds`), or widen the budget",
        )
    else:
        word: Status = "maintained" if weighed.word == "fine" else weighed.word
        why = _by_the_floor(policy, basis.name, new.id, weighed)
        yield basis.finding(new.id, "series", word, severity=severity, comparison=comparison, reason=why)


def _by_the_floor(policy: Policy, probe: str, series: str, weighed: Weighed) -> str | None:
    """Say so, where what made it fine is that the difference is too small to matter."""
    if weighed.word != "fine" or weighed.limits.good <= math.log1p(policy.budget_for(probe, series)):
        return None
    floor = format_duration(policy.floor_for(probe, series))
    return f"the difference is shown to be below {floor}, which does not matter (`judge: floor`)"


def _too_little(basis: Basis, new: Series, shown: Comparison, weighed: Weighed) -> Finding:
    count = len(weighed.rounds.pairs)
    if count >= sequential.FIRST:
        reason, remedy, more = "values of nothing or less have no ratio", "measure it in another unit", None
    else:
        reason = f"only {count} rounds in which both sides answered; below {sequential.FIRST} nothing is said"
        remedy, more = "give measuring more time (`judge: time`)", sequential.FIRST - count
    return basis.finding(
        new.id,
        "series",
        "not measured",
        severity=basis.at_most("major"),
        comparison=shown.model_copy(update={"pairs": count, "more_pairs": more}),
        reason=reason,
        remedy=remedy,
    )


def _numbers(series: Series, weighed: Weighed, error: Errors) -> dict[str, float | int | bool | None]:
    """The interval, what these pairs would have shown, and how many more would decide."""
    assert weighed.pairs is not None
    pairs, limits, z_bad, z_good = weighed.pairs, weighed.limits, weighed.z_bad, weighed.z_good
    found = location.interval(pairs, z_bad, z_good, limits.bad, limits.good)
    lower = series.better == "lower"
    low, high = (found.low, found.high) if lower else (-found.high, -found.low)
    # the width shrinks as the root of the number of pairs grows: that is all the arithmetic of the two predictions
    width = max((found.middle - found.low) / z_bad, 1e-9)
    seen = limits.bad + (z_bad + POWER) * width
    numbers: dict[str, float | int | bool | None] = {
        "ratio": _ratio(found.middle if lower else -found.middle),
        "low": _ratio(low),
        "high": _ratio(high),
        "confidence": six(1 - error.slower - error.fine),
        "pairs": len(pairs),
        "decided": weighed.word != "open",
        "would_have_seen": _ratio(seen if lower else -seen),
    }
    if weighed.word == "open":
        gap = max((found.middle - limits.bad) / z_bad, (limits.good - found.middle) / z_good, 1e-4)
        numbers["more_pairs"] = max(1, min(MOST_PAIRS, math.ceil(len(pairs) * (width / gap) ** 2) - len(pairs)))
    return numbers


def _ratio(log: float) -> float | None:
    return six(math.exp(log)) if math.isfinite(log) else None
