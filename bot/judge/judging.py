"""The judge: a pure function from two runs and a policy to a verdict."""

from collections.abc import Iterator

from bot.judge import checks, rules, series
from bot.judge.basis import Basis
from bot.judge.facts import compare as facts
from bot.judge.policy import Expected, Policy
from bot.model import Finding, Inputs, Run, Severity, Verdict, Waiver

OWN = {
    "deploy": Expected(kind="deploy", title="Deploy", severity="critical"),
    "rollback": Expected(kind="rollback", title="Rollback", severity="critical"),
}
"""What the pipeline observes of its own acts, whether or not the spec asks for anything."""


def judge(candidate: Run, baseline: Run | None, policy: Policy, spec_digest: str) -> Verdict:
    """Judge one candidate. No clock, no network, no randomness: the same inputs give the same bytes."""
    found = [
        finding for basis in _bases(candidate, baseline, policy) for finding in _findings(basis, policy, candidate)
    ]
    waivers = tuple(each for each in policy.waivers if each.until is None or each.until >= candidate.finished[:10])
    findings = sorted((_waived(each, waivers) for each in _with_early_stop(found)), key=rules.rank)
    provenance = baseline.provenance if baseline else None
    conclusion = rules.conclude(
        findings, compared=baseline is not None, reference=provenance.reference if provenance else None
    )
    inputs = Inputs(
        candidate=candidate.fingerprint(), baseline=baseline.fingerprint() if baseline else None, spec=spec_digest
    )
    return Verdict(
        verdict=conclusion.word,
        risk=conclusion.risk,
        readiness=conclusion.readiness,
        rules=conclusion.rules,
        candidate=candidate.subject,
        baseline=baseline.subject if baseline else None,
        provenance=provenance,
        side_by_side=_side_by_side(candidate, baseline),
        started=candidate.started,
        finished=candidate.finished,
        findings=tuple(findings),
        waivers=policy.waivers,
        inputs=inputs,
        seed=int(inputs.candidate[-8:], 16),
    )


def _bases(candidate: Run, baseline: Run | None, policy: Policy) -> Iterator[Basis]:
    """The pipeline's own acts first, then each expected probe, then what only the baseline has."""
    paired = _side_by_side(candidate, baseline)
    expected = {name: each for name, each in OWN.items() if candidate.observation(name)} | policy.probes
    names = dict.fromkeys([*expected, *(each.probe for each in candidate.observations)])
    for name in names:
        seen = candidate.observation(name)
        fallback = Expected(kind=seen.kind, title=seen.title, severity="minor") if seen else None
        wanted = expected.get(name, fallback)
        if wanted is not None:
            yield Basis(name, wanted, seen, baseline.observation(name) if baseline else None, paired)
    for old in baseline.observations if baseline else ():
        if old.probe not in names and old.probe not in OWN:
            yield Basis(old.probe, Expected(kind=old.kind, title=old.title, severity="info"), None, old, paired)


def _findings(basis: Basis, policy: Policy, candidate: Run) -> Iterator[Finding]:
    seen = basis.candidate
    if seen is None:
        if basis.name in policy.probes:
            reason, remedy = "the spec asks for it, and it was not observed", "run the probe again"
            yield basis.finding("probe", "probe", "not measured", reason=reason, remedy=remedy)
        else:
            yield basis.finding("probe", "probe", "gone", severity="info", reason="the spec no longer asks for it")
        return
    if seen.state == "not measured":
        severity: Severity | None = "info" if basis.name == "rollback" else None
        yield basis.finding("probe", "probe", "not measured", severity=severity, reason=seen.reason, remedy=seen.remedy)
        return
    if not (seen.checks or seen.facts or any(each.samples for each in seen.series)):
        if seen.state == "broken":
            yield basis.finding("probe", "probe", "broken", reason=seen.reason or "it failed, and says no more")
        else:
            reason = "it ran, and checked nothing"
            yield basis.finding("probe", "probe", "not measured", reason=reason, remedy="give it an `expect:`")
        return
    if seen.state == "broken" and all(check.ok for check in seen.checks):
        yield basis.finding("probe", "probe", "broken", reason=seen.reason or "it failed, and says no more")
    yield from checks.compare(basis)
    yield from facts.compare(basis)
    yield from series.compare(basis, policy, metrics(candidate))


def _with_early_stop(findings: list[Finding]) -> list[Finding]:
    """Measuring stops at the first certain regression: say so where it left another series open."""
    if not any(each.kind == "series" and each.status == "regressed" for each in findings):
        return findings
    words = {"reason": "undecided: measuring stopped as soon as a regression was certain", "remedy": "mend that first"}
    return [each.model_copy(update=words) if each.kind == "series" and _is_open(each) else each for each in findings]


def _is_open(finding: Finding) -> bool:
    return finding.status == "not measured" and finding.comparison is not None and finding.comparison.pairs > 0


def metrics(run: Run) -> int:
    """How many series share the suite's error budget: those that were sampled more than once."""
    return sum(1 for each in run.observations for one in each.series if len(one.samples) > 1)


def _side_by_side(candidate: Run, baseline: Run | None) -> bool:
    session = candidate.subject.session
    return baseline is not None and session is not None and session == baseline.subject.session


def _waived(finding: Finding, waivers: tuple[Waiver, ...]) -> Finding:
    found = next((each for each in waivers if each.finding == finding.id), None)
    return finding.model_copy(update={"waiver": found}) if found else finding
