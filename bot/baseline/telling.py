"""What a kept run tells the next one: its verdict, and which probes an issue was closed on."""

from collections.abc import Iterable, Mapping, Sequence

from bot.model import MOST_WAIVERS, Closed, Finding, Lapse, Previous, Run, Told, Verdict, Waiver
from bot.model.history import MOST_LETTERS
from bot.model.previous import MOST_FINDINGS, MOST_ISSUES, MOST_PROBES, MOST_VERDICTS

BAD = frozenset({"broken", "regressed"})
HELD = frozenset({"maintained", "improved", "new", "changed"})


def told_by(last: Run | None, candidate: Run) -> Run:
    """The candidate's run with what the last kept run tells it."""
    if last is None:
        return candidate
    return candidate.model_copy(update={"previous": last.previous, "closed": last.closed})


def with_said(candidate: Run, last: Run | None) -> Run:
    """The candidate's run as it is kept: with what was accepted, and closed, while it was made: it could not know of it.

    `last` is what is kept by now. A job that answers a comment waits for no deploy, so that what it kept may stand in a
    run that this one takes the place of. Of one finding the later word counts.
    """
    if last is None:
        return candidate
    meant = (each for each in last.accepted if each.at is not None and each.at >= candidate.started)
    closed = {number: each for number, each in last.closed.items() if each.finished >= candidate.started}
    every = sorted((closed | candidate.closed).items(), key=lambda each: each[1].finished)[-MOST_ISSUES:]
    return candidate.model_copy(update={"accepted": together(candidate.accepted, meant), "closed": dict(every)})


def together(known: Sequence[Waiver], others: Iterable[Waiver]) -> tuple[Waiver, ...]:
    """Both, each finding once: of two the one that was said later."""
    found: dict[str, Waiver] = {}
    for each in (*known, *others):
        before = found.get(each.finding)
        if before is None or (each.at or "") > (before.at or ""):
            found.pop(each.finding, None)
            found[each.finding] = each
    return tuple(found.values())[-MOST_WAIVERS:]


def with_previous(candidate: Run, verdict: Verdict, workflow_run: str | None) -> Run:
    """The candidate's run as it is kept: with its own verdict in place of the last one's."""
    told = Told(
        verdict=verdict.verdict,
        revision=candidate.subject.revision[:MOST_LETTERS],
        commit=candidate.subject.commit and candidate.subject.commit[:MOST_LETTERS],
        finished=candidate.finished,
        workflow_run=workflow_run if workflow_run and len(workflow_run) <= 500 else None,
    )
    before = candidate.previous.told if candidate.previous else ()
    counted = {
        each.id[:MOST_LETTERS]: each.status
        for each in verdict.findings
        if each.waiver is None and each.status in (*BAD, "not measured")
    }
    own = Previous(
        told=(*before, told)[-MOST_VERDICTS:],
        findings=dict(sorted(counted.items())[:MOST_FINDINGS]),
        whole=len(counted) <= MOST_FINDINGS,
    )
    return candidate.model_copy(update={"previous": own})


def with_closed(candidate: Run, verdict: Verdict, issues: Iterable[int]) -> Run:
    """The candidate's run as it is kept: with what a stable verdict closes these issues on."""
    if verdict.verdict != "stable":
        return candidate
    proof = Closed(commit=candidate.name[:MOST_LETTERS], finished=candidate.finished, probes=proving(verdict))
    new = {str(number): proof for number in issues} if proof.probes else {}
    kept = {number: each for number, each in candidate.closed.items() if number not in new} | new
    return candidate.model_copy(
        update={"closed": dict(sorted(kept.items(), key=lambda each: each[1].finished)[-MOST_ISSUES:])}
    )


def proving(verdict: Verdict) -> tuple[str, ...]:
    """The probes that an issue is closed on: those that this verdict found mended; if none, the critical ones that held;
    if there are none of these either, all that held."""
    fixed = set(verdict.since.fixed) if verdict.since else set()
    held = [each for each in verdict.findings if each.status in HELD and each.waiver is None]
    mended = [each for each in held if each.status == "improved" or each.id in fixed]
    critical = [each for each in held if each.severity == "critical"]
    return tuple(dict.fromkeys(each.probe for each in mended or critical or held))[:MOST_PROBES]


def lapses(closed: Mapping[str, Closed], verdict: Verdict) -> dict[int, Lapse]:
    """The issues whose proof no longer holds, by number. What does not block a verdict undoes no proof."""
    bad = dict.fromkeys(each.probe for each in verdict.findings if _is_bad(each))
    found = {}
    for number, proof in closed.items():
        if probes := tuple(each for each in proof.probes if each in bad):
            found[int(number)] = Lapse(proof.commit, probes)
    return found


def mended(closed: Mapping[str, Closed], verdict: Verdict) -> dict[int, Lapse]:
    """The issues whose proof had lapsed and holds again, by number: all of it was looked at, and nothing only accepted."""
    if verdict.verdict != "stable":
        return {}
    held = {each.probe for each in verdict.findings if each.status in HELD}
    held -= {each.probe for each in verdict.findings if each.status in (*BAD, "not measured")}
    return {
        int(number): Lapse(proof.lapsed, proof.probes)
        for number, proof in closed.items()
        if proof.lapsed is not None and held.issuperset(proof.probes)
    }


def with_lapses(candidate: Run, verdict: Verdict) -> Run:
    """The candidate's run as it is kept: with which issues were reopened for it, until their proof holds again."""
    bad, again = lapses(candidate.closed, verdict), mended(candidate.closed, verdict)

    def marked(number: str, proof: Closed) -> Closed:
        if int(number) in again:
            return proof.model_copy(update={"lapsed": None})
        lapsed = candidate.name[:MOST_LETTERS] if int(number) in bad and proof.lapsed is None else proof.lapsed
        return proof.model_copy(update={"lapsed": lapsed})

    closed = {number: marked(number, proof) for number, proof in candidate.closed.items()}
    return candidate.model_copy(update={"closed": closed})


def _is_bad(finding: Finding) -> bool:
    return finding.status in BAD and finding.waiver is None and finding.severity in ("critical", "major")
