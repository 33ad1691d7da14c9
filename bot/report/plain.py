"""Verdicts as plain text: for a terminal, and for the short fields of GitHub."""

from bot.model import Finding, Verdict, Waiver
from bot.report import words
from bot.report.view import Links, View
from bot.safety.escape import terminal

STATUS_LIMIT = 140


def text(verdict: Verdict) -> str:
    """The verdict for a terminal."""
    view = View(verdict, Links())
    lines = [
        (
            f"{verdict.verdict.upper()}: {verdict.candidate.service} in {verdict.candidate.environment}"
            f" ({verdict.candidate.revision}); risk {verdict.risk}, {verdict.readiness}"
        ),
        words.headline(verdict),
        words.against(verdict),
        words.answered(verdict),
        *filter(None, [words.exercised(verdict)]),
    ]
    if verdict.since is not None:
        lines.append(f"Since the last run ({words.told(verdict.since.last)}): {words.last_run(verdict.since)}.")
        for what, names, more in words.changes(verdict.since):
            lines.append(f"  {what}: {', '.join(names)}" + (f" and {more} more" if more else ""))
    lines += [told[1] for told in (words.rollback(verdict), words.drill(verdict)) if told]
    lines += filter(None, [words.watched(verdict)])
    for title, findings in (
        ("What got worse", view.worse),
        ("Not measured", view.missing),
        ("Changed", view.changed),
        ("Improved", view.better),
        (words.since(view.drift), view.drift),
    ):
        if findings:
            lines += ["", title]
            lines += [f"  {line}" for each in findings for line in _lines(each)]
    if view.waivers:
        lines += ["", "Waived", *(f"  {_waived(each, covers=covers)}" for each, covers in view.waivers)]
    lines += ["", *(f"rule: {rule}" for rule in verdict.rules)]
    return "".join(f"{line[: len(line) - len(line.lstrip())]}{terminal(line)}\n" for line in lines)


def _waived(waiver: Waiver, *, covers: bool) -> str:
    end = f"until {waiver.until}" if waiver.until else "no end"
    idle = "" if covers else "; nothing to waive now"
    return f"{waiver.finding} by {waiver.by}: {waiver.reason} ({end}{idle})"


def _lines(finding: Finding) -> list[str]:
    values = f"{words.before(finding)} -> {words.after(finding)}"
    change = words.change(finding.comparison.ratio) if finding.comparison else finding.status
    lines = [f"{finding.id} [{finding.severity}]  {values}" + (f"  {change}" if not values.endswith(change) else "")]
    if finding.comparison is not None:
        seen = words.would_have_seen(finding)
        lines.append(f"  {words.sure(finding)}" + (f"; would have seen {seen}" if seen != "–" else ""))
    if finding.expected and finding.status in words.BAD:
        lines.append(f"  expected {finding.expected}")
    lines += [f"  {each}" for each in (finding.reason, finding.remedy) if each]
    return lines


def status_line(verdict: Verdict) -> str:
    """The description of a commit status: at most 140 characters."""
    line = f"{verdict.verdict.capitalize()}: {words.headline(verdict)}"
    return terminal(line, STATUS_LIMIT)


def check_title(verdict: Verdict) -> str:
    """The title of a check run."""
    return terminal(f"{verdict.verdict.capitalize()}: {words.headline(verdict)}", 200)
