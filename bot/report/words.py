"""Numbers and findings in words: small pure functions that format what the judge computed, and compute nothing."""

import math

from bot.model import Comparison, Finding, Since, Told, Verdict

MARKS = {
    "regressed": "❌",
    "broken": "❌",
    "not measured": "❓",
    "changed": "⚠️",
    "gone": "⚠️",
    "improved": "✅",
    "maintained": "✅",
    "new": "✅",
}
VERDICT_MARKS = {"stable": "✅", "first run": "✅", "unstable": "❌", "inconclusive": "❓"}
BAD = ("broken", "regressed")


def number(value: float) -> str:
    """Three significant digits, without an exponent where a reader can do without.

    >>> number(12.345), number(0.00123), number(1234567.0)
    ('12.3', '0.00123', '1,234,567')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-4:
        return f"{value:.2e}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(number: int, one: str, many: str) -> str:
    """So many of something.

    >>> count(1, "mouse", "mice"), count(3, "mouse", "mice")
    ('1 mouse', '3 mice')
    """
    return f"{number} {one if number == 1 else many}"


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit; milliseconds become seconds where that reads better.

    >>> quantity(12.34, "ms"), quantity(2500.0, "ms"), quantity(None, "ms")
    ('12.3 ms', '2.5 s', '–')
    """
    if value is None:
        return "–"
    if unit == "ms" and abs(value) >= 1000:
        return f"{number(value / 1000)} s"
    return f"{number(value)} {unit}".strip()


def change(ratio: float | None) -> str:
    """A ratio as a change: 150 MB instead of 350 MB is 57 % less, and nothing else.

    >>> change(1.234), change(150 / 350), change(2.86), change(1.0), change(None)
    ('+23 %', '−57 %', '×2.86', '±0 %', '–')
    """
    if ratio is None:
        return "–"
    if ratio >= 2:
        return f"×{number(ratio)}"
    percent = (ratio - 1) * 100
    text = f"{abs(percent):.0f}" if abs(percent) >= 9.95 else f"{abs(percent):.1f}".removesuffix(".0")
    if text == "0":
        return "±0 %"
    return f"{'+' if percent > 0 else '−'}{text} %"


def interval(comparison: Comparison) -> str:
    """The bounds of a change, or nothing.

    >>> interval(Comparison(unit="ms", better="lower", low=1.1, high=1.3, confidence=0.95))
    '+10 % to +30 %'
    >>> interval(Comparison(unit="ms", better="lower", low=1.9, high=2.7, confidence=0.95))
    '×1.9 to ×2.7'
    """
    if comparison.low is None or comparison.high is None:
        return ""
    if max(comparison.low, comparison.high) >= 2 and comparison.low > 1:
        return f"×{number(comparison.low)} to ×{number(comparison.high)}"
    return f"{change(comparison.low)} to {change(comparison.high)}"


def rests_on(comparison: Comparison) -> str:
    """What an interval rests on.

    >>> rests_on(Comparison(unit="ms", better="lower", pairs=80))
    '80 pairs'
    >>> rests_on(Comparison(unit="ms", better="lower", runs=5))
    '5 stored runs'
    >>> rests_on(Comparison(unit="ms", better="lower", runs=3, since="v1.4"))
    '3 steps'
    """
    if comparison.runs is None:
        return f"{comparison.pairs} pairs"
    return f"{comparison.runs} {'steps' if comparison.since is not None else 'stored runs'}"


def since(findings: tuple[Finding, ...]) -> str:
    """From where drift is counted, as a heading."""
    names = dict.fromkeys(each.comparison.since for each in findings if each.comparison and each.comparison.since)
    return f"Since {' and '.join(names)}" if len(names) < 3 else "Since earlier revisions"


def sure(finding: Finding) -> str:
    """How sure: the interval and its confidence, or what was tried."""
    comparison = finding.comparison
    if comparison is not None and interval(comparison):
        confidence = f"{comparison.confidence * 100:.3g} %, " if comparison.confidence is not None else ""
        return f"{interval(comparison)} ({confidence}{rests_on(comparison)})"
    if comparison is not None and comparison.since is not None:
        return "not known"
    if comparison is not None and finding.kind == "series":
        return f"{comparison.samples_after} samples" if comparison.samples_after != 1 else "one number"
    if comparison is not None:
        return count(comparison.samples_after, "request", "requests")
    if finding.tries is not None:
        if finding.tries == 1:
            return "seen once"
        tries = f"of {finding.tries} tries"
        return f"failed {finding.failures} {tries}" if finding.failures else f"held {finding.tries} {tries}"
    return "one observation each" if len(finding.observed) > 1 else "one observation" if finding.observed else "–"


def before(finding: Finding) -> str:
    """What it was."""
    if finding.comparison is not None and finding.before is None:
        return quantity(finding.comparison.before, finding.comparison.unit)
    return first_line(finding.before) or "–"


def after(finding: Finding) -> str:
    """What it is, or why that is not known."""
    if finding.comparison is not None and finding.comparison.after is not None:
        return quantity(finding.comparison.after, finding.comparison.unit)
    return first_line(finding.after) or ("not measured" if finding.status == "not measured" else finding.status)


def would_have_seen(finding: Finding) -> str:
    """The smallest change that would not have passed for fine.

    >>> words = {"probe": "a", "title": "A", "status": "maintained", "severity": "major"}
    >>> would_have_seen(Finding(id="a/b", item="b", kind="check", would_have_seen="+1.1 % failing", **words))
    '+1.1 % failing'
    """
    if finding.would_have_seen is not None:
        return finding.would_have_seen
    return change(finding.comparison.would_have_seen) if finding.comparison is not None else "–"


def first_line(text: str | None) -> str:
    """What a table has room for; the rest of a longer text is shown below it.

    >>> first_line("no answer\\nsecond line"), first_line(None)
    ('no answer', '')
    """
    return (text or "").strip().partition("\n")[0].rstrip()


def headline(verdict: Verdict) -> str:
    """One sentence of counts.

    It counts what the findings say, so that it cannot say what they do not.
    """
    bad = sum(1 for each in verdict.findings if each.status in BAD and each.waiver is None)
    missing = sum(1 for each in verdict.findings if each.status == "not measured")
    better = sum(1 for each in verdict.findings if each.status == "improved")
    held = sum(1 for each in verdict.findings if each.status in ("maintained", "new"))
    parts = [f"{bad} broken or worse"] if bad else []
    parts += [f"{missing} not measured"] if missing else []
    parts += [f"{better} improved"] if better else []
    parts += [f"{held} held"]
    return ", ".join(parts) + f" of {len(verdict.findings)} findings"


def against(verdict: Verdict) -> str:
    """What it was compared with, and how."""
    if verdict.baseline is None:
        return "There was no baseline to compare with."
    how = "measured side by side" if verdict.side_by_side else "from its stored run"
    kept = verdict.provenance
    which = ""
    if kept:
        by = f" by {kept.pinned.by} since {kept.pinned.at[:10]}" if kept.pinned else ""
        which = f" (kept as {kept.reference}{by}, judged {kept.verdict} on {kept.stored[:10]})"
    return f"Compared with {verdict.baseline.revision}, {how}{which}."


def answered(verdict: Verdict) -> str:
    """Which revision answered."""
    found = verdict.candidate.identity.get("answered_by")
    if not isinstance(found, dict) or not found:
        reason = verdict.candidate.identity.get("reason")
        return f"Which revision answered was not measured{f': {reason}' if isinstance(reason, str) else ''}."
    total = sum(count for count in found.values() if isinstance(count, int))
    if list(found) == [verdict.candidate.revision]:
        return f"All {total} answers came from {verdict.candidate.revision}."
    return "Answers came from " + ", ".join(f"{name} ({count})" for name, count in found.items()) + "."


def exercised(verdict: Verdict) -> str:
    """What was exercised, in one sentence; empty where no probe told."""
    seen = verdict.exercised
    parts = []
    if seen is not None and seen.routes:
        routes = count(seen.routes, "protected route", "protected routes")
        if seen.accepted < seen.routes:
            parts.append(f"{seen.accepted} of {routes} with a credential")
            routes = str(seen.routes)
        parts.append(f"{seen.refused} of {routes} also without a credential")
    if seen is not None and seen.known:
        here = seen.known - len(seen.unseen)
        some = ", ".join(seen.unseen[:3]) + (f" and {len(seen.unseen) - 3} more" if len(seen.unseen) > 3 else "")
        parts.append(f"{here} of {count(seen.known, 'known event type', 'known event types')}")
        parts[-1] += f" (never seen: {some})" if seen.unseen else ""
    if seen is not None and seen.operations:
        here = seen.operations - len(seen.untouched)
        parts.append(f"{here} of {count(seen.operations, 'OpenAPI operation', 'OpenAPI operations')}")
    return f"Exercised: {'; '.join(parts)}." if parts else ""


def last_run(since: Since) -> str:
    """What is another than in the last verdict, in one sentence without its names."""
    counts = [
        (len(since.fixed), "fixed"),
        (len(since.new), "new"),
        (len(since.still), "still bad"),
        (len(since.lost), "bad then and not measured now"),
    ]
    said = [f"{number} {what}" for number, what in counts if number]
    if not since.compared:
        return "more was bad then than is remembered, so nothing is claimed"
    return ", ".join(said) or "nothing was fixed, and nothing is newly bad"


def changes(since: Since) -> tuple[tuple[str, tuple[str, ...], int], ...]:
    """(what happened, the first names, how many more) for each kind of change that there is."""
    kinds = (("Fixed", since.fixed), ("New", since.new), ("Still bad", since.still), ("Not measured now", since.lost))
    return tuple((what, names[:6], max(0, len(names) - 6)) for what, names in kinds if names)


def told(one: Told) -> str:
    """A verdict of before, in a few words."""
    return f"{one.verdict} at {one.called}, {one.finished[:10]}"


def watched(verdict: Verdict) -> str:
    """What users got while traffic moved, in one sentence; empty where that was not watched."""
    found = [each for each in verdict.findings if each.probe == "rollout" and each.kind == "fact" and each.after]
    parts = [each.after for kind in (": requests", ": sockets") for each in found if each.item.endswith(kind)]
    moved = [each for each in found if ": traffic at " in each.item]
    parts += [f"{each.after} at {each.item.rpartition(' at ')[2]}" for each in moved if each.status in BAD]
    if moved and moved[-1].status not in BAD:
        parts.append(moved[-1].after)
    return f"While traffic moved: {'; '.join(filter(None, parts))}." if parts else ""


def rollback(verdict: Verdict) -> tuple[bool, str] | None:
    """Whether the rollback held, and its sentence; None where nothing was rolled back."""
    return _restored(verdict, "rollback", ("Not rolled back", "The rollback failed", "Rolled back to"))


def drill(verdict: Verdict) -> tuple[bool, str] | None:
    """The same of a rollback that was rehearsed."""
    return _restored(
        verdict, "drill", ("No rollback was rehearsed", "The rehearsed rollback failed", "Rehearsed a rollback to")
    )


def _restored(verdict: Verdict, probe: str, said: tuple[str, str, str]) -> tuple[bool, str] | None:
    found = [each for each in verdict.findings if each.probe == probe]
    if not found:
        return None
    if all(each.status == "not measured" for each in found):
        return False, f"{said[0]}: {found[0].reason or 'nothing was seen of it'}"
    failed = [each for each in found if each.status in BAD]
    unproven = [each for each in found if each.status == "not measured"]
    own = ("previous revision serves", "candidate comes up again")
    again = [each for each in found if each.kind == "check" and each.item not in own]
    if failed:
        return False, f"{said[1]}: {', '.join(each.item for each in (*failed, *unproven))}"
    serving = next((each.after for each in found if each.item == own[0]), None) or "the one before"
    if unproven:
        return False, f"{said[2]} {serving}, which is not proven: {', '.join(each.item for each in unproven)}"
    bad = {each.probe for each in verdict.findings if each.status in BAD}
    failed_before = probe == "rollback" and all(each.item in bad for each in again)
    what = "probes that failed hold again" if failed_before else "probes hold there"
    # a platform's word alone is no proof, and is not to look like one
    held = f": {len(again)} of {len(again)} {what}" if again else ", by the platform's own word: no probe was run again"
    took = next((after(each) for each in found if each.item == "restored"), None)
    return True, f"{said[2]} {serving}{held}" + (f", restored in {took}" if took else "")
