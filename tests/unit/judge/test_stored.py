"""A baseline of another time: what one stored run cannot say, and what five can."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge.past import Memory, remember
from bot.judge.policy import Policy
from bot.model import Finding, Past
from tests.unit.judge.cases import GREEN, beside, finding, latencies, policy, timed, verdict
from tests.unit.judge.pasts import NAME, entry, judged, later, past, runner, runs, spread
from tests.unit.samples import run, series

EVEN = [39.0, 40.0, 41.0, 40.5, 39.5]


def steady(ratio: float = 1.0, count: int = 60) -> list[float]:
    """Latencies with just this median."""
    return [40.0 * ratio] * count


@pytest.mark.parametrize(("count", "words"), [(0, "there are 0"), (1, "there is 1"), (4, "there are 4")])
def test_below_five_runs_the_ratio_is_shown_and_nothing_is_said(count: int, words: str) -> None:
    found = judged(steady(1.2), runs(EVEN[:count]))
    assert found.status == "not measured"
    assert found.reason is not None
    assert words in found.reason
    assert found.comparison is not None
    assert (found.comparison.ratio, found.comparison.low, found.comparison.runs) == (1.2, None, None)


@pytest.mark.parametrize(
    ("ratio", "status"),
    [(0.7, "improved"), (1.0, "maintained"), (1.07, "not measured"), (1.5, "regressed")],
)
def test_five_runs_say_how_much_runs_differ(ratio: float, status: str) -> None:
    found = judged(steady(ratio), runs(EVEN))
    assert found.status == status
    seen = found.comparison
    assert seen is not None
    assert seen.ratio is not None
    assert seen.low is not None
    assert seen.high is not None
    assert seen.low < seen.ratio < seen.high
    assert seen.ratio == pytest.approx(ratio, rel=0.001)
    assert (seen.pairs, seen.runs, seen.samples_after, seen.samples_before) == (0, 5, 60, 60)
    assert seen.decided == (status != "not measured")
    assert (found.remedy is not None) == (status == "not measured")


def test_the_interval_is_the_one_for_a_single_new_run() -> None:
    logs = [math.log(each) for each in EVEN]
    mean = sum(logs) / 5
    sd = math.sqrt(sum((each - mean) ** 2 for each in logs) / 4)
    # one series: 0.9 * 5 % below, 5 % above; t with 4 degrees of freedom
    seen = judged(steady(), runs(EVEN)).comparison
    assert seen is not None
    assert seen.error == pytest.approx(sd * math.sqrt(1.2), rel=1e-5)
    assert seen.low == pytest.approx(40 / math.exp(mean) * math.exp(-2.226100 * sd * math.sqrt(1.2)), rel=1e-4)
    assert seen.high == pytest.approx(40 / math.exp(mean) * math.exp(2.131847 * sd * math.sqrt(1.2)), rel=1e-4)
    assert seen.confidence == pytest.approx(0.905)


def test_where_more_is_better_the_same_holds_the_other_way_round() -> None:
    history = runs([1 / each for each in EVEN], better="higher", unit="/s")
    words = {"better": "higher", "unit": "/s"}
    slow, fast = [1 / (40.0 * 1.5)] * 60, [1 / (40.0 * 0.6)] * 60
    assert judged(slow, history, **words).status == "regressed"
    assert judged(fast, history, **words).status == "improved"
    assert judged([1 / 40.0] * 60, history, **words).status == "maintained"


def test_the_floor_counts_here_too() -> None:
    history = runs([each / 100 for each in EVEN])
    assert judged([0.6] * 60, history).status == "maintained"
    assert judged([0.6] * 60, history, policy(timed=True, floor={"default": 0})).status == "regressed"


def test_runs_of_another_kind_of_machine_do_not_count() -> None:
    hosted = tuple(each.model_copy(update={"vantage": f"GitHub Actions {n}"}) for n, each in enumerate(runs(EVEN)))
    new, old = later([timed(steady())], [timed(steady())], hosted)
    assert finding(verdict(new, old, policy(timed=True)), NAME).status == "not measured"
    there = new.model_copy(update={"vantage": "GitHub Actions 99"})
    assert finding(verdict(there, old, policy(timed=True)), NAME).status == "maintained"


def test_runs_in_another_unit_do_not_count() -> None:
    assert judged(steady(), runs(EVEN, unit="s")).status == "not measured"
    assert judged(steady(), runs(EVEN, better="higher")).status == "not measured"


def test_a_series_that_varies_more_than_the_rest_goes_by_its_own_spread() -> None:
    quiet = {f"p{n}/latency": spread(n, 6, sd=0.01) for n in range(9)}
    wild = spread(99, 6, sd=0.4)
    history = [past({NAME: entry(wild[n]), **{name: entry(of[n]) for name, of in quiet.items()}}, n) for n in range(6)]
    seen = [timed(steady(1.5)), *(timed(steady(), f"p{n}") for n in range(9))]
    names = ["health", *(f"p{n}" for n in range(9))]
    found = verdict(*later(seen, seen, history), policy(*names, timed=True))
    assert finding(found, NAME).status == "not measured"


def test_dividing_by_the_control_is_done_where_it_helps_and_said() -> None:
    source = random.Random(7)
    machines = [math.exp(source.gauss(0, 0.3)) for _ in range(8)]
    history = [past({NAME: entry(40 * each)}, n, control=5 * each) for n, each in enumerate(machines)]
    history[0] = history[0].model_copy(update={"series": {NAME: entry(40.4 * machines[0])}})
    slow_machine = 1.6

    def on(machine: float, ratio: float, past: Sequence[Past] = history) -> Finding:
        values = [40.0 * machine * ratio] * 60
        new, old = later([timed(values), runner(5 * machine)], [timed(steady()), runner(5)], past)
        return finding(verdict(new, old, policy(timed=True)), NAME)

    fine, bad = on(slow_machine, 1.0), on(slow_machine, 1.3)
    assert (fine.status, bad.status) == ("maintained", "regressed")
    assert fine.comparison is not None
    assert fine.comparison.ratio == pytest.approx(1.0, abs=0.01)
    assert "divided by its runner's control" in fine.comparison.method
    assert "divided by its runner's control" in str(fine.reason)
    # one run without a control, or a control that has nothing to do with it: as they are
    without = [history[0].model_copy(update={"control": None}), *history[1:]]
    assert on(1.0, 1.0, without).status == "not measured"
    noise = [each.model_copy(update={"control": math.exp(source.gauss(0, 1.0))}) for each in history]
    assert "divided" not in str(on(1.0, 1.0, noise).reason)


def test_what_was_measured_beside_a_baseline_is_not_judged_by_stored_runs() -> None:
    values = [(n, 40.0, n % 2, True) for n in range(60)]
    new, old = later([timed(steady())], [timed(steady())], runs(EVEN))
    seen = new.observations[0].model_copy(
        update={"series": (series([]).model_copy(update={"samples": tuple(values)}),)}
    )
    found = finding(verdict(new.model_copy(update={"observations": (seen,)}), old, policy(timed=True)), NAME)
    assert found.status == "not measured"
    assert "is not here" in str(found.reason)


def test_runs_that_do_not_differ_at_all_are_no_measure() -> None:
    assert judged(steady(1.01), runs([40.0] * 6)).status == "not measured"


def test_too_few_samples_of_the_candidate_say_nothing() -> None:
    assert judged(steady(count=29), runs(EVEN)).status == "not measured"
    assert judged(steady(count=30), runs(EVEN)).status == "maintained"


@pytest.mark.parametrize("dropped", [False, True])
def test_the_slow_half_cannot_fail_and_leave_a_fast_half_behind(*, dropped: bool) -> None:
    lost = timed([40.0] * 20 + [None] * 45 + [40.0] * 15)
    rows = tuple(row for row in lost.series[0].samples if row[3] or not dropped)
    seen = lost.model_copy(update={"series": (lost.series[0].model_copy(update={"samples": rows}),)})
    found = verdict(*later([seen], [timed(steady())], runs(EVEN)), policy(timed=True, failures={"default": "99%"}))
    assert finding(found, NAME).status == "not measured"
    held = timed([40.0] * 20 + [None] * 5 + [40.0] * 15)
    found = verdict(*later([held], [timed(steady())], runs(EVEN)), policy(timed=True, failures={"default": "99%"}))
    assert finding(found, NAME).status == "maintained"


STEADY_HISTORY = st.lists(st.floats(30, 50), min_size=5, max_size=20)


@settings(max_examples=60, deadline=None)
@given(STEADY_HISTORY, st.floats(0.7, 1.5), st.integers(0, 999), st.floats(0, 0.9))
def test_losing_samples_values_or_runs_of_the_past_never_makes_it_fine(
    middles: list[float], ratio: float, seed: int, share: float
) -> None:
    values = latencies(seed, 80, ratio=ratio)
    by = policy(timed=True)
    whole = verdict(*later([timed(values)], [timed(steady())], runs(middles)), by).verdict
    if whole in GREEN:
        assert judged(values, runs(middles[:4])).status == "not measured"
        return
    slowest = sorted(values)[int(len(values) * (1 - share)) :]
    nulled = [None if each in slowest else each for each in values]
    dropped = timed(values)
    rows = tuple(row for row in dropped.series[0].samples if row[1] not in slowest)
    dropped = dropped.model_copy(update={"series": (dropped.series[0].model_copy(update={"samples": rows}),)})
    for less in (timed(nulled), dropped):
        # rounds at the two ends can be lost without a trace: as many as chance puts there
        if rows and rows[0][0] == 0 and rows[-1][0] == 79:
            assert verdict(*later([less], [timed(steady())], runs(middles)), by).verdict not in GREEN


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_the_past_runs_changes_nothing(order: list[int]) -> None:
    middles = spread(3, 8)
    mixed = runs([middles[index] for index in order])
    assert judged(steady(1.05), mixed).comparison == judged(steady(1.05), runs(middles)).comparison


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 30))
def test_the_suite_shares_one_error(count: int, expected: int) -> None:
    names = [f"p{n}" for n in range(count)]
    by = Policy.model_validate({"probes": {}})
    memory = remember(run(*(timed(steady(), name) for name in names)), None, by)
    assert memory.slower * count == pytest.approx(0.045)
    assert isinstance(memory, Memory)


def suites(seed: int, machine: float, sds: Sequence[float], past_runs: int, effect: float) -> tuple[int, bool]:
    """How many of a suite's series are called slower, and whether the first is; `machine` is what all of a run share."""
    source = random.Random(seed)
    names = [f"p{n}" for n in range(len(sds))]

    def one() -> dict[str, float]:
        shared = source.gauss(0, machine)
        return {name: 40 * math.exp(shared + source.gauss(0, sd)) for name, sd in zip(names, sds, strict=True)}

    history = [past({f"{name}/latency": entry(at) for name, at in one().items()}, n) for n in range(past_runs)]
    now = one()
    now["p0"] *= 1 + effect
    memory = remember(
        run(*(timed([at] * 20, name) for name, at in now.items())),
        run(history=tuple(history)),
        policy(*names, timed=True),
    )
    hits = []
    for name, at in now.items():
        predicted = memory.predict(f"{name}/latency", math.log(at), math.log(at))
        assert predicted is not None
        hits.append(predicted.low >= math.log(1.02))
    return sum(hits), hits[0]


@pytest.mark.parametrize("past_runs", [5, 20])
@pytest.mark.parametrize(
    ("machine", "sds"),
    [(0.0, [0.05] * 20), (0.05, [0.02] * 20), (0.0, [0.03] * 18 + [0.1, 0.2])],
    ids=["alone", "shared", "unlike"],
)
def test_a_suite_without_a_difference_is_called_slower_at_most_one_time_in_twenty(
    machine: float, sds: list[float], past_runs: int
) -> None:
    called = sum(suites(seed, machine, sds, past_runs, 0.0)[0] > 0 for seed in range(150))
    # 5 % of 150 suites, and three standard errors of that
    assert called <= 7.5 + 3 * math.sqrt(150 * 0.05 * 0.95)


def test_what_is_much_slower_is_found_and_what_is_a_little_slower_is_not() -> None:
    found = {
        effect: sum(suites(seed, 0.0, [0.027] * 20, 10, effect)[1] for seed in range(60)) / 60 for effect in (0.05, 0.2)
    }
    assert found[0.2] >= 0.9
    assert found[0.05] <= 0.3


def test_a_run_that_was_compared_side_by_side_does_not_ask_its_history() -> None:
    new, old = beside([timed(latencies(1, 200))], [timed(latencies(2, 200))])
    with_history = old.model_copy(update={"history": runs([4.0] * 4 + [4.1])})
    assert finding(verdict(new, with_history, policy(timed=True)), NAME).status == "maintained"
