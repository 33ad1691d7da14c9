"""`rollout`: what users got while traffic moved. Judged by itself: it needs no baseline, the time before is its own.

A share is held against its target by two exact one-sided binomial tests, each with the error `ERROR`: it is off when it
is shown to be below half of the target, or when what is left to the others is shown to be below half of what is theirs.
A platform that shares out by instances cannot do better than that, and 10 % that is 0 % or 100 % is always found.

Requests that were lost before anything moved are the revision's before: those since are held against them by Fisher's
exact test, since a rollback to a revision that fails as often helps nobody.
"""

import math
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.judge.basis import Basis
from bot.model import Fact, Finding, Severity, Status, six

ERROR = 0.001
"""How often a share that is right is called wrong, on either side."""
FEWEST = 10
"""Requests below which nothing is said."""
GRACEFUL = frozenset({1000, 1001, 1012, 1013})
"""Close codes that tell a client to come back: normal, going away, restart, try again later."""
CUT = 1006
UNNAMED = "a revision that does not name itself"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Requests(_Part):
    """The stream."""

    what: str
    allowed: int = Field(ge=0)
    ours: int = Field(ge=0)
    gap_ms: float = Field(ge=0)
    lost_by: tuple[tuple[str, int], ...]


class Phase(_Part):
    """What was sent between two moments. `share` is what the candidate was to have; None while that changed.

    `unnamed` are the answers that did not say whose they were.
    """

    name: str
    share: int | None = Field(ge=0, le=100)
    sent: int = Field(ge=0)
    lost: int = Field(ge=0)
    candidate: int = Field(ge=0)
    others: dict[str, int]
    unnamed: int = Field(0, ge=0)


class Ended(_Part):
    """The sockets that ended with one code."""

    code: int
    times: int = Field(ge=0)
    back: int = Field(ge=0)
    slowest_ms: float | None


class Sockets(_Part):
    """The sockets."""

    what: str
    count: int = Field(ge=1)
    open_before: int = Field(ge=0)
    open_after: int = Field(ge=0)
    why_not: str | None
    signed_in_again: int = Field(ge=0)
    within_ms: float
    closed: tuple[Ended, ...]


class Seen(_Part):
    """The whole fact."""

    candidate: str
    nameless: str | None
    severity: Severity
    requests: Requests | None
    phases: tuple[Phase, ...] = Field(min_length=1)
    sockets: Sockets | None


def findings(basis: Basis, fact: Fact) -> Iterator[Finding]:
    """What is found in one watch."""
    try:
        seen = Seen.model_validate(fact.value)
    except ValidationError:
        reason, remedy = "it is not in the form that this version reads", "watch with this version"
        yield basis.finding(fact.id, "fact", "not measured", severity="major", reason=reason, remedy=remedy)
        return
    evidence = (fact.evidence,) if fact.evidence else ()
    for each in (*_requests(basis, seen), *_traffic(basis, seen), *_sockets(basis, seen)):
        item = f"{fact.id}: {each.item}"
        named = {"id": f"{basis.name}/{item}", "item": item, "title": f"{basis.expected.title}: {item}"}
        yield each.model_copy(update={"evidence": evidence, **named})


def unseen(basis: Basis, fact: Fact) -> Iterator[Finding]:
    """`unseen`: what was to be looked at once users were on the candidate, and was not: by law 1 it is no green."""
    value = fact.value if isinstance(fact.value, dict) else {}
    reason = str(value.get("reason") or "it was not observed")
    yield basis.finding(fact.id, "fact", "not measured", severity="critical", reason=reason, remedy="run it again")


def _requests(basis: Basis, seen: Seen) -> Iterator[Finding]:
    known, phases = seen.requests, seen.phases
    if known is None:
        reason = "the spec has no request that could be sent all the time"
        remedy = "name one: `strategy: {watch: {http: GET /…}}`"
        yield basis.finding("requests", "fact", "not measured", severity="major", reason=reason, remedy=remedy)
        return
    sent, lost = sum(each.sent for each in phases), sum(each.lost for each in phases)
    if (missing := _unwatched(known, phases, sent)) is not None:
        remedy = "give the watch more time (`strategy: {watch: {after: …}}`), or ask less often (its `rate`)"
        yield basis.finding("requests", "fact", "not measured", severity="major", reason=missing, remedy=remedy)
        return
    words = f"{lost:,} of {sent:,} requests failed; longest gap {known.gap_ms:,.0f} ms"
    expected = f"no request of {known.what} is lost" if not known.allowed else f"at most {known.allowed} are lost"
    ways = ", ".join(f"{why} ({times} times)" for why, times in known.lost_by)
    before, after = phases[0], phases[-1]
    severity: Severity = basis.at_most(seen.severity)
    if before.lost and len(phases) > 1:
        # who served before failed by itself: what is no worse than that is not this rollout's doing
        since_lost, since = lost - before.lost, sent - before.sent
        worse = since_lost > known.allowed and _more(phases)
        reason = f"{before.lost} of {before.sent} failed before anything moved; {since_lost} of {since} since: {ways}"
        if worse:
            reason += f"; shown to be more (Fisher's exact test, error {ERROR:g})"
        status: Status = "broken" if worse else "changed" if after.lost else "improved"
        graded = severity if worse else "minor"
        yield basis.finding("requests", "fact", status, severity=graded, expected=expected, after=words, reason=reason)
    elif lost > known.allowed:
        yield basis.finding(
            "requests", "fact", "broken", severity=severity, expected=expected, after=words, reason=f"lost by {ways}"
        )
    elif lost:
        yield basis.finding(
            "requests", "fact", "changed", severity="minor", expected=expected, after=words, reason=f"lost by {ways}"
        )
    else:
        yield basis.finding("requests", "fact", "maintained", severity=severity, expected=expected, after=words)


def _unwatched(known: Requests, phases: tuple[Phase, ...], sent: int) -> str | None:
    """Why nothing can be said of the requests, in words."""
    since = sum(each.sent for each in phases[1:]) if len(phases) > 1 else sent
    ours = f", and {known.ours} failed by our own fault" if known.ours else ""
    if sent < FEWEST:
        return f"only {sent} requests were sent{ours}"
    if since < FEWEST:
        return f"only {since} requests were sent since the traffic moved{ours}"
    if phases[0].lost and all(each.lost == each.sent for each in phases):
        return f"none of {sent} requests was answered, and none before anything moved"
    return f"only {sent} requests count{ours}" if known.ours > sent else None


def _more(phases: tuple[Phase, ...]) -> bool:
    """Whether more is shown to be lost than before anything moved: while it moved, or once it had."""
    before, rest = phases[0], phases[1:]
    for some in ([each for each in rest if each.share is None], [each for each in rest if each.share is not None]):
        lost, sent = sum(each.lost for each in some), sum(each.sent for each in some)
        if so_many(lost, sent, before.lost, before.sent) <= ERROR / 2:
            return True
    return False


def _traffic(basis: Basis, seen: Seen) -> Iterator[Finding]:
    if seen.requests is None:
        return
    settled = [each for each in _told_apart(seen.phases) if each.share is not None]
    split = any(each.share not in (0, 100) for each in settled)
    if seen.nameless is not None and not split:
        return  # nobody asked who answers
    if not any(each.candidate or each.others for each in settled):
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
    for each in settled:
        if each.candidate or each.others or each.unnamed or each.share not in (0, 100):
            yield _share(basis, seen, each)


def _told_apart(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The phases; where the revision before never names itself and the candidate does, no name is a name as well."""
    first = phases[0] if phases else None
    if first is None or first.share != 0 or first.candidate or first.others or not first.unnamed:
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
    count, of = phase.candidate, phase.candidate + sum(phase.others.values())
    item = f"traffic at {phase.name}"
    severity: Severity = basis.at_most(seen.severity)
    expected = f"{phase.share} % of the answers by {seen.candidate}"
    if phase.share in (0, 100):
        wrong = of - count if phase.share else count
        if wrong:
            whose = _named({seen.candidate: count, **phase.others})
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
    low, high = phase.share / 200, (100 + phase.share) / 200
    if of and min(at_most(count, of, low), at_most(of - count, of, 1 - high)) <= ERROR:
        reason = f"shown to be below {100 * low:g} % or above {100 * high:g} % (exact binomial test, error {ERROR:g})"
        return basis.finding(item, "fact", "broken", severity=severity, expected=expected, after=after, reason=reason)
    if at_most(0, of, min(low, 1 - high)) > ERROR:
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


def so_many(lost: int, sent: int, lost_before: int, sent_before: int) -> float:
    """The probability of so many lost, or more, among `sent` if both times were alike (Fisher's exact test, one-sided).

    >>> round(so_many(3, 3, 0, 3), 6), so_many(0, 10, 5, 10)
    (0.05, 1.0)
    """
    total, of = lost + lost_before, sent + sent_before
    ways = (math.comb(sent, k) * math.comb(sent_before, total - k) for k in range(lost, min(total, sent) + 1))
    return min(1.0, sum(ways) / math.comb(of, total))


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


def _sockets(basis: Basis, seen: Seen) -> Iterator[Finding]:
    known = seen.sockets
    if known is None:
        return
    severity: Severity = basis.at_most(seen.severity)
    expected = f"sockets of {known.what} are open again within {known.within_ms:,.0f} ms"
    if not known.open_before and known.open_after:
        after = f"{known.open_after} of {known.count} sockets open"
        reason = "none could be opened before the traffic moved"
        yield basis.finding(
            "sockets", "fact", "improved", severity=severity, expected=expected, after=after, reason=reason
        )
        return
    if not known.open_before:
        reason, remedy = f"no socket could be opened: {known.why_not}", "see that it can, or set `watch: {sockets: 0}`"
        yield basis.finding("sockets", "fact", "not measured", severity="major", reason=reason, remedy=remedy)
        return
    words, slowest = _ends(known)
    gone = sum(each.times - each.back for each in known.closed)
    late = slowest is not None and slowest > known.within_ms
    if gone or known.open_after < known.open_before or late:
        missing = max(gone, known.open_before - known.open_after)
        why = f"{missing} are not open again: {known.why_not}" if missing else "the slowest took too long"
        yield basis.finding("sockets", "fact", "broken", severity=severity, expected=expected, after=words, reason=why)
    elif any(each.code not in GRACEFUL for each in known.closed):
        reason = (
            "a socket should be closed with 1001 or 1012 when its revision stops, so that a client knows to come back"
        )
        yield basis.finding(
            "sockets", "fact", "changed", severity="minor", expected=expected, after=words, reason=reason
        )
    else:
        yield basis.finding("sockets", "fact", "maintained", severity=severity, expected=expected, after=words)


def _ends(known: Sockets) -> tuple[str, float | None]:
    """How the sockets ended, in words, and the longest time until one was open again."""
    if not known.closed:
        return f"{known.open_after} of {known.open_before} sockets stayed open", None
    parts = [
        f"{each.times} of {known.open_before} sockets "
        + ("dropped without a close frame (1006)" if each.code == CUT else f"closed with {each.code}")
        for each in known.closed
    ]
    times, back = sum(each.times for each in known.closed), sum(each.back for each in known.closed)
    slowest = max((each.slowest_ms for each in known.closed if each.slowest_ms is not None), default=None)
    if slowest is None:
        return f"{', '.join(parts)}, and none resumed", None
    whole = "resumed" if back == times else f"{back} resumed"
    again = f", {known.signed_in_again} of them by signing in again" if known.signed_in_again else ""
    return f"{', '.join(parts)} and {whole} within {slowest:,.0f} ms{again}", slowest
