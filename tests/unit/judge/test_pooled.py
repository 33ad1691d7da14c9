"""The requests of a whole suite counted together: what no series has enough rounds to show, all of them have to."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge import rates, watch
from bot.judge.pairing import join
from bot.judge.policy import Policy
from bot.judge.pooled import Member, fewest, pool
from bot.judge.weighing import errors
from bot.model import Finding, Observation, Series, SeriesKey, Verdict, Waiver
from tests.unit.judge.cases import FEW, GREEN, beside, finding, latencies, policy, timed, verdict
from tests.unit.samples import observation, run, series

NAMES = tuple("abcdefghijklmnopqrst")


def steady(count: int, seed: int = 1, failing: frozenset[int] | set[int] = frozenset()) -> list[float | None]:
    """Latencies that are decided after the fewest rounds; those of these rounds failed."""
    return [None if index in failing else value for index, value in enumerate(latencies(seed, count, noise=0.02))]


def suite(count: int, names: tuple[str, ...], failing: dict[str, set[int]] | None = None, **by: object) -> Verdict:
    """Probes that are as quick as before; the candidate's failed in some rounds."""
    new = [timed(steady(count, 1, (failing or {}).get(name, set())), name) for name in names]
    old = [timed(steady(count, 2), name) for name in names]
    return verdict(*beside(new, old), policy(*names, timed=True, **by))


def all_of(judged: Verdict) -> Finding:
    return finding(judged, "suite/failures")


@pytest.mark.parametrize(("count", "status"), [(216, "not measured"), (217, "maintained")])
def test_one_probe_needs_the_rounds_that_its_budget_takes(count: int, status: str) -> None:
    judged = suite(count, ("health",))
    found = all_of(judged)
    assert (found.status, found.after, found.before) == (status, f"0 of {count}", f"0 of {count}")
    assert (judged.verdict in GREEN) == (status == "maintained")
    assert found.would_have_seen == "+2 % failing"
    if status == "not measured":
        assert "about 1 more round (" in str(found.remedy)
        assert found.comparison is not None
        assert found.comparison.more_pairs == 1


def test_the_fewest_rounds_are_those_of_the_exact_bound() -> None:
    error = errors(policy(timed=True), 1)
    for share in (0.02, 0.1, 0.2):
        count = fewest(share, error)
        assert rates.at_most(0, count, error.fine / 4) <= share < rates.at_most(0, count - 1, error.fine / 4)


def test_a_suite_of_many_has_enough_together_and_each_of_them_a_few() -> None:
    assert all_of(suite(42, NAMES)).status == "maintained"
    short = all_of(suite(41, NAMES))
    assert short.status == "not measured"
    assert "a, b, c and 17 more may hide more than 10 % by itself" in str(short.reason)
    assert "about 1 more round (" in str(short.remedy)


def test_a_failure_here_and_there_is_shown_over_all_though_no_series_shows_it() -> None:
    """Each of twenty series fails once, in a round of its own, and none before."""
    failing = {name: {2 * place} for place, name in enumerate(NAMES)}
    judged = suite(60, NAMES, failing)
    assert {finding(judged, f"{name}/latency failures").status for name in NAMES} == {"not measured"}
    found = all_of(judged)
    assert (found.status, found.after, judged.verdict) == ("regressed", "20 of 1200", "unstable")
    new = {(name, "latency"): series(steady(60, 1, failing[name])) for name in NAMES}
    old = {(name, "latency"): series(steady(60, 2)) for name in NAMES}
    assert watch(policy(*NAMES, timed=True))(new, old).stop


def test_what_hits_all_probes_of_one_round_is_one_event() -> None:
    """Twenty failures of one moment are no more than one coin that came down on the candidate's side."""
    judged = suite(60, NAMES, {name: {7} for name in NAMES})
    assert all_of(judged).status == "not measured"


def test_the_steps_of_a_journey_are_one_request() -> None:
    """Three series of one probe that fail together: one passage, counted once; and rounds are no more for it."""

    def journey(seed: int, failing: set[int]) -> Observation:
        parts = [series(steady(230, seed + step, failing), id=f"step {step}") for step in range(3)]
        return observation("trip", series=tuple(parts))

    judged = verdict(*beside([journey(1, {3, 50})], [journey(9, set())]), policy("trip", timed=True))
    found = all_of(judged)
    assert (found.after, found.before) == ("2 of 230", "0 of 230")


def test_what_is_named_waived_or_minor_is_no_part_of_it() -> None:
    names = ("a", "b")
    assert suite(60, names, failures={"latency": "10%"}).verdict == "stable"
    named = suite(230, names, failures={"a/latency": "10%"})
    assert all_of(named).after == "0 of 230"
    waived = policy(*names, timed=True, waivers=(Waiver(finding="a/latency failures", by="ana", reason="known"),))
    sides = [[timed(steady(230, seed), name) for name in names] for seed in (1, 2)]
    assert all_of(verdict(*beside(*sides), waived)).after == "0 of 230"
    minor = verdict(*beside(*sides), policy(*names, timed=True, severity="minor"))
    assert not [each for each in minor.findings if each.id == "suite/failures"]


@pytest.mark.parametrize("name", ["health/latency", "health/latency tail"])
def test_a_waiver_of_how_slow_it_is_says_nothing_of_its_failures(name: str) -> None:
    """Else a probe that is waived to be slow would be green after twenty rounds, and a third of those that fail 5 %."""
    waivers = (Waiver(finding=name, by="ana", reason="known to be slow"),)
    assert suite(216, ("health",), waivers=waivers).verdict == "inconclusive"
    assert all_of(suite(217, ("health",), waivers=waivers)).after == "0 of 217"
    lone = Session(policy(timed=True, waivers=waivers), ("health",), 1, {})
    assert (len(lone.rows[0]["health", "latency"]), lone.verdict.verdict) == (220, "stable")


def test_a_probe_that_is_slower_as_was_accepted_is_measured_on_until_its_failures_are_shown() -> None:
    by = policy("a", timed=True, waivers=(Waiver(finding="a/latency", by="ana", reason="known"),))
    key, look = ("a", "latency"), watch(by)
    for count in (20, 60, 210):
        seen = look({key: series(latencies(1, count, ratio=2))}, {key: series(latencies(2, count))})
        assert (seen.stop, key in seen.decided) == (False, False)
    assert look({key: series(latencies(1, 220, ratio=2))}, {key: series(latencies(2, 220))}).stop


def test_failures_of_a_series_that_is_waived_to_be_slow_end_the_session() -> None:
    """The judge counts them against the candidate: nothing is gained by measuring on."""
    by = policy("a", "b", timed=True, waivers=(Waiver(finding="a/latency", by="ana", reason="known"),))
    new = {("a", "latency"): series([None] * 20), ("b", "latency"): series([*latencies(3, 20, noise=0.9)])}
    old = {("a", "latency"): series([*latencies(2, 20)]), ("b", "latency"): series([*latencies(4, 20, noise=0.9)])}
    assert watch(by)(new, old).stop


def test_what_one_probe_has_mended_makes_no_room_for_what_another_one_hides() -> None:
    """The baseline's `a` failed; `b`, which nobody has asked often enough, is lent nothing by that."""
    for mended in (0, 8, 12):
        new = [timed(steady(45, 1), "a"), timed(steady(45, 3), "b")]
        old = [timed(steady(45, 2, set(range(0, 3 * mended, 3))), "a"), timed(steady(45, 4), "b")]
        judged = verdict(*beside(new, old), policy("a", "b", timed=True))
        assert (all_of(judged).status, judged.verdict) == ("not measured", "inconclusive"), mended


@pytest.mark.parametrize("failing", [set(), {40, 50}])
def test_a_step_is_lent_no_rounds_by_the_steps_beside_it(failing: set[int]) -> None:
    """A step of which the last rounds are gone, with what failed in them, has few rounds and not its journey's many."""

    def trip(seed: int, count: int) -> Observation:
        parts = [series(steady(230, seed), id="duration"), series(steady(230, seed + 5, failing)[:count], id="step")]
        return observation("trip", series=tuple(parts))

    for count in (25, 100, 229):
        judged = verdict(*beside([trip(1, count)], [trip(9, count)]), policy("trip", timed=True))
        assert judged.verdict not in GREEN
        assert all_of(judged).status == "not measured"


def test_a_step_that_has_too_few_rounds_is_named_though_all_together_have_enough() -> None:
    names = NAMES[1:]

    def trip(seed: int, count: int) -> Observation:
        parts = [series(steady(60, seed), id="duration"), series(steady(60, seed + 5)[:count], id="step")]
        return observation("trip", series=tuple(parts))

    for count, status in ((41, "not measured"), (60, "maintained")):
        new, old = ([trip(seed, count), *(timed(steady(90, seed), name) for name in names)] for seed in (1, 9))
        found = all_of(verdict(*beside(new, old), policy("trip", *names, timed=True)))
        assert found.status == status
        assert ("but trip may hide more than 10 %" in str(found.reason)) == (count == 41)


def test_rounds_of_a_probe_that_the_spec_does_not_have_lend_nothing() -> None:
    seen = [[timed(steady(60, seed), "a"), timed(steady(400, seed), "other")] for seed in (1, 2)]
    judged = verdict(*beside(*seen), policy("a", timed=True))
    assert all_of(judged).after == "0 of 60"
    assert judged.verdict not in GREEN


def test_a_first_run_shows_the_share_itself() -> None:
    short = verdict(run(timed(steady(100))), None, policy(timed=True))
    assert (all_of(short).status, short.verdict) == ("not measured", "inconclusive")
    whole = verdict(run(timed(steady(217))), None, policy(timed=True))
    assert (all_of(whole).status, whole.verdict) == ("new", "first run")
    assert "the share of failures is no more than 2 %" in str(all_of(whole).reason)
    some = all_of(verdict(run(timed(steady(300, 1, {3, 90, 200}))), None, policy(timed=True)))
    assert (some.status, some.after) == ("not measured", "3 of 300")


def test_a_series_that_has_regressed_is_no_part_of_what_the_others_show() -> None:
    judged = suite(60, NAMES, {"a": set(range(40))})
    assert finding(judged, "a/latency failures").status == "regressed"
    assert all_of(judged).after == "0 of 1140"


def test_a_certain_regression_that_ended_it_early_is_said_in_its_row() -> None:
    new, old = [timed(latencies(1, 30, ratio=3))], [timed(latencies(2, 30))]
    assert "ends it early" in str(all_of(verdict(*beside(new, old), policy(timed=True))).reason)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([50, 120, 230]),
    st.integers(1, 3),
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.005, 0.05]),
    st.booleans(),
)
def test_nothing_that_is_taken_away_makes_it_fine(count: int, probes: int, seed: int, share: float, both: bool) -> None:
    """Rows and whole rounds between the first and the last: what is fine without them is fine with them."""
    dice = random.Random(seed)
    names = NAMES[:probes]
    by = policy(*names, timed=True)
    error = errors(by, probes)
    sides = [
        [series([None if dice.random() < each else 1.0 for _ in range(count)]) for _ in names]
        for each in (share, share / 2)
    ]
    gone = {number for number in range(1, count - 1) if dice.random() < 0.1}

    def less(seen: Series) -> Series:
        return seen.model_copy(update={"samples": tuple(row for row in seen.samples if row[0] not in gone)})

    def word(new: list[Series], old: list[Series]) -> str:
        members = {(name, "latency"): Member(a, b, join(a, b)) for name, a, b in zip(names, new, old, strict=True)}
        found = pool(by, members, error)
        return found.word if found else "none"

    fewer = word([less(each) for each in sides[0]], [less(each) for each in sides[1]] if both else sides[1])
    assert fewer != "fine" or word(*sides) == "fine"


def test_a_round_between_two_rounds_is_none() -> None:
    """Halves would leave gaps that nobody sees: such a sample has no counterpart, and is missing."""
    new, old = (timed(steady(230, seed)) for seed in (1, 2))
    rows = tuple((float(row[0]) / 2, *row[1:]) for row in new.series[0].samples if isinstance(row[0], int))
    halved = new.model_copy(update={"series": (new.series[0].model_copy(update={"samples": rows}),)})
    assert verdict(*beside([halved], [old]), policy(timed=True)).verdict not in GREEN
    known = join(halved.series[0], halved.series[0])
    assert (len(known.pairs), known.unseen) == (115, 115)


class Session:
    """One probe or many, measured until the watch ends it; failures are drawn by lot."""

    def __init__(self, by: Policy, names: tuple[str, ...], seed: int, new: dict[str, float], old: float = 0.0) -> None:
        dice, ask = random.Random(seed), watch(by)
        self.rows: list[dict[SeriesKey, list[float | None]]] = [
            {(name, "latency"): [] for name in names} for _ in range(2)
        ]
        decided: frozenset[SeriesKey] = frozenset()
        for number in range(by.rounds):
            for key in self.rows[0]:
                if key not in decided:
                    for side, share in ((0, new.get(key[0], 0.0)), (1, old)):
                        value = 20 * math.exp(dice.gauss(0, 0.05))
                        self.rows[side][key].append(None if dice.random() < share else value)
            if number % 5 == 4:
                seen = ask(*({key: series(values) for key, values in side.items()} for side in self.rows))
                decided = seen.decided
                if seen.stop:
                    break
        runs = beside(*([timed(values, name) for (name, _), values in side.items()] for side in self.rows))
        self.verdict = verdict(*runs, by)


def test_a_quick_and_steady_candidate_that_fails_now_and_then_is_not_stable() -> None:
    """One probe of which 5 % fail: without this bound 38 % of such sessions ended stable, after twenty rounds."""
    by = policy(timed=True)
    words = [Session(by, ("health",), seed, {"health": 0.05}).verdict.verdict for seed in range(12)]
    assert not [word for word in words if word in GREEN]


def test_a_suite_that_fails_no_more_than_before_is_rarely_called_worse() -> None:
    """Both sides fail alike: nominal 0.5 % of suites; two alarms in 15 of them have a probability of 0.3 %."""
    names = NAMES[:3]
    by = policy(*names, timed=True, rounds=60)
    bad = 0
    for seed in range(15):
        judged = Session(by, names, seed, dict.fromkeys(names, 0.1), 0.1).verdict
        bad += any(each.status == "regressed" and "failures" in each.id for each in judged.findings)
    assert bad <= 1


def test_the_watch_goes_on_until_the_failures_are_shown() -> None:
    """Times are decided after twenty rounds; one probe is measured until 217 are there, and no longer."""
    lone = Session(policy(timed=True), ("health",), 1, {})
    assert (len(lone.rows[0]["health", "latency"]), lone.verdict.verdict) == (220, "stable")
    many = Session(policy(*NAMES, timed=True), NAMES, 1, {})
    assert {len(values) for values in many.rows[0].values()} == {45}
    assert many.verdict.verdict == "stable"
    few = Session(policy(timed=True, **FEW), ("health",), 1, {})
    assert (len(few.rows[0]["health", "latency"]), few.verdict.verdict) == (20, "stable")


def test_a_failure_after_the_last_look_at_the_times_is_counted() -> None:
    """The times were decided at twenty rounds; a failure in a round that was measured for the others still counts."""
    by, key = policy(timed=True), ("health", "latency")
    look = watch(by)
    for count in range(20, 216, 5):
        one, other = series(steady(count, 1)), series(steady(count, 2))
        assert key not in look({key: one}, {key: other}).decided
    assert key not in look({key: series(steady(220, 1, {219}))}, {key: series(steady(220, 2))}).decided


def test_a_waiver_that_has_expired_counts_for_the_watch_as_for_the_judge() -> None:
    waiver = Waiver(finding="a/latency", by="ana", reason="known", until="2026-01-01")
    by = policy("a", "b", timed=True).model_copy(update={"waivers": (waiver,)})
    new = {
        ("a", "latency"): series([*latencies(1, 60, ratio=2)]),
        ("b", "latency"): series([*latencies(3, 60, noise=0.9)]),
    }
    old = {("a", "latency"): series([*latencies(2, 60)]), ("b", "latency"): series([*latencies(4, 60, noise=0.9)])}
    assert not watch(by, today="2026-01-01")(new, old).stop
    assert watch(by, today="2026-01-02")(new, old).stop


def test_a_pool_of_nothing_says_nothing() -> None:
    error = errors(policy(timed=True), 1)
    assert pool(policy(timed=True), {}, error) is None
    stranger = {("other", "latency"): Member(series([1.0]))}
    assert pool(policy(timed=True), stranger, error) is None
