"""What became of the long-lived sockets while traffic moved."""

from collections.abc import Iterator

from bot.judge.basis import Basis
from bot.judge.facts.rollout.form import Seen, Sockets
from bot.model import Finding, Severity

GRACEFUL = frozenset({1000, 1001, 1012, 1013})
"""Close codes that tell a client to come back: normal, going away, restart, try again later."""
CUT = 1006


def sockets(basis: Basis, seen: Seen) -> Iterator[Finding]:
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
