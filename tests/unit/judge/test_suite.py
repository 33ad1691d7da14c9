"""What a suite says beyond each series: its slow requests, all series together, and rounds that the runner spoilt."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from bot.judge.policy import Policy
from bot.model import Finding, Observation, Run, Series, Verdict, Waiver
from bot.report.words import would_have_seen
from tests.unit.judge.cases import FEW, GREEN, beside, expected, finding, latencies, policy, stored, timed, verdict
from tests.unit.samples import observation, run, series

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


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_a_failure_counts_whoever_vouches_for_the_time_that_it_took(side: str) -> None:
    """That our own machine was late spoils a time, and not the fact that the service answered with an error."""
    new: list[float | None] = [None if index < 30 else value for index, value in enumerate(latencies(1, 100))]
    late = set(range(30))
    runs = beside(
        [spoilt(new, late if side == "candidate" else set())],
        [spoilt([*latencies(2, 100)], late if side == "baseline" else set())],
    )
    found = said(verdict(*runs, policy(timed=True)), "health/latency failures")
    assert found is not None
    assert (found.status, found.after, found.before) == ("regressed", "30 of 100", "0 of 100")


def test_answers_that_nobody_vouches_for_are_answers() -> None:
    new: list[float | None] = [None if index < 3 else value for index, value in enumerate(latencies(1, 60))]
    runs = beside([spoilt(new, set(range(3, 60)))], [spoilt([*latencies(2, 60)], set())])
    found = said(verdict(*runs, policy(timed=True)), "health/latency failures")
    assert found is not None
    assert (found.status, found.after) == ("not measured", "3 of 60")


def rows_of(values: list[float], kept: Callable[[int], bool], **more: object) -> Observation:
    rows = tuple((index, value, 0, True) for index, value in enumerate(values) if kept(index))
    return observation(series=(series([]).model_copy(update={"samples": rows, **more}),))


def test_leaving_the_failed_rows_out_hides_no_failure() -> None:
    new = latencies(1, 400)
    less = verdict(
        *beside([rows_of(new, lambda index: index % 13 != 0)], [timed(latencies(2, 400))]), policy(timed=True)
    )
    assert less.verdict not in GREEN
    assert finding(less, "health/latency failures").status == "not measured"
    alone = verdict(run(rows_of(new, lambda index: index % 3 != 1)), None, policy(timed=True))
    assert alone.verdict not in GREEN


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_one_value_of_nothing_does_not_end_the_reading(side: str) -> None:
    """What comes after it is judged: five times as slow, from then on."""
    new, old = latencies(1, 30) + latencies(3, 170, ratio=5), latencies(2, 200)
    (new if side == "candidate" else old)[25] = 0.0
    judged = verdict(*beside([timed(new)], [timed(old)]), policy(timed=True, budget={"latency": "2.1%"}))
    assert finding(judged, "health/latency").status == "regressed"


def test_a_throughput_that_drops_to_nothing_is_not_fine() -> None:
    fast = [1 / value for value in latencies(1, 30, noise=0.3)] + [0.0] * 170
    old = [1 / value for value in latencies(2, 200, noise=0.3)]
    changes: dict[str, Any] = {"unit": "1/s", "better": "higher"}
    judged = verdict(*beside([timed(fast, **changes)], [timed(old, **changes)]), policy(timed=True, **FEW))
    assert judged.verdict not in GREEN


def test_rounds_beyond_those_that_were_planned_are_judged_too() -> None:
    new = latencies(1, 60, noise=0.3) + latencies(3, 340, ratio=3)
    by = policy(timed=True, rounds=60, budget={"latency": "2.1%"})
    assert verdict(*beside([timed(new)], [timed(latencies(2, 400, noise=0.3))]), by).verdict == "unstable"


def test_the_shards_of_a_series_take_turns() -> None:
    columns = ("round", "value", "order", "ok", "shard")

    def sharded(seed: int, last: float) -> Observation:
        rows = [
            (index, value * (last if shard == "d" else 1), 0, True, shard)
            for number, shard in enumerate("abcd")
            for index, value in enumerate(latencies(seed + number, 100))
        ]
        made = Series(id="latency", unit="ms", better="lower", columns=columns, samples=tuple(rows))
        return observation(series=(made,))

    judged = verdict(*beside([sharded(1, 3.0)], [sharded(11, 1.0)]), policy(timed=True, rounds=100))
    assert judged.verdict not in GREEN
    assert finding(judged, "health/latency tail").status == "regressed"


def test_two_series_of_one_name_are_none() -> None:
    slow, fine = timed(latencies(1, 100, ratio=3)).series[0], timed(latencies(2, 100)).series[0]
    judged = verdict(*beside([observation(series=(slow, fine))], [timed(latencies(3, 100))]), policy(timed=True, **FEW))
    assert judged.verdict not in GREEN
    assert finding(judged, "health/latency").status == "not measured"


def test_a_probe_that_could_not_be_timed_is_not_gone_because_the_spec_has_changed() -> None:
    """An empty series is asked for; why it is empty is the reason of the row."""
    why = "it could not be timed: libcurl cannot be loaded"
    for seen in (observation(series=(series([]),), reason=why), observation(reason=why)):
        candidate, baseline = stored([seen], [timed(latencies(1, 100))], spec="sha256:another")
        judged = verdict(candidate, baseline, policy(timed=True))
        assert judged.verdict not in GREEN
        assert why in str(finding(judged, "health/latency").reason)


def test_a_budget_for_failures_that_the_spec_names_has_to_be_shown() -> None:
    short = beside([timed(latencies(1, 60))], [timed(latencies(2, 60))])
    assert verdict(*short, policy(timed=True, failures={"latency": "10%"})).verdict == "stable"
    assert verdict(*short, policy(timed=True, failures={"latency": "2%"})).verdict == "inconclusive"
    long = beside([timed(latencies(1, 300))], [timed(latencies(2, 300))])
    assert verdict(*long, policy(timed=True, failures={"latency": "2%"})).verdict == "stable"


def test_a_minor_regression_is_no_reason_for_what_is_open() -> None:
    new = [timed(latencies(1, 30, noise=0.8), "a"), timed(latencies(2, 30, ratio=3), "b")]
    old = [timed(latencies(3, 30, noise=0.8), "a"), timed(latencies(4, 30), "b")]
    by = policy("a", "b", timed=True)
    minor = by.model_copy(update={"probes": {**by.probes, **expected("b", timed=True, severity="minor")}})
    assert "ends it early" not in str(finding(verdict(*beside(new, old), minor), "a/latency").reason)
    assert "ends it early" in str(finding(verdict(*beside(new, old), by), "a/latency").reason)


def test_where_nothing_can_be_vouched_for_nothing_is_green_and_the_machine_is_named() -> None:
    judged = verdict(*vouched(set(range(95))), policy(timed=True, **FEW))
    found = finding(judged, "health/latency")
    assert judged.verdict not in GREEN
    assert found.status == "not measured"
    assert "too busy" in str(found.reason)


@pytest.mark.parametrize(("late", "status", "said"), [(20, "maintained", None), (30, "maintained", "30 of 100")])
def test_a_row_says_how_many_of_its_rounds_the_runner_spoilt(late: int, status: str, said: str | None) -> None:
    judged = verdict(*vouched(set(range(late))), policy(timed=True))
    found = finding(judged, "health/latency")
    assert found.status == status
    assert said is None or f"{said} rounds cannot be vouched for" in str(found.reason)
    assert said is not None or found.reason is None


def test_what_is_left_when_most_rounds_were_spoilt_is_not_fine() -> None:
    """The others are those in which the machine happened to be quick, and no sample of all."""
    new, old = steady_sides(400)
    late = {number for number in range(400) if number % 5}
    judged = verdict(*beside([spoilt(new, late)], [spoilt(old, set())]), policy(timed=True, **FEW))
    found = finding(judged, "health/latency")
    assert (found.status, judged.verdict) == ("not measured", "inconclusive")
    assert "320 of 400 rounds cannot be vouched for" in str(found.reason)
    slow = [value and 2 * value for value in new]
    judged = verdict(*beside([spoilt(slow, late)], [spoilt(old, set())]), policy(timed=True))
    assert finding(judged, "health/latency").status == "regressed"


def steady_sides(count: int) -> tuple[list[float | None], list[float | None]]:
    return [*latencies(1, count, noise=0.02)], [*latencies(2, count, noise=0.02)]


def test_all_together_say_what_was_before_and_after() -> None:
    seen = finding(suite(1.11), "suite/latency").comparison
    assert seen is not None
    assert seen.before is not None
    assert seen.after is not None
    assert (seen.unit, seen.samples_before, seen.samples_after) == ("ms", 6 * 200, 6 * 200)
    assert seen.after / seen.before == pytest.approx(1.11, abs=0.05)


def test_each_row_says_what_it_would_have_seen() -> None:
    """Timed series by their interval, shares by their bound, a check by how often it was made, numbers by their rule."""
    start, size = (series([value], id=name) for value, name in ((800.0, "start-up"), (5e6, "size")))
    deploy = observation("deploy", kind="deploy", series=(start, size))
    sides = [[deploy, timed(latencies(seed, 230), "a")] for seed in (1, 2)]
    by = policy(
        "a", timed=True, tail={"latency": "5%"}, single={"size": {"exact": True}, "start-up": {"budget": "30%"}}
    )
    judged = verdict(*beside(*sides), by)
    seen = {each.id: would_have_seen(each) for each in judged.findings}
    assert seen.pop("a/latency").startswith("+")
    assert seen.pop("a/latency tail").endswith("% slow")
    assert seen == {
        "a/status": "failing in 80 % of tries",
        "deploy/status": "failing in 80 % of tries",
        "deploy/size": "any change",
        "deploy/start-up": "+30 %",
        "suite/failures": "+1.9 % failing",
    }
    first = verdict(run(timed(latencies(1, 230), "a")), None, policy("a", timed=True))
    assert would_have_seen(finding(first, "a/latency")) == "no slowdown: nothing before"
    assert would_have_seen(finding(first, "suite/failures")) == "+1.9 % failing"
