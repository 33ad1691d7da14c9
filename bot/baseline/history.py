"""What a run is remembered by, once it is no longer the last good one."""

from bot.baseline.store import GOOD_WORDS
from bot.model import Finding, Past, PastSeries, Run, Verdict, control, six
from bot.model.history import CONTROL, MOST_LETTERS, MOST_RUNS, MOST_SERIES

_COUNT = frozenset({"broken", "regressed", "not measured"})


def with_history(candidate: Run, baseline: Run | None, verdict: Verdict) -> Run:
    """The candidate's run as it is kept: with the good runs before it, and itself where it was good."""
    before = baseline.history if baseline else ()
    good = verdict.verdict in GOOD_WORDS
    history = (*before, remembered(candidate, baseline, verdict)) if good else before
    return candidate.model_copy(update={"history": history[-MOST_RUNS:]})


def remembered(candidate: Run, baseline: Run | None, verdict: Verdict) -> Past:
    """A few numbers of a good run. What was only waived into green is no measure for later runs, and is left out."""
    now = control(candidate.observations)
    return Past.model_validate(
        {
            "commit": candidate.subject.commit,
            "revision": candidate.subject.revision,
            "release": candidate.release,
            "against": baseline.name if baseline and verdict.side_by_side else None,
            "finished": candidate.finished,
            "verdict": verdict.verdict,
            "digest": verdict.inputs.candidate,
            "vantage": candidate.vantage,
            "control": six(now) if now else None,
            "series": _series(candidate, verdict),
        }
    )


def _series(candidate: Run, verdict: Verdict) -> dict[str, PastSeries]:
    """The series of the run, as the judge summed them up."""
    measured = {
        f"{each.probe}/{one.id}" for each in candidate.observations if each.kind != CONTROL for one in each.series
    }
    waived = [each for each in verdict.findings if each.waiver is not None and each.status in _COUNT]
    found = {
        each.id: past
        for each in verdict.findings
        if each.id in measured and len(each.id) <= MOST_LETTERS and not any(_covers(one, each) for one in waived)
        if (past := _past(each)) is not None
    }
    return dict(sorted(found.items())[:MOST_SERIES])


def _past(finding: Finding) -> PastSeries | None:
    seen = finding.comparison
    if finding.kind != "series" or seen is None or seen.after is None or seen.since is not None:
        return None
    if not 1e-9 <= seen.after <= 1e15:  # of nothing there is no ratio to remember
        return None
    ratio = seen.ratio if seen.pairs and seen.error is not None else None
    return PastSeries(
        unit=seen.unit,
        better=seen.better,
        middle=seen.after,
        samples=max(1, seen.samples_after - seen.failed_after),
        ratio=ratio,
        error=seen.error if ratio is not None else None,
        pairs=seen.pairs if ratio is not None else 0,
    )


def _covers(waived: Finding, series: Finding) -> bool:
    """Whether what was waived throws a doubt on a series: it is that one, or anything of its probe that failed."""
    return waived.id == series.id if waived.kind == "series" else waived.probe == series.probe
