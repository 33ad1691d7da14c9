"""Checks: did an expectation hold, and did it before?"""

from collections.abc import Iterator

from bot.judge.basis import Basis
from bot.model import Check, Finding, Status


def compare(basis: Basis) -> Iterator[Finding]:
    """One finding for each check of either side."""
    after = {check.id: check for check in (basis.candidate.checks if basis.candidate else ())}
    before = {check.id: check for check in (basis.baseline.checks if basis.baseline else ())}
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


def _missing(basis: Basis, name: str, old: Check) -> Finding:
    why = basis.candidate.reason if basis.candidate else None
    return basis.finding(
        name,
        "check",
        "not measured",
        expected=old.expected,
        before=old.actual,
        reason=f"it was not reached: {why}" if why else "the baseline has this check, and the candidate has not",
        remedy="mend what comes before it" if why else "see whether the spec still asks for it",
        evidence=(old.evidence,) if old.evidence else (),
    )
