"""Series: what pairs of samples show, what they do not, and that a lone number never blocks."""

import math

import pytest

from bot.judge.location import Pairs
from bot.model import Finding, Observation, Series
from tests.unit.judge.cases import FEW, GREEN, beside, finding, latencies, policy, stored, timed, timing, verdict
from tests.unit.samples import observation, run, series


def test_a_clear_slowdown_has_regressed() -> None:
    found = timing(latencies(1, 60, ratio=1.3), latencies(2, 60))
    assert found.status == "regressed"
    assert found.comparison is not None
    assert found.comparison.low is not None
    assert found.comparison.ratio == pytest.approx(1.3, rel=0.05)
    assert found.comparison.low > 1.02
    assert found.comparison.decided


def test_the_same_again_is_fine_and_says_what_it_would_have_seen() -> None:
    found = timing(latencies(1, 100), latencies(2, 100))
    assert found.status == "maintained"
    assert found.comparison is not None
    assert found.comparison.high is not None
    assert found.comparison.high < 1.10
    assert found.comparison.would_have_seen == pytest.approx(1.09, abs=0.03)


def test_before_and_after_are_those_of_the_rounds_that_decided() -> None:
    """What is measured after a series was decided is no part of the ratio, and none of the numbers beside it."""
    later = [1000.0] * 100
    found = timing([*latencies(1, 60, ratio=1.3), *later], [*latencies(2, 60), *later])
    assert found.comparison is not None
    assert found.comparison.pairs <= 60
    assert found.comparison.before == pytest.approx(40, rel=0.1)
    assert found.comparison.after == pytest.approx(52, rel=0.1)


def test_a_clear_speed_up_has_improved() -> None:
    found = timing(latencies(1, 60, ratio=0.7), latencies(2, 60))
    assert found.status == "improved"


def test_too_noisy_is_not_measured_and_says_how_many_more() -> None:
    found = timing(latencies(1, 30, noise=0.6), latencies(2, 30, noise=0.6))
    assert found.status == "not measured"
    assert found.comparison is not None
    assert not found.comparison.decided
    assert found.comparison.more_pairs is not None
    assert found.remedy is not None
    assert str(found.comparison.more_pairs) in found.remedy


@pytest.mark.parametrize("count", [1, 2, 5, 19])
def test_fewer_than_twenty_pairs_say_nothing(count: int) -> None:
    found = timing(latencies(1, count, ratio=3), latencies(2, count))
    assert found.status == "not measured"
    assert timing(latencies(1, count), latencies(2, count)).status == "not measured"


def test_a_timed_probe_without_samples_is_not_measured() -> None:
    for seen in (observation(), observation(series=(series([]),))):
        judged = verdict(*beside([seen], [timed(latencies(1, 100))]), policy(timed=True, **FEW))
        assert judged.verdict == "inconclusive"


@pytest.mark.parametrize("ratio", [1.2, 1.5, 3.0, 100.0])
def test_a_slowdown_without_any_noise_is_found(ratio: float) -> None:
    assert timing([10.0 * ratio] * 40, [10.0] * 40).status == "regressed"
    assert timing([10.0] * 40, [10.0 * ratio] * 40).status == "improved"
    assert timing([10.0] * 40, [10.0] * 40).status == "maintained"


def test_a_slowdown_that_is_large_beside_the_noise_is_found() -> None:
    for ratio in (1.2, 2.0, 8.0):
        assert timing(latencies(1, 40, ratio=ratio, noise=0.005), latencies(2, 40, noise=0.005)).status == "regressed"


def test_values_rounded_to_a_coarse_clock_are_judged() -> None:
    before = [10.0, 10.0, 10.0, 11.0] * 20
    assert timing(before, before).status == "maintained"
    assert timing([value + 3 for value in before], before).status == "regressed"


def test_a_score_needs_no_spread_among_most_values() -> None:
    before, after = [math.log(10)] * 40, [math.log(10), math.log(13)] * 20
    assert Pairs(before, after).score(0.0) > 2
    assert Pairs(after, before).score(0.0) < -2
    assert Pairs(before, before).score(0.0) == 0


def test_where_higher_is_better_the_direction_turns() -> None:
    fewer = [value / 1.4 for value in latencies(1, 60)]
    found = timing_of(fewer, latencies(2, 60), better="higher", unit="1/s")
    assert found.status == "regressed"
    assert found.comparison is not None
    assert found.comparison.low is not None
    assert found.comparison.high is not None
    assert found.comparison.low < found.comparison.high < 1
    assert timing_of(latencies(2, 60), fewer, better="higher", unit="1/s").status == "improved"


def timing_of(after: list[float], before: list[float], **changes: object) -> Finding:
    new, old = timed(after, **changes), timed(before, **changes)
    return finding(verdict(*beside([new], [old]), policy(timed=True)), "health/latency")


def test_a_difference_below_the_floor_does_not_matter() -> None:
    found = timing(latencies(1, 60, ratio=1.4, middle=0.5), latencies(2, 60, middle=0.5))
    assert found.status == "maintained"
    strict = timing(latencies(1, 60, ratio=1.4, middle=0.5), latencies(2, 60, middle=0.5), floor={"latency": 0})
    assert strict.status == "regressed"


def test_a_difference_beyond_the_floor_matters_however_small_the_base() -> None:
    assert timing(latencies(1, 60, ratio=10, middle=0.5), latencies(2, 60, middle=0.5)).status == "regressed"


def test_the_budget_of_the_probe_goes_before_that_of_the_series() -> None:
    slower = latencies(1, 100, ratio=1.0)
    assert timing(slower, latencies(2, 100), budget={"latency": "2.5%"}).status == "not measured"
    assert timing(slower, latencies(2, 100), budget={"latency": "2.5%", "health/latency": "20%"}).status == "maintained"


def test_a_stored_baseline_shows_a_ratio_and_decides_nothing() -> None:
    for ratio in (1.0, 5.0):
        runs = stored([timed(latencies(1, 100, ratio=ratio))], [timed(latencies(2, 100))])
        judged = verdict(*runs, policy(timed=True, **FEW))
        found = finding(judged, "health/latency")
        assert (found.status, judged.verdict) == ("not measured", "inconclusive")
        assert found.comparison is not None
        assert found.comparison.ratio == pytest.approx(ratio, rel=0.1)
        assert found.comparison.low is None


def test_a_first_run_records_what_it_measured() -> None:
    judged = verdict(run(timed(latencies(1, 40))), None, policy(timed=True, **FEW))
    assert (finding(judged, "health/latency").status, judged.verdict) == ("new", "first run")


def test_a_first_run_with_too_few_samples_is_not_green() -> None:
    assert verdict(run(timed(latencies(1, 10))), None, policy(timed=True, **FEW)).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (800.0, 900.0, "maintained"),
        (800.0, 1300.0, "changed"),
        (800.0, 300.0, "maintained"),
        (800.0, None, "not measured"),
        (None, 800.0, "new"),
        (0.0, 0.0, "maintained"),
        (0.0, 3.0, "changed"),
    ],
)
def test_one_number_is_shown_and_never_blocks(before: float | None, after: float | None, status: str) -> None:
    new, old = ready(after), ready(before)
    judged = verdict(*beside([new, observation()], [old, observation()]))
    assert finding(judged, "deploy/start-up").status == status
    assert judged.verdict == ("inconclusive" if after is None else "stable")


def ready(value: float | None) -> Observation:
    return observation("deploy", kind="deploy", series=(series([value], id="start-up"),))


def test_one_sample_of_a_timed_probe_is_not_one_number() -> None:
    judged = verdict(*beside([timed([40.0])], [timed([40.0])]), policy(timed=True, failures={"default": "99%"}))
    assert judged.verdict == "inconclusive"


def test_values_of_nothing_have_no_ratio() -> None:
    assert timing([0.0] * 50, [0.0] * 50).status == "not measured"


def test_another_unit_than_before_is_not_measured() -> None:
    new = timed(latencies(1, 60), unit="s")
    judged = verdict(*beside([new], [timed(latencies(2, 60))]), policy(timed=True))
    assert finding(judged, "health/latency").status == "not measured"


def test_a_round_that_is_there_twice_pairs_with_nothing() -> None:
    slow, quick = latencies(1, 60, ratio=2), latencies(3, 60)
    rows = tuple((index, value, 0, True) for values in (slow, quick) for index, value in enumerate(values))
    new = observation(series=(series([]).model_copy(update={"samples": rows}),))
    judged = verdict(*beside([new], [timed(latencies(2, 60))]), policy(timed=True, **FEW))
    assert finding(judged, "health/latency").status == "not measured"
    assert judged.verdict not in GREEN


def test_a_round_that_is_there_twice_has_failed() -> None:
    """Five such rounds of sixty are too many for a series by itself, however many others there are beside it."""
    names = tuple("abcdefghijklmnopqrst")
    new, old = ([timed(latencies(seed + i, 60, noise=0.02), n) for i, n in enumerate(names)] for seed in (1, 50))
    assert verdict(*beside(new, old), policy(*names, timed=True)).verdict == "stable"
    first = new[0].series[0]
    again = first.model_copy(update={"samples": (*first.samples, *first.samples[10:15])})
    new[0] = new[0].model_copy(update={"series": (again,)})
    judged = verdict(*beside(new, old), policy(*names, timed=True))
    assert finding(judged, "a/latency failures").status == "not measured"
    assert judged.verdict not in GREEN


def test_rounds_of_two_shards_are_two_rounds() -> None:
    columns = ("round", "value", "order", "ok", "shard")

    def sharded(seed: int, ratio: float) -> Series:
        values = latencies(seed, 60, ratio=ratio)
        rows = [(index % 30, value, 0, True, f"s{index // 30}") for index, value in enumerate(values)]
        return Series(id="latency", unit="ms", better="lower", columns=columns, samples=tuple(rows))

    runs = beside([observation(series=(sharded(1, 1.0),))], [observation(series=(sharded(2, 1.0),))])
    found = finding(verdict(*runs, policy(timed=True, budget={"latency": "2.1%"})), "health/latency")
    assert found.comparison is not None
    assert (found.comparison.pairs, found.comparison.samples_after) == (60, 60)


def test_a_number_too_large_for_a_float_is_a_failed_sample() -> None:
    huge = tuple((index, 10**400, 0, True) for index in range(40))
    new = observation(series=(series([]).model_copy(update={"samples": huge}),))
    judged = verdict(*beside([new], [timed(latencies(2, 40))]), policy(timed=True))
    assert judged.verdict == "unstable"


def test_the_interval_and_the_word_agree() -> None:
    for seed in range(40):
        count, noise = 20 + 10 * (seed % 12), 0.02 + 0.03 * (seed % 9)
        ratio = 0.8 + 0.03 * (seed % 17)
        found = timing(latencies(seed, count, ratio=ratio, noise=noise), latencies(seed + 1000, count, noise=noise))
        seen = found.comparison
        assert seen is not None
        assert seen.low is not None
        assert seen.high is not None
        assert seen.ratio is not None
        assert seen.low <= seen.ratio <= seen.high
        regressed, fine = seen.low >= 1.02 - 1e-6, seen.high <= 1.10 + 1e-6
        words = {"regressed": (True,), "maintained": (False, True), "improved": (False, True)}
        assert (regressed, fine)[: len(words.get(found.status, (False, False)))] == words.get(
            found.status, (False, False)
        )


def test_what_a_timeout_took_away_is_held_against_the_candidate() -> None:
    """The slow half of the candidate's requests timed out: what is left looks as fast as before."""
    after: list[float | None] = [None if value > 41 else value for value in latencies(1, 200)]
    judged = verdict(*beside([timed(after)], [timed(latencies(2, 200))]), policy(timed=True))
    assert finding(judged, "health/latency").status == "not measured"
    assert finding(judged, "health/latency failures").status == "regressed"


@pytest.mark.parametrize("where", ["candidate", "baseline", "both"])
def test_rounds_that_are_missing_are_held_against_the_candidate(where: str) -> None:
    """Leave out just the rounds in which a slower candidate was slow: the rest must not pass for fine."""
    after, before = latencies(1, 400, ratio=1.08), latencies(2, 400)
    keep = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[1] < pair[0] * 1.05]
    kept = {"candidate": (keep, range(400)), "baseline": (range(400), keep), "both": (keep, keep)}[where]
    new, old = (
        timed([]).model_copy(
            update={"series": (series([]).model_copy(update={"samples": tuple((i, v[i], 0, True) for i in rounds)}),)}
        )
        for v, rounds in zip((after, before), kept, strict=True)
    )
    found = finding(verdict(*beside([new], [old]), policy(timed=True)), "health/latency")
    assert found.status == "not measured"


def test_every_number_has_six_digits() -> None:
    seen = timing(latencies(1, 60, ratio=1.3), latencies(2, 60)).comparison
    assert seen is not None
    numbers = [value for value in seen.model_dump().values() if isinstance(value, float)]
    assert numbers
    assert all(value == float(f"{value:.6g}") and math.isfinite(value) for value in numbers)


def test_green_needs_every_series() -> None:
    good, bad = timed(latencies(1, 100), "a"), timed(latencies(3, 10), "b")
    old = [timed(latencies(2, 100), "a"), timed(latencies(4, 10), "b")]
    assert verdict(*beside([good, bad], old), policy("a", "b", timed=True, **FEW)).verdict not in GREEN
