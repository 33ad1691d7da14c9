"""From findings to one word, its risk and its readiness, and the rules that fired in words."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.judge.basis import SEVERITIES
from bot.model import Finding, Readiness, Risk, Word

BAD = frozenset({"broken", "regressed"})
BLOCKING = frozenset({"critical", "major"})


class Conclusion(NamedTuple):
    """The verdict's word, and why."""

    word: Word
    risk: Risk
    readiness: Readiness
    rules: tuple[str, ...]


def conclude(findings: Sequence[Finding], *, compared: bool, reference: str | None) -> Conclusion:
    """Apply the policy. Waived findings are said, and do not count."""
    counted = [each for each in findings if each.waiver is None]
    bad = [each for each in counted if each.status in BAD]
    blocking = [each for each in bad if each.severity in BLOCKING]
    missing = [each for each in counted if each.status == "not measured" and each.probe != "rollback"]
    rules = _notes(findings, reference)
    if blocking:
        return _unstable(blocking, rules)
    if missing:
        first = f"{_count(len(missing), 'thing')} not measured: {_named(missing)}; what was not measured is never green"
        return Conclusion("inconclusive", "medium", "needs evidence", (first, *rules))
    if not any(
        each.kind in {"check", "series", "fact"} and each.probe not in {"deploy", "rollback"} for each in findings
    ):
        return Conclusion("inconclusive", "medium", "needs evidence", ("nothing was measured", *rules))
    remarks = [each for each in findings if each.waiver is not None or each.status in BAD or each.status == "changed"]
    warned = [each for each in remarks if each.waiver is not None or each.severity != "info"]
    readiness: Readiness = "approved with warnings" if warned else "approved"
    if not compared:
        rule = "a first run: every absolute check held, and there was nothing to compare with"
        return Conclusion("first run", "low", readiness, (rule, *rules))
    rule = "everything that was expected was measured, and nothing got worse"
    if warned:
        rule = f"nothing that blocks got worse; {_count(len(warned), 'remark')}: {_named(warned)}"
    return Conclusion("stable", "low" if warned else "minimal", readiness, (rule, *rules))


def _unstable(blocking: list[Finding], rules: tuple[str, ...]) -> Conclusion:
    critical = [each for each in blocking if each.severity == "critical"]
    if any(each.probe == "rollback" for each in blocking):
        rules = ("the rollback failed", *rules)
    words = f"{_count(len(blocking), 'thing')} broken or worse, {len(critical)} critical: {_named(blocking)}"
    return Conclusion("unstable", "critical" if critical else "high", "rejected", (words, *rules))


def _notes(findings: Sequence[Finding], reference: str | None) -> tuple[str, ...]:
    notes = []
    if reference == "last":
        notes.append("there is no last good run yet: compared with the last one, which was not stable itself")
    waived = [each for each in findings if each.waiver is not None]
    if waived:
        notes.append(f"{_count(len(waived), 'finding')} waived: {_named(waived)}")
    return tuple(notes)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _named(findings: Sequence[Finding], most: int = 4) -> str:
    names = [each.id for each in findings[:most]]
    return ", ".join(names) + (f" and {len(findings) - most} more" if len(findings) > most else "")


def rank(finding: Finding) -> tuple[int, int]:
    """Where a finding stands in every report: worst first, a failed rollback before all."""
    severity = SEVERITIES.index(finding.severity)
    if finding.status in BAD:
        return (0 if finding.probe == "rollback" else 1 if finding.waiver is None else 4, severity)
    if finding.status == "not measured":
        return (2, severity)
    return ({"changed": 3, "gone": 5, "improved": 6, "new": 7}.get(finding.status, 8), 0)
