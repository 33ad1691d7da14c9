"""What became of the stream of requests while traffic moved.

Requests that were lost before anything moved are the revision's before: those since are held against them by Fisher's
exact test, since a rollback to a revision that fails as often helps nobody.
"""

import math
from collections.abc import Iterator

from bot.judge.basis import Basis
from bot.judge.facts.rollout.form import ERROR, Phase, Requests, Seen
from bot.model import Finding, Severity, Status

FEWEST = 10
"""Requests below which nothing is said."""


def requests(basis: Basis, seen: Seen) -> Iterator[Finding]:
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


def so_many(lost: int, sent: int, lost_before: int, sent_before: int) -> float:
    """The probability of so many lost, or more, among `sent` if both times were alike (Fisher's exact test, one-sided).

    >>> round(so_many(3, 3, 0, 3), 6), so_many(0, 10, 5, 10)
    (0.05, 1.0)
    """
    total, of = lost + lost_before, sent + sent_before
    ways = (math.comb(sent, k) * math.comb(sent_before, total - k) for k in range(lost, min(total, sent) + 1))
    return min(1.0, sum(ways) / math.comb(of, total))
