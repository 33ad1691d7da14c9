"""Timed requests that fail: counted, never left out, and never excused by too little evidence."""

import itertools

import pytest

from bot.judge import rates
from bot.model import Finding
from tests.unit.judge.cases import beside, finding, latencies, policy, timed, verdict
from tests.unit.samples import run


def failing(after: int, before: int, count: int, **changes: object) -> Finding | None:
    """The finding on failures, when the first so many requests of each side failed (the baseline's after them)."""
    new = [None if index < after else value for index, value in enumerate(latencies(1, count))]
    old = [None if after <= index < after + before else value for index, value in enumerate(latencies(2, count))]
    judged = verdict(*beside([timed(new)], [timed(old)]), policy(timed=True, **changes))
    return next((each for each in judged.findings if each.item == "latency failures"), None)


@pytest.mark.parametrize(
    ("after", "before", "count", "status"),
    [
        (0, 0, 100, None),
        (0, 9, 100, None),
        (1, 0, 60, "not measured"),
        (1, 0, 400, "maintained"),
        (4, 0, 400, "not measured"),
        (12, 0, 400, "regressed"),
        (12, 12, 400, "not measured"),
        (3, 0, 3, "regressed"),
        (2, 0, 2, "not measured"),
    ],
)
def test_failures_are_shown_worse_shown_fine_or_open(after: int, before: int, count: int, status: str | None) -> None:
    found = failing(after, before, count)
    assert (found.status if found else None) == status
    assert found is None or found.status != "not measured" or found.remedy


def test_the_budget_for_failures_is_the_specs() -> None:
    assert (found := failing(1, 0, 80, failures={"latency": "10%"}))
    assert found.status == "maintained"
    assert (found := failing(1, 0, 400, failures={"latency": "0%"}))
    assert found.status == "not measured"


def test_failures_without_a_baseline_are_held_against_the_budget_alone() -> None:
    new = [None, *latencies(1, 60)]
    judged = verdict(run(timed(new)), None, policy(timed=True))
    assert finding(judged, "health/latency failures").status == "not measured"
    allowed = policy(timed=True, failures={"latency": "10%"})
    assert verdict(run(timed(new)), None, allowed).verdict == "first run"


def test_leaving_out_the_baselines_rounds_does_not_hide_failures() -> None:
    new = timed([None if index < 50 else value for index, value in enumerate(latencies(1, 100))])
    old = timed(latencies(2, 100))
    rest = old.series[0].model_copy(update={"samples": old.series[0].samples[50:]})
    judged = verdict(*beside([new], [old.model_copy(update={"series": (rest,)})]), policy(timed=True))
    assert finding(judged, "health/latency failures").status == "regressed"


def test_mcnemars_p_is_that_of_a_fair_coin() -> None:
    for worse, better in itertools.product(range(6), repeat=2):
        tosses = itertools.product((0, 1), repeat=worse + better)
        share = [sum(toss) >= worse for toss in tosses]
        assert rates.paired_p(worse, better) == pytest.approx(sum(share) / len(share))


def test_fishers_p_is_the_share_of_all_ways() -> None:
    for failed_before, failed_after in itertools.product(range(4), repeat=2):
        failed = failed_before + failed_after
        ways = list(itertools.combinations(range(7), failed))  # 0..2 before, 3..6 after
        worse = sum(1 for way in ways if sum(each >= 3 for each in way) >= failed_after)
        if failed_before <= 3 and failed_after <= 4:
            assert rates.unpaired_p(failed_before, 3, failed_after, 4) == pytest.approx(worse / len(ways))


def test_the_bounds_of_a_share_are_clopper_and_pearsons() -> None:
    """Values of the closed form for no failure, and of Clopper and Pearson's own table for 10 of 20 at 97.5 %."""
    assert rates.at_most(0, 59, 0.05) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert rates.at_most(10, 20, 0.025) == pytest.approx(0.728, abs=5e-4)
    assert rates.at_least(10, 20, 0.025) == pytest.approx(0.272, abs=5e-4)
    assert rates.at_most(7, 7, 0.05) == 1.0
    assert rates.at_least(0, 7, 0.05) == 0.0


def test_all_failing_says_so_whether_or_not_it_did_before() -> None:
    nothing, fine = timed([None] * 30), timed(latencies(1, 30))
    for old, word in ((fine, "regressed"), (nothing, "broken")):
        found = finding(verdict(*beside([nothing], [old]), policy(timed=True)), "health/latency failures")
        assert (found.status, found.reason) == (word, "every timed request failed")


@pytest.mark.parametrize(
    ("count", "before", "status"),
    [(5, 0, "regressed"), (5, 1, "not measured"), (5, 4, "not measured"), (5, 5, "broken"), (30, 1, "regressed")],
)
def test_all_failing_is_shown_by_few_rounds_only_where_none_failed_before(count: int, before: int, status: str) -> None:
    """Where both sides fail half of the time, one of them fails five times running by chance; twenty probes always do."""
    old = [None if index < before else value for index, value in enumerate(latencies(2, count))]
    judged = verdict(*beside([timed([None] * count)], [timed(old)]), policy(timed=True))
    found = finding(judged, "health/latency failures")
    assert found.status == status
    assert (found.remedy is not None) == (status == "not measured")
