"""Timed requests that failed, to findings: more often than before?"""

from collections.abc import Iterator

from bot.judge.basis import Basis
from bot.judge.pairing import Rounds, answered, failed, tried
from bot.judge.policy import Policy
from bot.judge.weighing import CERTAIN, Errors, Failures, failures
from bot.model import Finding, Series, Status, six


def compare(
    basis: Basis, policy: Policy, new: Series, old: Series | None, rounds: Rounds | None, error: Errors
) -> Iterator[Finding]:
    """One finding, where any timed request of the candidate failed."""
    seen = failures(policy, basis.name, new, old, rounds, error)
    if seen.word == "none":
        return
    count = tried(new)
    bad = failed(new)
    status, reason, remedy = _word(seen, bad, count, old, policy.failures_for(basis.name, new.id))
    yield basis.finding(
        f"{new.id} failures",
        "check",
        status,
        expected="no timed request fails",
        before=f"{failed(old)} of {tried(old)}" if old else None,
        after=f"{bad} of {count}",
        tries=count,
        failures=bad,
        reason=reason,
        remedy=remedy,
    )


def _word(seen: Failures, bad: int, count: int, old: Series | None, budget: float) -> tuple[Status, str, str | None]:
    worked = old is not None and bool(answered(old))
    if bad == count >= CERTAIN:
        return "regressed" if worked else "broken", "every timed request failed", None
    if seen.word == "regressed":
        return "regressed", f"more timed requests failed than before (exact p of one look = {seen.p:.2g})", None
    bound = f"{six(max(seen.most, 0.0) * 100):.2g} %"
    grown = "the share of failures has grown by" if worked else "the share of failures is"
    if seen.word == "fine":
        return "maintained", f"{grown} no more than {bound}, within the budget of {six(budget * 100):g} %", None
    reason = f"{grown} up to {bound}: shown to be neither worse nor within the budget of {six(budget * 100):g} %"
    return "not measured", reason, "look at the failures; measure more rounds, or allow for them (`judge: failures`)"
