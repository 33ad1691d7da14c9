"""The judge: a pure function from two runs and a policy to a verdict."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bot.judge import checks, coverage, drift, failing, paired, rules, series, since, waiving
from bot.judge.basis import BLOCKING, Basis
from bot.judge.facts import compare as facts
from bot.judge.policy import OWN_NAMES, Expected, Policy
from bot.judge.pooled import Member, Pooled, pool
from bot.judge.stored import remembering
from bot.judge.suite import Settled, Suite
from bot.judge.weighing import errors
from bot.model import Carried, Finding, Inputs, Observation, Run, SeriesKey, Severity, Verdict, Waiver, digest
from bot.model.errors import UsageError
from bot.model.history import CONTROL

OWN = {name: Expected(kind=name, title=name.capitalize(), severity="critical") for name in OWN_NAMES}
"""What the pipeline observes of its own acts, whether or not the spec asks for anything."""


def judge(candidate: Run, baseline: Run | None, policy: Policy, spec_digest: str) -> Verdict:
    """Judge one candidate. No clock, no network, no randomness: the same inputs give the same bytes.

    Raises:
        UsageError: the two runs are of two services.
    """
    if baseline is not None and baseline.subject.service != candidate.subject.service:
        raise UsageError(
            f"the candidate is a run of {candidate.subject.service!r}, the baseline one of"
            f" {baseline.subject.service!r}; give the baseline of the same service"
        )
    waivers = dict.fromkeys((*policy.waivers, *candidate.accepted))
    active, expired = waiving.by_date(tuple(waivers), candidate.finished[:10])
    case = _Case(candidate, baseline, waiving.with_accepted(policy, candidate.accepted, baseline))
    seen = drift.added(candidate, baseline, policy, _of_the_probes(case))
    found = [waiving.waived(each, active, baseline) for each in _distinct([*_of_the_runs(case), *seen])]
    findings = sorted(_with_early_stop(found), key=rules.rank)
    conclusion = rules.conclude(
        findings, policy.probes, _remarks(case, spec_digest, active, expired, findings), compared=baseline is not None
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
        provenance=baseline.provenance if baseline else None,
        side_by_side=case.paired,
        started=candidate.started,
        finished=candidate.finished,
        findings=tuple(findings),
        waivers=active,
        exercised=coverage.of(candidate, baseline),
        since=since.the_last(candidate.previous, findings),
        inputs=inputs,
        seed=int(digest(inputs.to_json()).removeprefix("sha256:")[:8], 16),
    )


class _Case(NamedTuple):
    candidate: Run
    baseline: Run | None
    policy: Policy

    @property
    def paired(self) -> bool:
        session = self.candidate.subject.session
        return self.baseline is not None and session is not None and session == self.baseline.subject.session

    @property
    def same_spec(self) -> bool:
        return self.baseline is not None and self.baseline.spec == self.candidate.spec

    @property
    def carried(self) -> Carried | None:
        """What earlier sessions left, if they were of these two revisions, by this spec."""
        left = self.candidate.carried
        fits = left is not None and self.baseline is not None and left.against == self.baseline.name
        return left if fits and left is not None and left.spec == self.candidate.spec else None

    def settled(self) -> tuple[Settled, Pooled | None]:
        """All that was measured side by side, weighed as one suite; and the requests of all timed series."""
        timed = (one for each in self.candidate.observations if each.kind != CONTROL for one in each.series)
        sampled = sum(1 for one in timed if len(one.samples) > 1)
        carried = self.carried
        suite = Suite(self.policy, self.candidate.finished[:10], carried)
        members: dict[SeriesKey, Member] = {}
        for basis in _bases(self):
            before = {one.id: one for one in basis.baseline.series if one.samples} if basis.baseline else {}
            names = Counter(one.id for one in basis.candidate.series) if basis.candidate else Counter[str]()
            for new in basis.candidate.series if basis.candidate else ():
                key, old = (basis.name, new.id), before.get(new.id)
                if names[new.id] > 1 or not new.samples or series.is_single(basis, new, old):
                    continue
                fits = self.paired and old is not None and (new.unit, new.better) == (old.unit, old.better)
                members[key] = Member(new, old, suite.update(key, new, old) if fits and old is not None else None)
        error = errors(self.policy, sampled, carried.sessions if carried else 0)
        return suite.settle(error), pool(self.policy, members, error, self.candidate.finished[:10])


def _of_the_runs(case: _Case) -> Iterator[Finding]:
    """What is wrong with the runs themselves: a baseline that was lost, a revision that nobody can name."""
    run = case.candidate
    if case.baseline is None and any(_was_second(each) for each in run.observations):
        yield Basis("baseline", OWN["baseline"], None, None).finding(
            "probe",
            "probe",
            "not measured",
            reason="the candidate was measured beside a baseline, and the baseline is not here",
            remedy="give the run of the baseline as well",
        )
    if case.policy.identified and not run.subject.identity.get("answered_by"):
        reason = run.subject.identity.get("reason")
        yield Basis("deploy", OWN["deploy"], run.observation("deploy"), None).finding(
            "identity",
            "check",
            "not measured",
            severity="major",
            reason=f"which revision answered is not known{f': {reason}' if isinstance(reason, str) else ''}",
            remedy="let the service name its revision as `identity` says, or take `identity` out of the spec",
        )


def _was_second(observation: Observation) -> bool:
    """Whether any sample says that it was the second of its pair."""
    return any(
        cell not in (0, None) for one in observation.series if "order" in one.columns for cell in one.column("order")
    )


def _of_the_probes(case: _Case) -> Iterator[Finding]:
    settled, pooled = case.settled()
    for basis in remembering(_bases(case), case.candidate, case.baseline, case.policy):
        yield from _findings(basis, case.policy, settled)
    yield from paired.together(case.policy, settled, case.candidate.observations)
    yield from failing.together(pooled, case.candidate.observations, settled.error)


def _bases(case: _Case) -> Iterator[Basis]:
    """The pipeline's own acts first, then each expected probe, then what only the baseline has.

    What the runner measured of itself says nothing of the service.
    """
    candidate, baseline, policy = case
    seen_of_it = [each for each in candidate.observations if each.kind != CONTROL]
    own = {name: each for name, each in OWN.items() if any(one.probe == name for one in seen_of_it)}
    for name, wanted in own.items():
        old = baseline.observation(name) if baseline and name == "deploy" else None
        yield Basis(name, wanted, candidate.observation(name), old, case.paired, compared=False, same_spec=False)
    names = dict.fromkeys([*policy.probes, *(each.probe for each in seen_of_it)])
    for name in names:
        if name in own:
            continue
        seen, old = _observation(candidate, name), _observation(baseline, name)
        wanted_here = policy.probes.get(name)
        if wanted_here is not None:
            yield Basis(name, wanted_here, seen, old, case.paired, baseline is not None, case.same_spec)
        elif seen is not None:
            extra = Expected(kind=seen.kind, title=seen.title, severity="minor")
            yield Basis(name, extra, seen, old, case.paired, compared=False, same_spec=False)
    for each in baseline.observations if baseline else ():
        if each.probe not in names and each.probe not in OWN and each.kind != CONTROL:
            yield Basis(each.probe, Expected(kind=each.kind, title=each.title, severity="info"), None, each)


def _observation(run: Run | None, name: str) -> Observation | None:
    """What a probe saw. Two observations of one probe are none: nobody can say which one counts."""
    found = [each for each in run.observations if each.probe == name] if run else []
    if len(found) < 2:
        return found[0] if found else None
    reason = f"the run has {len(found)} observations of this probe"
    words = {"state": "not measured", "reason": reason, "remedy": "join the shards' runs with `merge`"}
    return found[0].model_copy(update={**words, "checks": (), "series": (), "facts": ()})


def _findings(basis: Basis, policy: Policy, settled: Settled) -> Iterator[Finding]:
    seen = basis.candidate
    if seen is None:
        if basis.name in policy.probes:
            reason, remedy = "the spec asks for it, and it was not observed", "run the probe again"
            yield basis.finding("probe", "probe", "not measured", reason=reason, remedy=remedy)
        else:
            yield basis.finding("probe", "probe", "gone", severity="info", reason="the spec no longer asks for it")
        return
    if seen.state == "not measured":
        severity: Severity | None = "info" if basis.name in ("rollback", "rollout") else None
        yield basis.finding(
            "probe",
            "probe",
            "not measured",
            severity=severity,
            reason=seen.reason,
            remedy=seen.remedy or "run it again",
        )
        return
    if seen.state == "broken" and all(check.ok for check in seen.checks):
        yield basis.finding("probe", "probe", "broken", reason=seen.reason or "it failed, and says no more")
    elif not (seen.checks or seen.facts or any(each.samples for each in seen.series)):
        reason, remedy = seen.reason or "it ran, and checked nothing", seen.remedy or "give it an `expect:`"
        yield basis.finding("probe", "probe", "not measured", reason=reason, remedy=remedy)
        return
    yield from checks.compare(basis)
    yield from facts.compare(basis)
    yield from series.compare(basis, policy, settled)


def _with_early_stop(findings: list[Finding]) -> list[Finding]:
    """Measuring stops at the first certain regression that blocks: say so where it left another series open."""
    if not any(
        each.status == "regressed"
        and each.comparison
        and each.comparison.pairs
        and each.severity in BLOCKING
        and each.waiver is None
        for each in findings
    ):
        return findings
    words = {
        "reason": "undecided when measuring ended; a certain regression ends it early",
        "remedy": "mend that first",
    }
    return [each.model_copy(update=words) if _is_open(each) else each for each in findings]


def _is_open(finding: Finding) -> bool:
    comparison = finding.comparison
    cut = finding.reason is not None and finding.reason.startswith(paired.CUT_SHORT)
    return cut and finding.status == "not measured" and comparison is not None and comparison.more_pairs is not None


def _distinct(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Ids are what waivers and readers hold on to: no two findings share one."""
    seen: Counter[str] = Counter()
    for each in findings:
        seen[each.id] += 1
        if seen[each.id] == 1:
            yield each
        else:
            item = f"{each.item} ({each.kind} {seen[each.id]})"
            yield each.model_copy(update={"id": f"{each.probe}/{item}", "item": item})


def _remarks(
    case: _Case, spec: str, active: Sequence[Waiver], expired: Sequence[Waiver], findings: Sequence[Finding]
) -> Iterator[str]:
    """What a reader should know of the comparison besides the findings."""
    candidate, baseline, policy = case
    if baseline is not None and baseline.provenance is not None and baseline.provenance.reference == "last":
        yield "there is no last good run yet: compared with the last one, which was not stable itself"
    if baseline is not None and not case.same_spec:
        yield "the spec has changed since the baseline was measured"
    if baseline is not None and baseline.subject.environment != candidate.subject.environment:
        yield f"the baseline is of another environment: {baseline.subject.environment}"
    if baseline is not None and case.paired and baseline.subject.revision == candidate.subject.revision:
        yield f"both revisions are called {candidate.subject.revision}: it was compared with itself"
    if candidate.spec != spec:
        yield "the candidate was measured by another spec than it is judged by"
    yield from drift.remarks(baseline, policy)
    for waiver in expired:
        if any(each.id == waiver.finding and rules.counts(each) for each in findings):
            yield f"the waiver of {waiver.finding} expired on {waiver.until}"
    yield from waiving.remarks(findings, active)
    known = {name for run in (candidate, baseline) if run for each in run.observations for name in _names(each)}
    for key in sorted(policy.keys() - known):
        yield f"`judge:` names {key}, and no run has such a series"


def _names(observation: Observation) -> Iterator[str]:
    for one in observation.series:
        yield one.id
        yield f"{observation.probe}/{one.id}"
