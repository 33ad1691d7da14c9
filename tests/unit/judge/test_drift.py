"""Small steps add up: the product of the paired ratios since a pinned revision."""

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge import drift
from bot.judge.policy import Policy
from bot.model import Comparison, Finding, Past
from tests.unit.judge.cases import beside, finding, latencies, policy, timed, verdict
from tests.unit.judge.pasts import NAME, commit, entry, past
from tests.unit.samples import observation, run, series, subject


def chain(ratios: Sequence[float | None], error: float | None = 0.01, **changes: Any) -> list[Past]:
    """Good runs, each measured beside the one before it; the first has no ratio."""
    steps: list[float | None] = [None, *ratios]
    return [
        past({NAME: entry(ratio=each, error=error if each else None, pairs=60 if each else 0, **changes)}, n)
        for n, each in enumerate(steps)
    ]


def tagged(history: Sequence[Past], index: int, name: str) -> list[Past]:
    """The same with a release at one place."""
    return [each.model_copy(update={"release": name}) if n == index else each for n, each in enumerate(history)]


def own(ratio: float | None = 1.0, error: float | None = 0.01, pairs: int = 100, better: str = "lower") -> Finding:
    """What this run's own pairs said."""
    seen = Comparison.model_validate(
        {"unit": "ms", "better": better, "after": 40.0, "ratio": ratio, "error": error, "pairs": pairs}
    )
    fields = {"probe": "health", "item": "latency", "kind": "series", "title": "Health: latency"}
    return Finding.model_validate(
        {
            **fields,
            "id": NAME,
            "status": "maintained",
            "severity": "major",
            "comparison": seen,
            "observed": ("sha256:c",),
        }
    )


def rows(
    history: Sequence[Past], mine: Finding | None = None, at: int | None = None, **changes: object
) -> list[Finding]:
    """The drift of a candidate whose baseline is the run `at`, the last one unless another is named."""
    last = commit(len(history) - 1 if at is None else at)
    baseline = run(subject=subject("chat-1", commit=last), history=tuple(history))
    candidate = run(observation(series=(series([40.0]),)), release=changes.pop("release", None))
    return list(drift.compare(candidate, baseline, Policy.model_validate(changes), [mine or own()]))


@pytest.mark.parametrize(
    ("ratios", "status", "severity"),
    [
        ([1.08, 1.08, 1.08], "regressed", "minor"),
        ([1.0, 1.0, 1.0], "maintained", "minor"),
        ([0.9, 0.9], "maintained", "minor"),
        ([1.06, 1.06, 1.06], "changed", "info"),
    ],
)
def test_steps_that_are_each_within_the_budget_add_up(ratios: list[float], status: str, severity: str) -> None:
    (found,) = rows(tagged(chain(ratios), 0, "v1.4"))
    assert (found.id, found.kind) == ("health/latency since v1.4", "series")
    assert (found.status, found.severity) == (status, severity)
    assert (found.remedy is None) == (status == "maintained")
    seen = found.comparison
    assert seen is not None
    assert seen.ratio == pytest.approx(math.prod(ratios), rel=1e-5)
    error = 0.01 * math.sqrt(len(ratios) + 1)
    assert seen.error == pytest.approx(error, rel=1e-5)
    assert seen.low == pytest.approx(math.prod(ratios) * math.exp(-1.959964 * error), rel=1e-4)
    assert seen.high == pytest.approx(math.prod(ratios) * math.exp(1.959964 * error), rel=1e-4)
    assert (seen.runs, seen.since, seen.pairs) == (len(ratios) + 1, "v1.4", 0)
    assert set(found.observed) == {"sha256:c", *(f"sha256:{n}" for n in range(len(ratios) + 1))}


def test_this_runs_own_ratio_is_part_of_it() -> None:
    (found,) = rows(chain([1.1]), own(1.2))
    assert found.comparison is not None
    assert found.comparison.ratio == pytest.approx(1.32)
    assert found.status == "regressed"


def test_what_is_below_the_floor_is_no_drift() -> None:
    def fast(after: float) -> Finding:
        mine = own(1.1)
        assert mine.comparison is not None
        return mine.model_copy(update={"comparison": mine.comparison.model_copy(update={"after": after})})

    (found,) = rows(chain([1.5]), fast(0.5))
    assert (found.status, found.remedy) == ("maintained", None)
    assert "below 1 ms" in str(found.reason)
    (found,) = rows(chain([1.5]), fast(0.5), floor={"default": 0})
    assert found.status == "regressed"
    (found,) = rows(chain([1.5]), fast(50.0))
    assert found.status == "regressed"


def test_where_more_is_better_a_fall_is_what_is_worse() -> None:
    history = chain([0.85, 0.85], better="higher")
    (found,) = rows(history, own(1.0, better="higher"))
    assert found.status == "regressed"
    (found,) = rows(chain([1.3, 1.3], better="higher"), own(1.0, better="higher"))
    assert found.status == "maintained"


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ({}, "v2"),
        ({"release": "v2"}, "v1"),
        ({"pinned": "v1"}, "v1"),
        ({"pinned": commit(1)[:12]}, commit(1)[:7]),
    ],
)
def test_it_is_counted_from_the_pinned_revision_or_the_last_release(changes: dict[str, str], since: str) -> None:
    history = tagged(tagged(chain([1.01] * 4), 0, "v1"), 3, "v2")
    (found,) = rows(history, **changes)
    assert found.id == f"health/latency since {since}"


def test_without_a_release_it_is_counted_from_the_oldest_run() -> None:
    (found,) = rows(chain([1.0, 1.0]))
    assert found.id == f"health/latency since {commit(0)[:7]}"


@pytest.mark.parametrize(
    ("history", "mine"),
    [
        ([], None),
        (chain([]), None),
        (tagged(chain([1.0]), 1, "v1"), None),
        (chain([1.0]), own(None)),
        (chain([1.0]), own(error=None)),
        (chain([1.0]), own(pairs=0)),
    ],
)
def test_where_there_is_nothing_more_to_say_there_is_no_row(history: list[Past], mine: Finding | None) -> None:
    assert rows(history, mine) == []


def test_a_gap_is_not_bridged_and_said() -> None:
    (found,) = rows(chain([1.5, None, 1.1, 1.1]), own(1.1))
    assert found.id == f"health/latency since {commit(2)[:7]}"
    assert found.comparison is not None
    assert found.comparison.ratio == pytest.approx(1.331)
    assert found.status == "regressed"
    assert f"counted from {commit(2)[:7]} on" in str(found.reason)


@pytest.mark.parametrize("how", ["no ratio", "no error", "unit", "other revision", "waived"])
def test_a_step_that_is_not_known_is_no_step(how: str) -> None:
    history = chain([1.5, 1.5])
    changes: dict[str, Any] = {
        "no ratio": {"series": {NAME: entry()}},
        "no error": {"series": {NAME: entry(ratio=1.5)}},
        "unit": {"series": {NAME: entry(ratio=1.5, error=0.01, unit="s")}},
        "other revision": {"against": commit(77)},
        "waived": {"series": {}},
    }
    history[-1] = history[-1].model_copy(update=changes[how])
    (found,) = rows(history)
    assert (found.status, found.severity) == ("changed", "info")
    assert "it cannot be counted" in str(found.reason)
    assert found.comparison is not None
    assert found.comparison.ratio is None


def test_a_baseline_that_is_not_the_last_good_run_is_a_gap() -> None:
    (found,) = rows(chain([1.5, 1.5]), at=0)
    assert found.status == "changed"
    assert "another revision" in str(found.reason)


def test_the_series_share_the_error() -> None:
    two = chain([1.0])
    two = [each.model_copy(update={"series": {**each.series, "b/latency": each.series[NAME]}}) for each in two]
    other = own().model_copy(update={"id": "b/latency", "probe": "b"})
    baseline = run(subject=subject("chat-1", commit=commit(1)), history=tuple(two))
    candidate = run(observation(series=(series([4.0]),)), observation("b", series=(series([4.0]),)))
    found = list(drift.compare(candidate, baseline, Policy(), [own(), other]))
    assert [each.comparison and each.comparison.confidence for each in found] == [0.975, 0.975]


def test_a_pin_that_nobody_remembers_is_a_remark_and_no_row() -> None:
    history = chain([1.5])
    assert rows(history, pinned="v9") == []
    new, old = beside([timed(latencies(1, 60))], [timed(latencies(2, 60))])
    old = old.model_copy(update={"history": tuple(history)})
    assert any("`judge: pinned` names v9" in each for each in verdict(new, old, policy(timed=True, pinned="v9")).rules)
    held = policy(timed=True, pinned=commit(1))
    assert not any("pinned" in each for each in verdict(new, old, held).rules)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.none() | st.floats(0.5, 2), max_size=6),
    st.sampled_from([1.0, 1.05, 1.5]),
    st.integers(0, 6),
    st.sampled_from([40, 200]),
)
def test_drift_never_changes_the_word_of_a_verdict(
    ratios: list[float | None], ratio: float, release: int, count: int
) -> None:
    new, old = beside([timed(latencies(1, count, ratio=ratio))], [timed(latencies(2, count))])
    history = tagged(chain(ratios), release, "v1")
    was = old.model_copy(update={"subject": subject("chat-1", session="one", commit=history[-1].commit)})
    by = policy(timed=True)
    bare, whole = verdict(new, was, by), verdict(new, was.model_copy(update={"history": tuple(history)}), by)
    assert (bare.verdict, bare.risk == "minimal") in [(whole.verdict, whole.risk == "minimal"), (whole.verdict, True)]
    kept = [each for each in whole.findings if " since " not in each.id]
    assert [each.to_json() for each in kept] == [each.to_json() for each in bare.findings]


def test_a_drift_is_shown_in_a_verdict_and_does_not_block() -> None:
    new, old = beside([timed(latencies(1, 220))], [timed(latencies(2, 220))])
    history = tagged(chain([1.5]), 0, "v1")
    was = old.model_copy(
        update={"subject": subject("chat-1", session="one", commit=commit(1)), "history": tuple(history)}
    )
    found = verdict(new, was, policy(timed=True))
    seen = finding(found, NAME).comparison
    assert seen is not None
    shown = [each for each in found.findings if each.id == "health/latency since v1"]
    assert len(shown) == (seen.error is not None)
    assert all((each.status, each.severity) == ("regressed", "minor") for each in shown)
    assert (found.verdict, found.readiness) == ("stable", "approved with warnings" if shown else "approved")


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    source, hits = random.Random(5), 0
    for _ in range(400):
        logs = [source.gauss(0.02, 0.03) for _ in range(6)]
        (found,) = rows(chain([math.exp(each) for each in logs[:-1]], error=0.03), own(math.exp(logs[-1]), 0.03))
        seen = found.comparison
        assert seen is not None
        assert seen.low is not None
        assert seen.high is not None
        hits += seen.low <= math.exp(0.12) <= seen.high
    assert 400 * 0.95 - 3 * math.sqrt(400 * 0.05 * 0.95) <= hits <= 400 * 0.95 + 3 * math.sqrt(400 * 0.05 * 0.95)
