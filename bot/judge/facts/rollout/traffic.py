"""Whose answers users got while traffic moved, against the share that was asked for.

A share is held against its target by two exact one-sided binomial tests, each with the error `ERROR`: it is off when it
is shown to be below half of the target, or when what is left to the others is shown to be below half of what is theirs.
A platform that shares out by instances cannot do better than that, and 10 % that is 0 % or 100 % is always found.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from bot.judge.basis import Basis
from bot.judge.facts.rollout.form import ERROR, Phase, Seen
from bot.model import Finding, Severity, six

UNNAMED = "a revision that does not name itself"


def traffic(basis: Basis, seen: Seen) -> Iterator[Finding]:
    """One finding for each share, and one for all the answers by a name that both revisions go by."""
    if seen.requests is None:
        return
    settled = [each for each in _told_apart(seen.phases) if each.share is not None]
    split = any(each.share not in (0, 100) for each in settled)
    if seen.nameless is not None and not split:
        return  # nobody asked who answers
    if not any(each.candidate or each.others or each.shared for each in settled):
        if all(each.lost == each.sent for each in settled):
            return  # nobody answered at all, which is said of the requests
        reason = seen.nameless or f"no answer to {seen.requests.what} names its revision"
        remedy = "say how a revision names itself (`identity:`), and watch a request that does"
        yield basis.finding(
            "traffic",
            "fact",
            "not measured",
            severity="major",
            reason=f"who answered is not known: {reason}",
            remedy=remedy,
        )
        return
    alike = [each for each in settled if each.shared and not each.unnamed and not _wrong(each)]
    for each in settled:
        if each not in alike and (each.candidate or each.others or each.unnamed or each.share not in (0, 100)):
            yield _share(basis, seen, each)
    if alike:
        yield _alike(basis, seen, alike)


def _wrong(phase: Phase) -> int:
    """The answers of a revision that was to have none."""
    return {0: phase.candidate, 100: sum(phase.others.values())}.get(phase.share if phase.share is not None else -1, 0)


def _alike(basis: Basis, seen: Seen, phases: Sequence[Phase]) -> Finding:
    """What is said of answers by a name that both revisions go by: never that they are the one's and not the other's."""
    named = sum((Counter(each.shared) + Counter(each.others) for each in phases), Counter[str]())
    names, after = ", ".join(sorted({name for each in phases for name in each.shared})), _named(named)
    if seen.same_commit and all(each.share in (0, 100) for each in phases):
        return basis.finding(
            "traffic",
            "fact",
            "maintained",
            severity="info",
            expected=f"every answer by {names}",
            after=f"all {named.total():,} answers came from {names}" if len(named) == 1 else after,
            reason="it is the same commit once more, and both revisions go by that name: which of them it was is not known",
        )
    return basis.finding(
        "traffic",
        "fact",
        "not measured",
        severity="major",
        after=after,
        reason=f"both revisions go by the name {names}, so whose answers they were is not known",
        remedy="have `identity` name each revision by a name of its own",
    )


def _told_apart(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The phases; where the revision before never names itself and the candidate does, no name is a name as well."""
    first = phases[0] if phases else None
    if first is None or first.share != 0 or first.candidate or first.others or first.shared or not first.unnamed:
        return phases
    if not any(each.candidate for each in phases):
        return phases
    return tuple(
        each.model_copy(update={"others": {UNNAMED: each.unnamed} | each.others, "unnamed": 0})
        if each.unnamed
        else each
        for each in phases
    )


def _share(basis: Basis, seen: Seen, phase: Phase) -> Finding:
    assert phase.share is not None
    count, others = phase.candidate, {**phase.shared, **phase.others}
    of = count + sum(others.values())
    item = f"traffic at {phase.name}"
    severity: Severity = basis.at_most(seen.severity)
    expected = f"{phase.share} % of the answers by {seen.candidate}"
    if phase.share in (0, 100):
        if _wrong(phase):
            whose = _named({seen.candidate: count, **others})
            return basis.finding(
                item, "fact", "broken", severity=severity, expected=expected, after=f"of {of:,} answers {whose}"
            )
        if phase.unnamed:
            return _not_all_named(basis, item, expected, phase, of)
        whose = seen.candidate if phase.share else ", ".join(phase.others)
        return basis.finding(
            item,
            "fact",
            "maintained",
            severity=severity,
            expected=expected,
            after=f"all {of:,} answers came from {whose}",
        )
    if phase.unnamed:
        return _not_all_named(basis, item, expected, phase, of)
    after = f"{count:,} of {of:,} answers" + (f" ({six(100 * count / of):.3g} %)" if of else "")
    low, high = _bounds(phase.share)
    if of and min(at_most(count, of, low), at_most(of - count, of, 1 - high)) <= ERROR:
        reason = f"shown to be below {100 * low:g} % or above {100 * high:g} % (exact binomial test, error {ERROR:g})"
        return basis.finding(item, "fact", "broken", severity=severity, expected=expected, after=after, reason=reason)
    if of < answers_needed(phase.share):
        return basis.finding(
            item,
            "fact",
            "not measured",
            severity="major",
            expected=expected,
            after=after,
            reason=f"{of} answers that name their revision are too few to tell it from 0 % and 100 %",
            remedy="give each step more time (`strategy: {pause: …}`), or raise the watch's `rate`",
        )
    return basis.finding(item, "fact", "maintained", severity=severity, expected=expected, after=after)


def _not_all_named(basis: Basis, item: str, expected: str, phase: Phase, named: int) -> Finding:
    return basis.finding(
        item,
        "fact",
        "not measured",
        severity="major",
        expected=expected,
        after=f"{named:,} of {named + phase.unnamed:,} answers name their revision",
        reason="whose the others are is not known",
        remedy="let every answer name its revision, as `identity` says",
    )


def _bounds(share: int) -> tuple[float, float]:
    """Half of the target, and that above which the others have less than half of theirs."""
    return share / 200, (100 + share) / 200


def answers_needed(share: int) -> int:
    """How many answers tell a share between 0 and 100 % from nothing, and from all of it.

    >>> answers_needed(10), answers_needed(50), answers_needed(1)
    (135, 25, 1379)
    """
    low, high = _bounds(share)
    return math.ceil(math.log(ERROR) / math.log1p(-min(low, 1 - high)))


def at_most(count: int, of: int, share: float) -> float:
    """The probability of so many, or fewer, of `of` where each comes with this probability (binomial).

    >>> round(at_most(0, 10, 0.5), 6), at_most(10, 10, 0.5), at_most(0, 0, 0.1)
    (0.000977, 1.0, 1.0)
    """
    if count >= of:
        return 1.0
    yes, no = math.log(share), math.log1p(-share)
    ways = (math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) for k in range(count + 1))
    logs = (way + k * yes + (of - k) * no for k, way in enumerate(ways))
    return min(1.0, math.fsum(math.exp(each) for each in logs))


def _named(answers: dict[str, int]) -> str:
    return ", ".join(f"{times:,} came from {who}" for who, times in answers.items() if times)
