"""A number that is had once a run: a start-up, a size, a price. What is asked of it is the spec's choice of three rules."""

import math

from bot.judge.basis import Basis
from bot.judge.pairing import answered
from bot.judge.past import Memory, Prediction, sign
from bot.judge.policy import Policy, Single
from bot.judge.weighing import POWER, SECONDS
from bot.model import Comparison, Finding, Series, Severity, Status, six

REMARK = "one number on each side; shown, never blocking"
NOTHING_BEFORE = "no change: nothing before"
"""What a number that is had for the first time would have seen."""
POINT = "one number on each side"
PREDICTED = "one number; prediction interval from those of stored runs"


def compare(basis: Basis, policy: Policy, new: Series, old: Series | None, shown: Comparison) -> Finding:
    """One finding. `shown` has the numbers of both sides."""
    rule = policy.single_for(basis.name, new.id)
    shown = shown.model_copy(update={"method": REMARK if rule.tolerance is not None else POINT})
    severity = basis.at_most("minor" if rule.tolerance is not None else "major")
    now, then = answered(new), answered(old) if old else []
    if not now:
        reason, remedy = "the only sample failed", "look at why it failed"
        return basis.finding(
            new.id, "series", "not measured", severity=severity, comparison=shown, reason=reason, remedy=remedy
        )
    if not then or old is None or (old.unit, old.better) != (new.unit, new.better):
        if basis.baseline_is_lost:
            return basis.finding(
                new.id, "series", "not measured", severity=severity, comparison=shown, **basis.lost_words
            )
        return basis.finding(new.id, "series", "new", severity="info", comparison=shown, would_have_seen=NOTHING_BEFORE)
    if now[0] <= 0 or then[0] <= 0:
        return _without_ratio(basis, rule, new, severity, shown, now[0], then[0])
    if rule.exact:
        shown = shown.model_copy(update={"ratio": six(now[0] / then[0])})
        return _exact(basis, new, severity, shown, now[0], then[0])
    past = _past(basis, new, now[0])
    log = sign(new.better) * math.log(now[0] / then[0]) if past is None else past.middle
    shown = shown.model_copy(update=_numbers(basis, new, now[0], then[0], past))
    return _within(basis, policy, rule, new, severity, shown, log, past)


def _without_ratio(
    basis: Basis, rule: Single, new: Series, severity: Severity, shown: Comparison, now: float, then: float
) -> Finding:
    """From or to nothing: what has grown from nothing has grown beyond every budget."""
    if now == then:
        word: Status = "maintained"
    elif rule.tolerance is not None:
        word = "changed"
    else:
        word = "regressed" if _is_worse(new, now, then) else "improved"
    reason = "one number, from or to nothing: no ratio can be had"
    sight = "any change" if then == 0 else None
    return basis.finding(
        new.id, "series", word, severity=severity, comparison=shown, reason=reason, would_have_seen=sight
    )


def _exact(basis: Basis, new: Series, severity: Severity, shown: Comparison, now: float, then: float) -> Finding:
    """By the numbers as they are, and not as they are shown."""
    sight = "any change"
    if now == then:
        return basis.finding(new.id, "series", "maintained", severity="info", comparison=shown, would_have_seen=sight)
    word: Status = "regressed" if _is_worse(new, now, then) else "improved"
    reason = f"{then:.15g} before, {now:.15g} after, and it may not get worse at all (`judge: single`)"
    return basis.finding(
        new.id, "series", word, severity=severity, comparison=shown, reason=reason, would_have_seen=sight
    )


def _within(
    basis: Basis,
    policy: Policy,
    rule: Single,
    new: Series,
    severity: Severity,
    shown: Comparison,
    log: float,
    past: Prediction | None,
) -> Finding:
    share = rule.budget if rule.budget is not None else rule.tolerance
    assert share is not None
    shown = shown.model_copy(update={"would_have_seen": _sight(policy, rule, new, share, past)})
    if log <= math.log1p(share):
        return basis.finding(new.id, "series", "maintained", severity="info", comparison=shown)
    beyond = f"one number, worse by more than {six(share * 100):g} %"
    if rule.budget is None:
        reason = f"{beyond}: worth a look, not a proof"
        return basis.finding(new.id, "series", "changed", severity=severity, comparison=shown, reason=reason)
    if past is not None and past.low <= math.log1p(policy.margin):
        return basis.finding(
            new.id,
            "series",
            "not measured",
            severity=severity,
            comparison=shown,
            reason=f"{beyond}, and its last {past.runs} stored runs differ as much among themselves",
            remedy="run it again, or allow for more (`judge: single`)",
        )
    return basis.finding(new.id, "series", "regressed", severity=severity, comparison=shown, reason=beyond)


def _sight(policy: Policy, rule: Single, new: Series, share: float, past: Prediction | None) -> float:
    """The smallest ratio that this rule would have flagged: four times in five, where a stored past says how it varies."""
    least = math.log1p(share)
    if past is not None and rule.budget is not None:
        shown = math.log1p(policy.margin) + past.t * past.error  # less than this its past runs differ among themselves
        least = max(least, shown) + POWER * past.error
    elif past is not None:
        least += POWER * past.error
    return six(math.exp(sign(new.better) * min(least, 700.0)))


def _past(basis: Basis, new: Series, now: float) -> Prediction | None:
    """What past runs make probable. Only a time varies by itself; a size or a price is another because it was changed."""
    if basis.memory is None or new.unit not in SECONDS:
        return None
    return basis.memory.predict_single(f"{basis.name}/{new.id}", sign(new.better) * math.log(now))


def _numbers(
    basis: Basis, new: Series, now: float, then: float, past: Prediction | None
) -> dict[str, float | int | str | None]:
    if past is None:
        return {"ratio": six(now / then)}
    way, memory = sign(new.better), basis.memory or Memory()
    low, high = sorted((way * past.low, way * past.high))
    return {
        "before": six(now / math.exp(way * past.middle)),
        "ratio": six(math.exp(way * past.middle)),
        "low": six(math.exp(max(low, -700.0))),
        "high": six(math.exp(min(high, 700.0))),
        "confidence": six(1 - 2 * memory.single),
        "error": six(past.error),
        "runs": past.runs,
        "method": PREDICTED + memory.how,
    }


def _is_worse(new: Series, now: float, then: float) -> bool:
    return now > then if new.better == "lower" else now < then
