"""Checks: did an expectation hold, and did it before?"""

from collections.abc import Iterator
from typing import NamedTuple

from bot.judge.basis import Basis
from bot.judge.rates import unpaired_p
from bot.judge.weighing import CERTAIN
from bot.model import Check, Finding, Observation, Status

ERROR = 0.01
"""How often a check that fails now and then, as often as it did before, may be called regressed."""

SEEN = 0.8
"""The chance with which what a row says that it would have seen is seen."""


class Tries(NamedTuple):
    """How often a check did not hold, of how many times it was made."""

    failures: int
    tries: int

    def __str__(self) -> str:
        return f"{self.failures} of {self.tries}"


class Word(NamedTuple):
    """What is said of a check, and why where the status alone does not say it."""

    status: Status
    reason: str | None = None
    remedy: str | None = None


def compare(basis: Basis) -> Iterator[Finding]:
    """One finding for each check of either side."""
    after, before = _by_id(basis.candidate), _by_id(basis.baseline)
    for name, check in after.items():
        old = before.get(name)
        word, counted = weigh(check, old), count(check)
        yield basis.finding(
            name,
            "check",
            word.status,
            severity=basis.at_most(check.severity) if check.severity else None,
            expected=check.expected,
            before=old.actual if old else None,
            after=check.actual,
            tries=counted.tries,
            failures=counted.failures,
            reason=word.reason,
            remedy=word.remedy,
            would_have_seen=_sight(counted) if check.ok else None,
            evidence=tuple(each.evidence for each in (check, old) if each and each.evidence),
        )
    for name, old in before.items():
        if name not in after:
            yield _missing(basis, name, old)


def count(check: Check) -> Tries:
    """A check that does not say how often it was made was made once."""
    if check.tries is None or check.failures is None:
        return Tries(0 if check.ok else 1, 1)
    return Tries(check.failures, check.tries)


def weigh(check: Check, old: Check | None) -> Word:
    """The word on a check. A broken expectation is never excused by having been broken before.

    One that fails now and then is held against how often it did so before, by Fisher's exact test (1935). Where that
    shows nothing, the check has failed all the same: it is not measured, and never fine.
    """
    if check.ok:
        return Word("new" if old is None else "maintained" if old.ok else "improved")
    now, then = count(check), count(old) if old else None
    if now.failures == now.tries and (then is None or then.failures in (0, then.tries)):
        return _every_time(now, then)
    p = unpaired_p(then.failures, then.tries, now.failures, now.tries) if then else None
    shown = f"; before: {then} (exact p = {p:.2g})" if then else "; there is nothing to compare with"
    if now.failures == now.tries:
        shown_worse = p is not None and p <= ERROR
        return Word("regressed" if shown_worse else "broken", f"failed {now}{shown}")
    words = f"failed {now}, held the other times{shown}"
    if p is not None and p <= ERROR:
        return Word("regressed", words)
    return Word("not measured", words, "find out why it fails now and then")


def _every_time(now: Tries, then: Tries | None) -> Word:
    """It never held, and before it always did, or never."""
    if then is None or then.failures:
        return Word("broken", f"failed {now}" if now.tries > 1 else None)
    if now.tries < CERTAIN:
        return Word("regressed")
    return Word("regressed", f"failed {now}; the revision before held {then.tries} of {then.tries}")


def _sight(counted: Tries) -> str | None:
    """How often it would have to fail, so that four times in five so many tries would not all have held.

    >>> _sight(Tries(0, 1)), _sight(Tries(0, 3))
    ('failing in 80 % of tries', 'failing in 42 % of tries')
    """
    if counted.failures:
        return None
    return f"failing in {100 * (1 - (1 - SEEN) ** (1 / counted.tries)):.0f} % of tries"


def _by_id(observation: Observation | None) -> dict[str, Check]:
    """A check that was made more than once has failed if it failed once: the worst of them counts."""
    found: dict[str, Check] = {}
    for check in observation.checks if observation else ():
        if check.id not in found or found[check.id].ok or _share(check) > _share(found[check.id]):
            found[check.id] = check
    return found


def _share(check: Check) -> float:
    failures, tries = count(check)
    return failures / tries


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
