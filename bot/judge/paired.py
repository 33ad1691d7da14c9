"""Series that were measured side by side, to findings: each by itself, its slow requests, and all of them together."""

import math
from collections.abc import Iterator

from bot.judge import failing, location, rates, sequential
from bot.judge.basis import Basis
from bot.judge.policy import SUITE, Policy
from bot.judge.suite import Settled
from bot.judge.weighing import POWER, REMARKED, SPOILT, Weighed, spoilt
from bot.model import Comparison, Finding, Observation, Odds, Series, Severity, Status, six
from bot.model.duration import format_duration

METHOD = "paired rounds: block-aligned biweight score of log values, sign-flip null, group-sequential boundaries"
TAIL_METHOD = (
    "paired rounds: block-aligned ramp score of the slow requests, sign-flip null, group-sequential boundaries"
)
TOGETHER_METHOD = "paired rounds: the scores of all series added up for each round, one sign flip a round"
RESUMED_METHOD = "sessions added up: e-values of sign-flip bets on the paired scores"
MOST_PAIRS = 1_000_000
MOST_ODDS = 1_000_000
"""Odds beyond which no number says more."""
SHOWN_DIGESTS = 3
CUT_SHORT = ("undecided", "only ")
"""How the reasons begin of what more rounds would decide."""


def compare(
    basis: Basis, policy: Policy, new: Series, old: Series, settled: Settled, shown: Comparison
) -> Iterator[Finding]:
    """The finding on where a series lies, and those on its failures and its slow requests."""
    key = (basis.name, new.id)
    weighed = settled.middle.get(key)
    if weighed is None:
        reason = f"the baseline is in {old.unit} ({old.better} is better), the candidate in {new.unit} ({new.better})"
        remedy = "measure both with this version"
        severity = basis.at_most("major")
        yield basis.finding(new.id, "series", "not measured", severity=severity, reason=reason, remedy=remedy)
        return
    yield from failing.compare(basis, policy, new, old, weighed.rounds, settled.error)
    yield _of(basis, policy, new, weighed, settled, shown)
    tail = settled.tail[key]
    if tail.word == "regressed" or policy.tail_for(*key) is not None:
        yield _of_the_tail(basis, policy, new, tail, shown)


def together(policy: Policy, settled: Settled, seen: tuple[Observation, ...]) -> Iterator[Finding]:
    """The finding on all series as one. There is one only where they are shown to be slower."""
    weighed = settled.together
    if weighed is None:
        return
    severity: Severity = "major"
    comparison = _shown_together(settled, seen)
    yield Finding(
        id=f"{SUITE}/latency",
        probe=SUITE,
        item="latency",
        kind="series",
        title="All timed series together",
        status="regressed",
        severity=severity,
        comparison=comparison.model_copy(update=_numbers("lower", weighed)),
        reason=f"together they are shown to be slower by more than {six(policy.margin * 100):g} %",
        remedy="look for what they have in common",
        observed=tuple(each.fingerprint() for each in seen if each.series),
    )


def _shown_together(settled: Settled, seen: tuple[Observation, ...]) -> Comparison:
    """What all series have in common before the ratio: how many samples, and the geometric mean of their medians."""
    parts = [each for each in settled.middle.values() if each.measure is not None]
    names = {key for key, each in settled.middle.items() if each.measure is not None}
    units = {one.unit for each in seen for one in each.series if (each.probe, one.id) in names}
    bare = Comparison(
        unit=units.pop() if len(units) == 1 else "",
        better="lower",
        samples_before=sum(len(each.rounds.pairs) for each in parts),
        samples_after=sum(len(each.rounds.pairs) for each in parts),
        method=TOGETHER_METHOD,
    )
    if not bare.unit:
        return bare
    medians = [_medians(each) for each in parts]
    means = {
        side: six(math.exp(math.fsum(math.log(each[side]) for each in medians) / len(medians)))
        for side in ("before", "after")
    }
    return bare.model_copy(update=means)


def _of(basis: Basis, policy: Policy, new: Series, weighed: Weighed, settled: Settled, shown: Comparison) -> Finding:
    severity = basis.at_most("major")
    if weighed.measure is None:
        return _too_little(basis, new, shown, weighed)
    comparison = shown.model_copy(update={**_medians(weighed), **_numbers(new.better, weighed)})
    sessions = settled.sessions(basis.name, new.id)
    if sessions > 1 and weighed.odds is not None:
        comparison = _resumed(comparison, weighed, sessions)
    if weighed.word == "open":
        reason = "undecided: the interval shows neither a regression nor that it is within the budget"
        if sessions > 1:
            reason = f"undecided after {sessions} sessions together; {_earlier(settled)}"
        found = basis.finding(
            new.id,
            "series",
            "not measured",
            severity=severity,
            comparison=comparison,
            reason=reason,
            remedy=f"run it again: what was shown adds up; about {comparison.more_pairs} more rounds would decide"
            " (`judge: time`, `rounds`), or widen the budget",
        )
        return _resting(found, settled, sessions)
    word: Status = "maintained" if weighed.word == "fine" else weighed.word
    if word != "regressed" and spoilt(weighed.rounds) > SPOILT:
        return _too_busy(basis, new, comparison, weighed)
    why = _by_the_floor(policy, basis.name, new.id, weighed)
    if sessions > 1 and weighed.odds is not None:
        won = weighed.odds.worse if weighed.word == "regressed" else weighed.odds.fine
        why = f"shown by {sessions} sessions together: the odds for it are {_odds(won)} to 1; {_earlier(settled)}"
    if spoilt(weighed.rounds) > REMARKED:
        why = "; ".join(filter(None, (why, _aside(weighed))))
    found = basis.finding(new.id, "series", word, severity=severity, comparison=comparison, reason=why)
    return _resting(found, settled, sessions)


def _odds(logarithm: float) -> str:
    return f"more than {MOST_ODDS:,}" if logarithm > math.log(MOST_ODDS) else f"{math.exp(logarithm):.3g}"


def _earlier(settled: Settled) -> str:
    """The runs of earlier sessions, by name: what is carried from them is a number that this proof cannot compute."""
    names = settled.earlier
    shown = ", ".join(each[:19] for each in names[-SHOWN_DIGESTS:])
    more = f" and {len(names) - SHOWN_DIGESTS} before" if len(names) > SHOWN_DIGESTS else ""
    return f"with {len(names)} earlier session{'' if len(names) == 1 else 's'}: {shown}{more}"


def _resting(finding: Finding, settled: Settled, sessions: int) -> Finding:
    """The finding, with the runs of earlier sessions among what it rests on."""
    if sessions < 2:
        return finding
    return finding.model_copy(update={"observed": (*finding.observed, *settled.earlier)})


def _medians(weighed: Weighed) -> dict[str, float]:
    """Of the rounds that decided: of all others the ratio says nothing."""
    used = weighed.rounds.pairs[: len(weighed.measure or ())]
    return {
        "before": six(location.median([pair.before for pair in used])),
        "after": six(location.median([pair.after for pair in used])),
    }


def _resumed(comparison: Comparison, weighed: Weighed, sessions: int) -> Comparison:
    """What decides is not this session's interval, which is therefore not shown."""
    off = {"low": None, "high": None, "confidence": None, "method": RESUMED_METHOD, "sessions": sessions}
    return comparison.model_copy(update=off)


def _of_the_tail(basis: Basis, policy: Policy, new: Series, weighed: Weighed, shown: Comparison) -> Finding:
    """The slow requests: how many there are, on either side."""
    item, severity = f"{new.id} tail", basis.at_most("major")
    seen = weighed.slow
    if seen is None:
        return _too_little(basis, new, shown, weighed, item)
    count = len(weighed.measure or ())
    comparison = shown.model_copy(
        update={
            "unit": "%",
            "method": TAIL_METHOD,
            "before": six(100 * seen.before),
            "after": six(100 * seen.after),
            "ratio": six(seen.after / seen.before) if seen.before and seen.after else None,
            "confidence": six(1 - weighed.error - weighed.fine),
            "pairs": count,
            "decided": weighed.word != "open",
        }
    )
    word: Status = "maintained"
    remedy = None
    grown = f"the share of slow requests has grown by no more than {six(max(seen.most, 0.0) * 100):.2g} points"
    reason = grown
    if weighed.word == "regressed":
        word, reason = "regressed", "slow requests are shown to be more, or slower, than before"
    elif weighed.word == "open":
        budget = policy.tail_for(basis.name, new.id) or 0.0
        word, reason = "not measured", f"undecided: {grown}, and the budget is {six(budget * 100):g} (`judge: tail`)"
        more = rates.rounds_until(seen.most, seen.after - seen.before, budget, count, MOST_PAIRS) - count
        comparison = comparison.model_copy(update={"more_pairs": more})
        remedy = f"measure about {more} more rounds (`judge: time`, `rounds`), or widen the budget"
    sight = f"+{six(max(seen.most, 0.0) * 100):.2g} % slow"
    return basis.finding(
        item,
        "series",
        word,
        severity=severity,
        comparison=comparison,
        reason=reason,
        remedy=remedy,
        would_have_seen=sight,
    )


def _by_the_floor(policy: Policy, probe: str, series: str, weighed: Weighed) -> str | None:
    """Say so, where what made it fine is that the difference is too small to matter."""
    if weighed.word != "fine" or weighed.limits.good <= math.log1p(policy.budget_for(probe, series)):
        return None
    floor = format_duration(policy.floor_for(probe, series))
    return f"the difference is shown to be below {floor}, which does not matter (`judge: floor`)"


def _too_little(basis: Basis, new: Series, shown: Comparison, weighed: Weighed, item: str | None = None) -> Finding:
    count, aside = len(weighed.rounds.pairs), weighed.rounds.aside
    if count >= sequential.FIRST:
        reason, remedy, more = "values of nothing or less have no ratio", "measure it in another unit", None
    elif count + aside >= sequential.FIRST:
        return _too_busy(basis, new, shown.model_copy(update={"pairs": count}), weighed, item)
    else:
        reason = f"only {count} rounds in which both sides answered; below {sequential.FIRST} nothing is said"
        remedy, more = "give measuring more time (`judge: time`)", sequential.FIRST - count
    return basis.finding(
        item or new.id,
        "series",
        "not measured",
        severity=basis.at_most("major"),
        comparison=shown.model_copy(update={"pairs": count, "more_pairs": more}),
        reason=reason,
        remedy=remedy,
    )


def _too_busy(basis: Basis, new: Series, shown: Comparison, weighed: Weighed, item: str | None = None) -> Finding:
    """What is left when most rounds are set aside is a choice: those in which the machine happened to be quick."""
    count, aside = len(weighed.rounds.pairs), weighed.rounds.aside
    return basis.finding(
        item or new.id,
        "series",
        "not measured",
        severity=basis.at_most("major"),
        comparison=shown.model_copy(update={"more_pairs": max(1, sequential.FIRST - count, aside - count)}),
        reason=f"the machine that measured was too busy: {_aside(weighed)}",
        remedy="run it where nothing else runs",
    )


def _aside(weighed: Weighed) -> str:
    count, aside = len(weighed.rounds.pairs), weighed.rounds.aside
    return f"{aside} of {count + aside} rounds cannot be vouched for"


def _numbers(better: str, weighed: Weighed) -> dict[str, float | int | bool | Odds | None]:
    """The interval, what these rounds would have shown, and how many more would decide."""
    assert weighed.measure is not None
    measure, limits, z_bad, z_good = weighed.measure, weighed.limits, weighed.z_bad, weighed.z_good
    found = location.interval(measure, z_bad, z_good, limits.bad, limits.good)
    lower = better == "lower"
    low, high = (found.low, found.high) if lower else (-found.high, -found.low)
    # the width shrinks as the root of the number of rounds grows: that is all the arithmetic of the two predictions
    width = max(min((found.middle - found.low) / z_bad, (found.high - found.middle) / z_good), 1e-9)
    seen = limits.bad + (z_bad + POWER) * width
    count, odds = len(measure), weighed.odds
    numbers: dict[str, float | int | bool | Odds | None] = {
        "ratio": _ratio(found.middle if lower else -found.middle),
        "low": _ratio(low),
        "high": _ratio(high),
        "error": six(width) if math.isfinite(width) else None,
        "confidence": six(1 - weighed.error - weighed.fine),
        "pairs": count,
        "odds": odds and Odds(worse=six(odds.worse), fine=six(odds.fine)),
        "decided": weighed.word != "open",
        "would_have_seen": _ratio(seen if lower else -seen),
    }
    if weighed.word == "open":
        gap = max((found.middle - limits.bad) / z_bad, (limits.good - found.middle) / z_good, 1e-4)
        numbers["more_pairs"] = max(1, math.ceil(min(count * (width / gap) ** 2, MOST_PAIRS) - count))
    return numbers


def _ratio(log: float) -> float | None:
    return six(math.exp(log)) if math.isfinite(log) else None
