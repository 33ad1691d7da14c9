"""Series to findings: is it slower, shown so that chance is no excuse, and is it shown to be fine?"""

from collections import Counter
from collections.abc import Iterator

from bot.judge import failing, location, paired, sequential, single, stored
from bot.judge.basis import Basis
from bot.judge.pairing import answered, failed
from bot.judge.policy import Policy
from bot.judge.suite import Settled
from bot.judge.weighing import Errors
from bot.model import Comparison, Finding, Series, six


def compare(basis: Basis, policy: Policy, settled: Settled) -> Iterator[Finding]:
    """Findings for each series of either side."""
    assert basis.candidate is not None
    error = settled.error
    twice = {name for name, count in Counter(one.id for one in basis.candidate.series).items() if count > 1}
    for name in sorted(twice):
        reason, remedy = "the run has two series of this name", "join the shards' runs with `merge`"
        severity = basis.at_most("major")
        yield basis.finding(name, "series", "not measured", severity=severity, reason=reason, remedy=remedy)
    after = {series.id: series for series in basis.candidate.series if series.id not in twice}
    before = {series.id: series for series in (basis.baseline.series if basis.baseline else ())}
    for name in [*after, *(each for each in before if each not in after and each not in twice)]:
        new, old = after.get(name), before.get(name)
        if old is not None and not old.samples:
            old = None
        if new is None or not new.samples:
            yield _missing(basis, name, new, old)
        elif is_single(basis, new, old):
            yield single.compare(basis, policy, new, old, _shown(new, old, ""))
        elif old is None:
            yield from _alone(basis, policy, new, error)
        elif basis.paired:
            yield from paired.compare(basis, policy, new, old, settled, _shown(new, old, paired.METHOD))
        else:
            yield from _stored(basis, policy, new, old, error)
    if basis.expected.timed and not after and not twice:
        yield _missing(basis, "timing", None, None)


def is_single(basis: Basis, new: Series, old: Series | None) -> bool:
    """Whether it is a number that is had once a run, and was not sampled."""
    return not basis.expected.timed and len(new.samples) == 1 and (old is None or len(old.samples) == 1)


def _missing(basis: Basis, name: str, new: Series | None, old: Series | None) -> Finding:
    assert basis.candidate is not None
    # a series that is there is asked for, and one that could not be timed has a reason
    if new is None and old is not None and basis.no_longer_asked_for and basis.candidate.reason is None:
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
        failed_before=failed(old) if old else 0,
        failed_after=failed(new),
        method=method,
    )


def _alone(basis: Basis, policy: Policy, new: Series, error: Errors) -> Iterator[Finding]:
    """Nothing to compare with: recorded, where that is because there was nothing before."""
    yield from failing.compare(basis, policy, new, None, None, error)
    shown = _shown(new, None, "recorded; nothing to compare with")
    severity = basis.at_most("major")
    good = len(answered(new))
    if good < sequential.FIRST:
        reason = f"only {good} samples succeeded; below {sequential.FIRST} nothing is said"
        remedy = "give measuring more time (`judge: time`), or set `timed: false`"
        yield basis.finding(
            new.id, "series", "not measured", severity=severity, comparison=shown, reason=reason, remedy=remedy
        )
    elif basis.baseline_is_lost:
        yield basis.finding(new.id, "series", "not measured", severity=severity, comparison=shown, **basis.lost_words)
    else:
        sight = "no slowdown: nothing before"
        yield basis.finding(new.id, "series", "new", severity=severity, comparison=shown, would_have_seen=sight)


def _stored(basis: Basis, policy: Policy, new: Series, old: Series, error: Errors) -> Iterator[Finding]:
    """Measured at two times: the machine, the network and the neighbours were others."""
    yield from failing.compare(basis, policy, new, old, None, error)
    yield stored.compare(basis, policy, new, old, _shown(new, old, ""))
