"""What became of the stream of requests while traffic moved.

Requests that were lost before anything moved are the revision's before: those since are held against them by Fisher's
exact test, since a rollback to a revision that fails as often helps nobody.
"""

import math
from collections.abc import Iterator

from bot.judge.basis import Basis
from bot.judge.facts.rollout.form import ERROR, Phase, Requests, Seen
from bot.model import Finding, Status

FEWEST = 10
"""Requests below which nothing is said."""
LIMITED = "status 429"
NEW_LIMIT = (
    "see which limit refuses users; one that counts over a time longer than `before` begins late by itself: then watch "
    "longer before the move, or ask less often (`rate`)"
)


def requests(basis: Basis, seen: Seen) -> Iterator[Finding]:
    known, phases = seen.requests, seen.phases
    if known is None:
        reason = "the spec has no request that could be sent all the time"
        remedy = "name one: `strategy: {watch: {http: GET /…}}`"
        yield basis.finding("requests", "fact", "not measured", severity="major", reason=reason, remedy=remedy)
        return
    known, phases = _with_limits(known, phases)
    sent, lost = sum(each.sent for each in phases), sum(each.lost for each in phases)
    if (missing := _unwatched(known, phases, sent)) is not None:
        remedy = "give the watch more time (`strategy: {watch: {after: …}}`), or ask less often (its `rate`)"
        yield basis.finding("requests", "fact", "not measured", severity="major", reason=missing, remedy=remedy)
        return
    words = f"{lost:,} of {sent:,} requests failed; longest gap {known.gap_ms:,.0f} ms"
    words += f"; {known.ours:,} more not counted" if known.ours else ""
    expected = f"no request of {known.what} is lost" if not known.allowed else f"at most {known.allowed} are lost"
    status, why = _weighed(known, phases, lost, sent)
    limited = any(way == LIMITED for way, _ in known.lost_by)
    yield basis.finding(
        "requests",
        "fact",
        status,
        severity="minor" if status in ("changed", "improved") else basis.at_most(seen.severity),
        expected=expected,
        after=words,
        reason="; ".join(filter(None, (why, _left_out(known, phases)))) or None,
        remedy=NEW_LIMIT if limited and status == "broken" else None,
    )


def _weighed(known: Requests, phases: tuple[Phase, ...], lost: int, sent: int) -> tuple[Status, str | None]:
    """What became of the requests, and why."""
    ways = ", ".join(f"{why} ({times} times)" for why, times in known.lost_by)
    before, after = phases[0], phases[-1]
    if before.lost and len(phases) > 1:
        # who served before failed by itself: what is no worse than that is not this rollout's doing
        since_lost, since = lost - before.lost, sent - before.sent
        reason = f"{before.lost} of {before.sent} failed before anything moved; {since_lost} of {since} since: {ways}"
        if since_lost > known.allowed and _more(phases):
            return "broken", f"{reason}; shown to be more (Fisher's exact test, error {ERROR:g})"
        return "changed" if after.lost else "improved", reason
    if lost:
        return "broken" if lost > known.allowed else "changed", f"lost by {ways}"
    return "maintained", None


def _left_out(known: Requests, phases: tuple[Phase, ...]) -> str | None:
    """Which requests are not counted, in words."""
    if not known.ours:
        return None
    limited = sum(each.limited for each in phases)
    many = f", {limited} of them with 429 and no more than before: we ask too often" if limited else ""
    return f"{known.ours} failed by our own fault{many}"


def _with_limits(known: Requests, phases: tuple[Phase, ...]) -> tuple[Requests, tuple[Phase, ...]]:
    """The same with what a limit refused among the lost, where it is shown to refuse more than before anything moved."""
    limited = sum(each.limited for each in phases)
    if len(phases) == 1 or not limited:
        return known, phases
    alone = [each.model_copy(update={"sent": each.sent + each.limited, "lost": each.limited}) for each in phases]
    if not _more(tuple(alone)):
        return known, phases
    ways = ((LIMITED, limited), *known.lost_by)
    update = {"ours": max(0, known.ours - limited), "gap_ms": known.gap_limited_ms, "lost_by": ways}
    with_them = (
        each.model_copy(update={"sent": each.sent + each.limited, "lost": each.lost + each.limited, "limited": 0})
        for each in phases
    )
    return known.model_copy(update=update), tuple(with_them)


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
