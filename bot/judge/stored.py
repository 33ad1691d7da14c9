"""A series whose baseline was measured at another time: judged by how much good runs have differed until now."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.judge.basis import Basis
from bot.judge.location import median
from bot.judge.pairing import answered, rows
from bot.judge.past import FEWEST, Memory, Prediction, remember, sign
from bot.judge.policy import Policy
from bot.judge.weighing import POWER, SECONDS
from bot.model import Comparison, Finding, Run, Series, Status, six

METHOD = "medians of two different times; shown, never blocking"
PREDICTED = "prediction interval for one new run, from the medians of stored runs"
LEAST = 20
"""Samples of one run below which nothing is said."""
REMEDY = "keep the previous revision up beside the candidate, or set `timed: false`"
MOST_LOST = 10_000


def remembering(bases: Iterable[Basis], candidate: Run, baseline: Run | None, policy: Policy) -> Iterator[Basis]:
    """Each basis, with what the good runs before say of the candidate's series."""
    memory = remember(candidate, baseline, policy)
    for basis in bases:
        yield replace(basis, memory=memory)


def compare(basis: Basis, policy: Policy, new: Series, old: Series, shown: Comparison) -> Finding:
    """One finding. `shown` has the two medians and the counts."""
    memory = basis.memory or Memory()
    name = f"{basis.name}/{new.id}"
    severity = basis.at_most("major")
    reason = _unfit(memory, name, new)
    predicted = None if reason else memory.predict(name, *_worse(new))
    if predicted is None:
        if shown.before and shown.after and new.unit == old.unit:
            shown = shown.model_copy(update={"ratio": six(shown.after / shown.before)})
        return basis.finding(
            new.id,
            "series",
            "not measured",
            severity=severity,
            comparison=shown.model_copy(update={"method": METHOD}),
            reason=reason or "its stored runs do not differ at all: that is no measure for a new one",
            remedy=REMEDY,
        )
    limits = _limits(policy, basis.name, new, predicted)
    status = _word(predicted, limits)
    numbers = _numbers(new, predicted, memory, limits[0], decided=status != "not measured")
    comparison = shown.model_copy(update=numbers)
    words, remedy = f"by the spread of {predicted.runs} stored runs{memory.how}", None
    if status == "not measured":
        words = f"neither a regression nor being within the budget is shown {words}"
        remedy = "keep the previous revision up beside the candidate, or widen the budget"
    return basis.finding(
        new.id, "series", status, severity=severity, comparison=comparison, reason=words, remedy=remedy
    )


def _unfit(memory: Memory, name: str, new: Series) -> str | None:
    """Why past runs cannot be asked; None where they can."""
    runs = memory.runs(name)
    good = answered(new)
    if any(cell not in (0, None) for cell in (new.column("order") if "order" in new.columns else ())):
        return "it was measured beside a baseline that is not here: stored runs say less than those pairs did"
    if runs < FEWEST:
        return (
            "the baseline was measured at another time: for the ratio no error rate can be promised;"
            f" it needs {FEWEST} stored runs of this kind of machine, there {'is' if runs == 1 else 'are'} {runs}"
        )
    least = max(LEAST, memory.known[name].samples // 2)
    if len(good) < least:
        return f"only {len(good)} samples succeeded; the stored runs have enough for {least}"
    return "values of nothing or less have no ratio" if min(good) <= 0 else None


def _worse(new: Series) -> tuple[float, float]:
    """The logarithm of the median, larger is worse; and of the median with all that was lost as bad as it can be."""
    good = answered(new)
    lost = len(new.samples) - len(good) + _missing(new)
    worst = median([*good, *[math.inf if new.better == "lower" else 0.0] * lost])
    return _log(new, median(good)), _log(new, worst)


def _log(series: Series, value: float) -> float:
    if value <= 0 or math.isinf(value):
        return math.inf
    return sign(series.better) * math.log(value)


def _missing(new: Series) -> int:
    """Rounds that are not there between the first and the last of each shard."""
    shards: dict[str, set[float]] = {}
    for row in rows(new):
        if row.key is not None:
            shards.setdefault(row.key[1], set()).add(row.key[0])
    gaps = (max(found) - min(found) + 1 - len(found) for found in shards.values())
    return min(MOST_LOST, math.ceil(math.fsum(max(0.0, gap) for gap in gaps)))


def _limits(policy: Policy, probe: str, new: Series, predicted: Prediction) -> tuple[float, float]:
    """The margin and the budget; a difference in time below the floor counts as neither."""
    unit = SECONDS.get(new.unit)
    expected = _expected(new, predicted)
    floor = policy.floor_for(probe, new.id) / (unit * expected) if unit else 0.0
    return (
        math.log1p(max(policy.margin, floor)),
        math.log1p(max(policy.budget_for(probe, new.id), floor)),
    )


def _word(predicted: Prediction, limits: Sequence[float]) -> Status:
    bad, good = limits
    if predicted.low >= bad:
        return "regressed"
    if predicted.high >= good:
        return "not measured"
    improved = predicted.middle + (predicted.middle - predicted.low) <= -bad
    return "improved" if improved else "maintained"


def _expected(new: Series, predicted: Prediction) -> float:
    """What was to be expected of this run, in its own unit and on its own machine."""
    return median(answered(new)) / math.exp(sign(new.better) * predicted.middle)


def _numbers(
    new: Series, predicted: Prediction, memory: Memory, bad: float, *, decided: bool
) -> dict[str, float | int | str | bool | None]:
    way = sign(new.better)
    low, high = sorted((way * predicted.low, way * predicted.high))
    return {
        "before": six(_expected(new, predicted)),
        "ratio": _ratio(way * predicted.middle),
        "low": _ratio(low),
        "high": _ratio(high),
        "confidence": six(1 - memory.slower - memory.fine),
        "error": six(predicted.error),
        "runs": predicted.runs,
        "would_have_seen": _ratio(way * (bad + (predicted.t + POWER) * predicted.error)),
        "decided": decided,
        "method": PREDICTED + memory.how,
    }


def _ratio(log: float) -> float | None:
    return six(math.exp(log)) if math.isfinite(log) and abs(log) < 700 else None
