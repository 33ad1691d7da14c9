"""What a suite says beyond each series: its slow requests, all series together, and rounds that the runner spoilt."""

import random

import pytest

from bot.judge.policy import Policy
from bot.model import Finding, Observation, Run, Series, Verdict, Waiver
from tests.unit.judge.cases import GREEN, beside, finding, latencies, policy, timed, verdict
from tests.unit.samples import observation, series

NAMES = ("a", "b", "c", "d", "e", "f")


def suite(ratio: float, count: int = 200, by: Policy | None = None) -> Verdict:
    """Six probes, each slower by this ratio, and each too noisy to show it alone."""
    new = [timed(latencies(seed, count, ratio=ratio, noise=0.25), name) for seed, name in enumerate(NAMES)]
    old = [timed(latencies(seed + 50, count, noise=0.25), name) for seed, name in enumerate(NAMES)]
    return verdict(*beside(new, old), by or policy(*NAMES, timed=True, rounds=count))


def said(of: Verdict, name: str) -> Finding | None:
    return next((each for each in of.findings if each.id == name), None)


def test_many_that_are_each_a_little_slower_are_a_regression_together() -> None:
    judged = suite(1.11)
    found = finding(judged, "suite/latency")
    assert (found.status, found.severity, judged.verdict) == ("regressed", "major", "unstable")
    seen = found.comparison
    assert seen is not None
    assert seen.low is not None
    assert seen.ratio == pytest.approx(1.11, abs=0.04)
    assert 1.02 < seen.low < seen.ratio
    assert len(found.observed) == len(NAMES)


def test_nothing_is_said_of_all_together_where_it_is_not_shown() -> None:
    assert said(suite(1.0), "suite/latency") is None
    one = verdict(*beside([timed(latencies(1, 100, ratio=1.5))], [timed(latencies(2, 100))]), policy(timed=True))
    assert said(one, "suite/latency") is None


def test_what_cannot_block_or_is_waived_is_no_part_of_all_together() -> None:
    assert said(suite(1.11, by=policy(*NAMES, timed=True, rounds=200, severity="minor")), "suite/latency") is None
    waivers = tuple(Waiver(finding=f"{name}/latency", by="ana", reason="known") for name in NAMES)
    held = policy(*NAMES, timed=True, rounds=200).model_copy(update={"waivers": waivers})
    assert said(suite(1.11, by=held), "suite/latency") is None
    over = tuple(each.model_copy(update={"until": "2025-12-31"}) for each in waivers)
    assert said(suite(1.11, by=held.model_copy(update={"waivers": over})), "suite/latency") is not None


def test_quick_series_whose_floor_is_far_above_the_margin_are_no_part_of_all_together() -> None:
    wide = policy(*NAMES, timed=True, rounds=200, floor={"default": "20ms"})
    assert said(suite(1.11, by=wide), "suite/latency") is None


def tailed(share: float, seed: int, count: int = 300) -> list[float]:
    dice = random.Random(seed)
    return [value * (4 if dice.random() < share else 1) for value in latencies(seed, count, noise=0.15)]


def tail_of(share: float, **changes: object) -> tuple[Finding | None, Verdict]:
    runs = beside([timed(tailed(share, 1))], [timed(tailed(0.01, 2))])
    judged = verdict(*runs, policy(timed=True, **changes))
    return said(judged, "health/latency tail"), judged


def test_a_tail_that_grows_while_the_middle_stays_is_a_regression() -> None:
    found, judged = tail_of(0.12)
    assert found is not None
    assert (found.status, judged.verdict) == ("regressed", "unstable")
    assert finding(judged, "health/latency").status == "maintained"
    seen = found.comparison
    assert seen is not None
    assert seen.unit == "%"
    assert (seen.before, seen.after) == (pytest.approx(1.5, abs=1.5), pytest.approx(12, abs=4))


def test_a_tail_is_shown_to_be_fine_only_where_the_spec_asks_for_it() -> None:
    assert tail_of(0.01)[0] is None
    found, judged = tail_of(0.01, tail={"latency": "5%"})
    assert found is not None
    assert (found.status, judged.verdict) == ("maintained", "stable")
    found, judged = tail_of(0.01, tail={"latency": "0.1%"})
    assert found is not None
    assert (found.status, judged.verdict) == ("not measured", "inconclusive")
    assert found.remedy is not None


def test_a_tail_that_was_asked_for_and_has_too_few_samples_is_not_measured() -> None:
    runs = beside([timed(latencies(1, 10))], [timed(latencies(2, 10))])
    judged = verdict(*runs, policy(timed=True, tail={"default": "5%"}))
    assert finding(judged, "health/latency tail").status == "not measured"


def spoilt(values: list[float | None], which: set[int]) -> Observation:
    """A series of which nobody vouches for some samples."""
    whole = series(values)
    rows = tuple((*row, row[0] not in which) for row in whole.samples)
    made = Series(id="latency", unit="ms", better="lower", columns=(*whole.columns, "vouched"), samples=rows)
    return observation(series=(made,))


def vouched(which: set[int], ratio: float = 1.0) -> tuple[Run, Run]:
    """Where nobody vouches, the candidate's value is absurd."""
    new: list[float | None] = [
        9999.0 if index in which else value for index, value in enumerate(latencies(1, 100, ratio=ratio))
    ]
    return beside([spoilt(new, which)], [spoilt([*latencies(2, 100)], set())])


def test_rounds_that_our_own_machine_spoilt_count_for_nothing() -> None:
    judged = verdict(*vouched(set(range(0, 60, 2))), policy(timed=True))
    found = finding(judged, "health/latency")
    assert found.status == "maintained"
    assert found.comparison is not None
    assert found.comparison.after is not None
    assert found.comparison.after < 50
    assert said(judged, "health/latency failures") is None


def test_a_failure_that_nobody_vouches_for_is_none_of_the_service() -> None:
    new: list[float | None] = [None if index < 10 else value for index, value in enumerate(latencies(1, 100))]
    runs = beside([spoilt(new, set(range(10)))], [spoilt([*latencies(2, 100)], set())])
    assert said(verdict(*runs, policy(timed=True)), "health/latency failures") is None


def test_where_nothing_can_be_vouched_for_nothing_is_green_and_the_machine_is_named() -> None:
    judged = verdict(*vouched(set(range(95))), policy(timed=True))
    found = finding(judged, "health/latency")
    assert judged.verdict not in GREEN
    assert found.status == "not measured"
    assert "too busy" in str(found.reason)
