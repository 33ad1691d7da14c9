"""Verdicts for machines: JUnit XML and SARIF 2.1.0. What was not measured is an error there, never a skip or a pass."""

import json
from typing import Any

from bot.model import Finding, Verdict
from bot.report import words
from bot.safety.escape import terminal

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"critical": "error", "major": "error", "minor": "warning", "info": "note"}


def junit(verdict: Verdict) -> str:
    """One test case a finding."""
    from xml.etree.ElementTree import Element, SubElement, tostring

    findings = verdict.findings
    suite = Element(
        "testsuite",
        name=f"{verdict.candidate.service} in {verdict.candidate.environment}",
        tests=str(len(findings)),
        failures=str(sum(1 for each in findings if _failed(each))),
        errors=str(sum(1 for each in findings if each.status == "not measured")),
        timestamp=verdict.started,
    )
    for each in findings:
        case = SubElement(suite, "testcase", classname=terminal(each.probe), name=terminal(each.item))
        if _failed(each):
            SubElement(case, "failure", type=each.status, message=_message(each))
        elif each.status == "not measured":
            SubElement(case, "error", type="not measured", message=_message(each))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def sarif(verdict: Verdict) -> str:
    """One result for each finding that is not fine; the rule is what was asked, so that it is stable between runs."""
    results: list[dict[str, Any]] = []
    rules: dict[str, dict[str, Any]] = {}
    for each in verdict.findings:
        if each.status in ("maintained", "improved", "new"):
            continue
        rules.setdefault(each.id, {"id": each.id, "shortDescription": {"text": terminal(each.title)}})
        results.append(
            {
                "ruleId": each.id,
                "level": LEVELS[each.severity],
                "kind": "fail" if _failed(each) else "open" if each.status == "not measured" else "informational",
                "message": {"text": _message(each)},
                "locations": [{"logicalLocations": [{"fullyQualifiedName": terminal(each.id)}]}],
                "partialFingerprints": {"finding/v1": each.id},
                "suppressions": [{"kind": "external", "justification": terminal(each.waiver.reason)}]
                if each.waiver
                else [],
            }
        )
        if results[-1]["kind"] != "fail":
            results[-1]["level"] = "none"
    tool = {"driver": {"name": "Stability Proof", "rules": list(rules.values())}}
    document = {"$schema": SARIF, "version": "2.1.0", "runs": [{"tool": tool, "results": results}]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _failed(finding: Finding) -> bool:
    return finding.status in words.BAD and finding.waiver is None


def _message(finding: Finding) -> str:
    parts = [f"{finding.status}: {words.before(finding)} before, {words.after(finding)} after"]
    parts += [f"expected {finding.expected}"] if finding.expected else []
    parts += [each for each in (finding.reason, finding.remedy) if each]
    return terminal("; ".join(parts), 1000)
