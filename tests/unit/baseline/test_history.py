"""What is remembered of the good runs: a bounded, honest summary, that changes nothing where there is none."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.baseline.directory import DirectoryStore
from bot.baseline.history import remembered, with_history
from bot.judge import drift, judge
from bot.model import Comparison, Finding, Past, PastSeries, Run, Series, Verdict, Waiver, control
from bot.model.history import MOST_RUNS
from tests.finding import pick
from tests.unit.judge.cases import FEW, beside, latencies, policy, timed
from tests.unit.samples import TIME, observation, run, subject

PAST = Past(revision="chat-0", finished=TIME, verdict="stable", digest="sha256:0", vantage="here")


def paired(*waivers: Waiver) -> tuple[Run, Run, Verdict]:
    """Two runs side by side, and their verdict."""
    candidate, baseline = beside([timed(latencies(1, 60))], [timed(latencies(2, 60))])
    return candidate, baseline, judge(candidate, baseline, policy(timed=True, waivers=waivers, **FEW), "sha256:0")


def with_error(verdict: Verdict, error: float | None) -> Verdict:
    """The verdict, its comparisons with this standard error."""

    def changed(finding: Finding) -> Finding:
        if finding.comparison is None:
            return finding
        comparison: Comparison = finding.comparison.model_copy(update={"error": error})
        return finding.model_copy(update={"comparison": comparison})

    return verdict.model_copy(update={"findings": tuple(changed(each) for each in verdict.findings)})


def test_a_good_run_is_remembered_by_what_the_judge_said_of_it() -> None:
    candidate, baseline, verdict = paired()
    found = remembered(candidate.model_copy(update={"release": "v1"}), baseline, with_error(verdict, 0.0123))
    seen = pick(verdict.findings, lambda each: each.id == "health/latency").comparison
    assert seen is not None
    assert (found.revision, found.release, found.against) == ("chat-2", "v1", "chat-1")
    assert found.digest == candidate.fingerprint() == verdict.inputs.candidate
    assert found.series == {
        "health/latency": PastSeries(
            unit="ms",
            better="lower",
            middle=seen.after,
            samples=60,
            ratio=seen.ratio,
            error=0.0123,
            pairs=seen.pairs,
        )
    }
    assert Past.from_json(found.to_json()) == found


def test_a_ratio_without_its_standard_error_is_no_link() -> None:
    candidate, baseline, verdict = paired()
    found = remembered(candidate, baseline, with_error(verdict, None)).series["health/latency"]
    assert (found.ratio, found.error, found.pairs) == (None, None, 0)


def test_what_was_not_side_by_side_has_no_ratio_and_no_other_revision() -> None:
    candidate, baseline = run(timed(latencies(1, 60))), run(timed(latencies(2, 60)))
    verdict = judge(candidate, baseline, policy(timed=True), "sha256:0")
    found = remembered(candidate, baseline, verdict.model_copy(update={"verdict": "stable"}))
    assert found.against is None
    assert found.series["health/latency"].ratio is None


@pytest.mark.parametrize(
    ("waived", "left"),
    [
        ("health/latency", ["health/size"]),
        ("health/status", []),
        ("health/latency since v1", ["health/latency", "health/size"]),
    ],
)
def test_what_was_waived_into_green_is_not_remembered(waived: str, left: list[str]) -> None:
    waiver = Waiver(finding=waived, by="ana", reason="known")
    shown = Comparison(unit="ms", better="lower", after=3.0, samples_after=60)
    fields = {"probe": "health", "title": "Health", "severity": "major", "comparison": shown}

    def finding(item: str, kind: str = "series", status: str = "maintained") -> Finding:
        name = f"health/{item}"
        bad = {"status": "regressed", "waiver": waiver} if name == waived else {"status": status}
        return Finding.model_validate({**fields, "id": name, "item": item, "kind": kind, **bad})

    candidate = run(timed([3.0] * 30), observation("health", series=(Series(id="size", unit="B", better="lower"),)))
    verdict = judge(candidate, None, policy(timed=True), "sha256:0")
    findings = (finding("latency"), finding("size"), finding("status", "check"), finding("latency since v1"))
    found = remembered(candidate, None, verdict.model_copy(update={"verdict": "stable", "findings": findings}))
    assert sorted(found.series) == left


@pytest.mark.parametrize(("word", "more"), [("stable", 1), ("first run", 1), ("unstable", 0), ("inconclusive", 0)])
def test_only_good_runs_are_added(word: str, more: int) -> None:
    candidate, baseline, verdict = paired()
    baseline = baseline.model_copy(update={"history": (PAST,) * 3})
    kept = with_history(candidate, baseline, verdict.model_copy(update={"verdict": word}))
    assert kept.history[:3] == (PAST,) * 3
    assert len(kept.history) == 3 + more
    assert all(each.verdict in ("stable", "first run") for each in kept.history)


@settings(deadline=None)
@given(st.integers(0, MOST_RUNS))
def test_the_newest_twenty_are_kept_the_run_itself_last(before: int) -> None:
    past = tuple(PAST.model_copy(update={"digest": f"sha256:{index}"}) for index in range(before))
    baseline = run(history=past)
    verdict = judge(run(), None, policy(), "sha256:0")
    kept = with_history(run(), baseline, verdict).history
    assert len(kept) == min(before + 1, MOST_RUNS)
    assert kept[-1].digest == run().fingerprint()
    assert kept[:-1] == past[-(MOST_RUNS - 1) :]


def test_a_run_without_a_history_has_the_bytes_that_it_always_had() -> None:
    assert b"history" not in run().to_json()
    assert b"release" not in run().to_json()
    assert b"history" in run(history=(PAST,)).to_json()
    assert Run.from_json(run(history=(PAST,)).to_json()).history == (PAST,)


def test_a_stored_run_keeps_its_history_and_its_digest_guards_it(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "chat", "staging")
    store.save(run(history=(PAST,)), "stable", tmp_path)
    found, _ = store.load()
    assert found is not None
    assert found.history == (PAST,)
    for reference in ("last-good", "last"):
        path = tmp_path / "chat/staging" / reference / "run.json"
        path.write_bytes(path.read_bytes().replace(b"chat-0", b"chat-9"))
    found, remarks = store.load()
    assert found is None
    assert "changed since it was stored" in remarks[0]


def test_a_history_is_bounded() -> None:
    with pytest.raises(ValidationError):
        run(history=(PAST,) * (MOST_RUNS + 1))
    one = PastSeries(unit="ms", better="lower", middle=1.0, samples=1)
    for series in ({"x" * 301: one}, {str(index): one for index in range(501)}):
        with pytest.raises(ValidationError):
            Past.model_validate({**PAST.model_dump(), "series": series})
    with pytest.raises(ValidationError):
        PastSeries(unit="ms", better="lower", middle=float("nan"), samples=1)


def test_the_control_is_the_median_of_what_the_runner_measured_of_itself() -> None:
    def runner(*values: float | None, kind: str = "control") -> Run:
        rows = tuple(enumerate(values))
        cpu = Series(id="cpu", unit="ms", better="lower", columns=("round", "value"), samples=rows)
        return run(observation("runner", kind=kind, checks=(), series=(cpu,)))

    assert control(runner(3.0, 1.0, None, 8.0).observations) == 3.0
    assert control(runner(3.0, 1.0).observations) == 2.0
    for none in (runner(), runner(0.0, 1.0), runner(3.0, kind="http"), run()):
        assert control(none.observations) is None
    candidate = runner(3.0)
    verdict = judge(candidate, None, policy(), "sha256:0")
    found = remembered(candidate, None, verdict.model_copy(update={"verdict": "stable"}))
    assert (found.control, found.series) == (3.0, {})


def test_deploy_after_deploy_the_steps_become_a_chain_and_the_drift_a_row(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "chat", "staging")
    for index in range(4):
        kept, _ = store.load()
        now = subject(f"chat-{index}", commit=f"{index}" * 40, session=f"s{index}")
        new = run(timed(latencies(index, 60)), subject=now, release="v1" if index == 0 else None)
        old = None
        if kept is not None:  # measured again, beside the candidate
            again = kept.subject.model_copy(update={"session": f"s{index}"})
            old = run(timed(latencies(9 + index, 60)), subject=again, history=kept.history)
        verdict = with_error(judge(new, old, policy(timed=True, **FEW), "sha256:0"), 0.02)
        assert verdict.verdict in ("stable", "first run")
        store.save(with_history(new, old, verdict), verdict.verdict, tmp_path)

    last, _ = store.load()
    assert last is not None
    assert [each.called for each in last.history] == ["v1", "1111111", "2222222", "3333333"]
    assert [each.against for each in last.history] == [None, "0" * 40, "1" * 40, "2" * 40]
    ratios = [each.series["health/latency"].ratio for each in last.history]
    assert ratios[0] is None
    assert all(ratios[1:])
    own = pick(verdict.findings, lambda each: each.id == "health/latency")
    found = list(drift.compare(run(timed([1.0])), last, policy(timed=True), [own]))
    assert [each.id for each in found] == ["health/latency since v1"]
    assert found[0].comparison is not None
    assert found[0].comparison.runs == 4
