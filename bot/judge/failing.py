"""Timed requests that failed, to findings: more often than before? For each series where any did, and for all together."""

from collections.abc import Iterator

from bot.judge import rates
from bot.judge.basis import Basis
from bot.judge.pairing import Rounds, answered, failed, tried
from bot.judge.policy import FAILURES, SUITE, Policy
from bot.judge.pooled import MOST_ROUNDS, Pooled
from bot.judge.weighing import ALONE, CERTAIN, Errors, Failures, failures
from bot.model import Comparison, Finding, Observation, Series, Status, six

METHOD = "rounds in which only one side failed: odds of a fair coin, and bounds of Clopper and Pearson for the growth"
EXPECTED = "no timed request fails"


def compare(
    basis: Basis, policy: Policy, new: Series, old: Series | None, rounds: Rounds | None, error: Errors
) -> Iterator[Finding]:
    """One finding, where any timed request of the candidate failed."""
    seen = failures(policy, basis.name, new, old, rounds, error)
    if seen.word == "none":
        return
    count = tried(new)
    bad = failed(new)
    budget = policy.failures_for(basis.name, new.id)
    status, reason, remedy = _word(seen, bad, count, old, budget)
    before = (failed(old), tried(old)) if old else (0, 0)
    comparison = _counts(error, (bad, count), before, compared=bool(rounds is not None and rounds.tried))
    if seen.word == "open":
        grown = bad / max(1, count) - before[0] / max(1, before[1])
        more = rates.rounds_until(seen.most, grown, budget, max(1, count), MOST_ROUNDS) - count
        comparison = comparison.model_copy(update={"more_pairs": more, "decided": False})
    yield basis.finding(
        f"{new.id} failures",
        "check",
        status,
        expected=EXPECTED,
        before=f"{before[0]} of {before[1]}" if old else None,
        after=f"{bad} of {count}",
        comparison=comparison,
        tries=count,
        failures=bad,
        reason=reason,
        remedy=remedy,
        would_have_seen=_sight(seen.most),
    )


def together(seen: Pooled | None, observed: tuple[Observation, ...], error: Errors) -> Iterator[Finding]:
    """The finding on the requests of all timed series, whether or not any failed."""
    if seen is None:
        return
    status, reason, remedy = _of_all(seen)
    probes = {name for name, _ in seen.series}
    counts = (seen.failed, seen.tried), (seen.failed_before, seen.tried_before)
    comparison = _counts(error, *counts, compared=seen.beside)
    if seen.word == "open":
        comparison = comparison.model_copy(update={"more_pairs": seen.more, "decided": False})
    yield Finding(
        id=f"{SUITE}/failures",
        probe=SUITE,
        item="failures",
        kind="check",
        title="All timed requests: failures",
        status=status,
        severity="major",
        expected=EXPECTED,
        before=f"{seen.failed_before} of {seen.tried_before}" if seen.tried_before else None,
        after=f"{seen.failed} of {seen.tried}",
        comparison=comparison,
        tries=seen.tried,
        failures=seen.failed,
        reason=reason,
        remedy=remedy,
        would_have_seen=_sight(seen.most),
        observed=tuple(each.fingerprint() for each in observed if each.probe in probes),
    )


def _counts(error: Errors, after: tuple[int, int], before: tuple[int, int], *, compared: bool) -> Comparison:
    """How many failed of how many, on both sides."""
    return Comparison(
        unit="",
        better="lower",
        confidence=six(1 - error.fine),
        pairs=after[1] if compared else 0,
        samples_before=before[1],
        samples_after=after[1],
        failed_before=before[0],
        failed_after=after[0],
        decided=True,
        method=METHOD,
    )


def _of_all(seen: Pooled) -> tuple[Status, str, str | None]:
    if seen.word == "regressed":
        return "regressed", "more timed requests failed than before, over all series together", None
    share, bound = ("has grown by", _percent(seen.most)) if seen.beside else ("is", _percent(seen.most))
    shown = f"the share of failures {share} no more than {bound}"
    if seen.word == "fine":
        alone = f"; of no series alone by more than {_percent(seen.each)}" if len(seen.series) > 1 else ""
        return "maintained" if seen.beside else "new", f"{shown}{alone}", None
    if seen.most > FAILURES:
        reason = f"undecided: the share of failures {share} up to {bound}, and {_percent(FAILURES)} is allowed"
    else:
        names = ", ".join(seen.thin[:3]) + (f" and {len(seen.thin) - 3} more" if len(seen.thin) > 3 else "")
        reason = f"undecided: {shown}, but {names} may hide more than {_percent(ALONE)} by itself"
    count = "round" if seen.more == 1 else "rounds"
    more = f"measure about {seen.more} more {count} (`judge: time`, `rounds`)"
    return "not measured", reason, f"{more}, or allow for more failures (`judge: failures`)"


def _sight(most: float) -> str | None:
    """What growth of the share of failures would have been more than is allowed for by what was seen."""
    return f"+{six(max(most, 0.0) * 100):.2g} % failing" if most < 1 else None


def _percent(share: float) -> str:
    return f"{six(max(share, 0.0) * 100):.2g} %"


def _word(seen: Failures, bad: int, count: int, old: Series | None, budget: float) -> tuple[Status, str, str | None]:
    worked = old is not None and bool(answered(old))
    if bad == count >= CERTAIN and (seen.word == "regressed" or not worked):
        return "regressed" if worked else "broken", "every timed request failed", None
    if seen.word == "regressed":
        return "regressed", f"more timed requests failed than before (exact p of one look = {seen.p:.2g})", None
    bound = _percent(seen.most)
    grown = "the share of failures has grown by" if worked else "the share of failures is"
    if seen.word == "fine":
        return "maintained", f"{grown} no more than {bound}, within the budget of {six(budget * 100):g} %", None
    reason = (
        f"undecided: {grown} up to {bound}, shown to be neither worse nor within the budget of {six(budget * 100):g} %"
    )
    return "not measured", reason, "look at the failures; measure more rounds, or allow for them (`judge: failures`)"
