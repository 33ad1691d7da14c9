"""From findings to one word, its risk and its readiness, and the rules that fired in words."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from bot.judge.basis import BLOCKING, SEVERITIES
from bot.model import Finding, Readiness, Risk, Word

BAD = frozenset({"broken", "regressed"})
_AFTER = {"changed": 3, "gone": 5, "improved": 6, "new": 7}


class Conclusion(NamedTuple):
    """The verdict's word, and why."""

    word: Word
    risk: Risk
    readiness: Readiness
    rules: tuple[str, ...]


def conclude(
    findings: Sequence[Finding], expected: Collection[str], remarks: Iterable[str], *, compared: bool
) -> Conclusion:
    """Apply the rules. Waived findings are said, and do not count; `expected` are the probes of the spec."""
    counted = [each for each in findings if each.waiver is None]
    blocking = [each for each in counted if each.status in BAD and each.severity in BLOCKING]
    missing = [each for each in counted if each.status == "not measured" and not _is_said_only(each)]
    said = (*_waived(findings), *remarks)
    if blocking:
        return _unstable(blocking, missing, said)
    if missing:
        critical = any(each.severity == "critical" for each in missing)
        return Conclusion(
            "inconclusive", "high" if critical else "medium", "needs evidence", (_not_measured(missing), *said)
        )
    if any(each.probe == "rollback" and each.kind == "check" for each in findings):
        rule = "nothing that counts is left, and it was rolled back: it does not serve until it is deployed again"
        return Conclusion("inconclusive", "medium", "needs evidence", (rule, *said))
    if not any(each.probe in expected and _is_seen(each) for each in findings):
        return Conclusion("inconclusive", "high", "needs evidence", ("nothing was measured", *said))
    warned = [each for each in findings if _is_warning(each)]
    readiness: Readiness = "approved with warnings" if warned else "approved"
    warnings = (f"{_count(len(warned), 'remark')}: {_named(warned)}",) if warned else ()
    if not compared:
        rule = "a first run: every absolute check held, and there was nothing to compare with"
        return Conclusion("first run", "low", readiness, (rule, *warnings, *said))
    rule = "everything that was expected was measured, and nothing that blocks got worse"
    return Conclusion("stable", "low" if warned else "minimal", readiness, (rule, *warnings, *said))


def counts(finding: Finding) -> bool:
    """Whether this finding keeps a verdict from being green."""
    return finding.waiver is None and (finding.status in BAD or finding.status == "not measured")


def rank(finding: Finding) -> tuple[int, int]:
    """Where a finding stands in every report: worst first, a failed rollback before all."""
    severity = SEVERITIES.index(finding.severity)
    if finding.waiver is not None and finding.status in (*BAD, "not measured"):
        return (4, severity)
    if finding.status in BAD:
        return (0 if finding.probe == "rollback" else 1, severity)
    if finding.status == "not measured":
        return (2, severity)
    return (_AFTER.get(finding.status, 8), 0)


def _is_said_only(finding: Finding) -> bool:
    """Whether it only says that an act of the bot's own was not called for: it was no measurement that is missing."""
    return finding.probe == "rollback" or (finding.probe == "rollout" and finding.kind == "probe")


def _is_seen(finding: Finding) -> bool:
    """Whether it says something that was seen of the service."""
    return finding.kind != "probe" and finding.status not in ("not measured", "gone")


def _is_warning(finding: Finding) -> bool:
    if finding.waiver is not None or finding.status in BAD:
        return True
    return finding.status == "changed" and finding.severity != "info"


def _unstable(blocking: list[Finding], missing: list[Finding], said: tuple[str, ...]) -> Conclusion:
    critical = [each for each in blocking if each.severity == "critical"]
    fired = [f"{_count(len(blocking), 'thing')} broken or worse, {len(critical)} critical: {_named(blocking)}"]
    if any(each.probe == "rollback" for each in blocking):
        fired.insert(0, "the rollback failed")
    if missing:
        fired.append(_not_measured(missing))
    return Conclusion("unstable", "critical" if critical else "high", "rejected", (*fired, *said))


def _not_measured(missing: list[Finding]) -> str:
    return f"{_count(len(missing), 'thing')} not measured: {_named(missing)}; what was not measured is never green"


def _waived(findings: Sequence[Finding]) -> tuple[str, ...]:
    waived = [each for each in findings if each.waiver is not None]
    return (f"{_count(len(waived), 'finding')} waived: {_named(waived)}",) if waived else ()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _named(findings: Sequence[Finding], most: int = 4) -> str:
    names = [each.id for each in findings[:most]]
    return ", ".join(names) + (f" and {len(findings) - most} more" if len(findings) > most else "")
