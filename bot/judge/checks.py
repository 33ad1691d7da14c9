"""Checks: did an expectation hold, and did it before?"""

from collections.abc import Iterator

from bot.judge.basis import Basis
from bot.model import Check, Finding, Observation, Status


def compare(basis: Basis) -> Iterator[Finding]:
    """One finding for each check of either side."""
    after, before = _by_id(basis.candidate), _by_id(basis.baseline)
    for name, check in after.items():
        old = before.get(name)
        yield basis.finding(
            name,
            "check",
            status(check, old),
            expected=check.expected,
            before=old.actual if old else None,
            after=check.actual,
            tries=1,
            failures=0 if check.ok else 1,
            evidence=tuple(each.evidence for each in (check, old) if each and each.evidence),
        )
    for name, old in before.items():
        if name not in after:
            yield _missing(basis, name, old)


def status(check: Check, old: Check | None) -> Status:
    """A broken expectation is never excused by having been broken before."""
    if check.ok:
        return "new" if old is None else "maintained" if old.ok else "improved"
    return "regressed" if old is not None and old.ok else "broken"


def _by_id(observation: Observation | None) -> dict[str, Check]:
    """A check that was made more than once has failed if it failed once."""
    found: dict[str, Check] = {}
    for check in observation.checks if observation else ():
        if check.id not in found or found[check.id].ok:
            found[check.id] = check
    return found


def _missing(basis: Basis, name: str, old: Check) -> Finding:
    evidence = (old.evidence,) if old.evidence else ()
    if basis.no_longer_asked_for:
        reason = "the spec has changed, and no longer asks for it"
        return basis.finding(
            name, "check", "gone", severity="info", before=old.actual, reason=reason, evidence=evidence
        )
    why = basis.candidate.reason if basis.candidate else None
    return basis.finding(
        name,
        "check",
        "not measured",
        expected=old.expected,
        before=old.actual,
        reason=f"it was not reached: {why}" if why else "the baseline has this check, and the candidate has not",
        remedy="mend what comes before it" if why else "run the probe again",
        evidence=evidence,
    )
