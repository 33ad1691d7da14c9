"""Whatever is taken away from a run, its verdict never gets greener; and what does not matter changes nothing."""

import random
from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge.policy import Policy
from bot.model import Cell, Observation, Run, Series, Verdict
from tests.unit.judge.cases import FEW, GREEN, beside, expected, finding, latencies, policy, timed, timing, verdict
from tests.unit.samples import check, observation

Rows = tuple[tuple[Cell, ...], ...]
COUNTS = st.sampled_from([5, 20, 30, 60, 100, 230])
RATIOS = st.sampled_from([0.7, 1.0, 1.05, 1.12, 1.5])
NOISES = st.sampled_from([0.02, 0.1, 0.3])
SEEDS = st.integers(0, 10_000)
DICE = st.randoms(use_true_random=False)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Run, Run, Policy]:
    """Two runs side by side of one to three timed probes, of which any may be broken, slower, noisy or short."""
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    sides: tuple[list[Observation], list[Observation]] = ([], [])
    for name in names:
        count, noise, seed = draw(COUNTS), draw(NOISES), draw(SEEDS)
        for side, ratio, ok in ((0, draw(RATIOS), draw(st.integers(0, 5)) > 0), (1, 1.0, draw(st.integers(0, 5)) > 0)):
            seen = timed(latencies(seed + side, count, ratio=ratio, noise=noise), name)
            order = [(row[0], row[1], 1 - side, row[3]) for row in seen.series[0].samples]
            series = (seen.series[0].model_copy(update={"samples": tuple(order)}),)
            checks = (check("status", ok=ok), check("body"))
            state = "measured" if ok else "broken"
            sides[side].append(seen.model_copy(update={"checks": checks, "series": series, "state": state}))
    allowed = draw(st.sampled_from([{}, FEW, {"failures": {"a/latency": "20%"}}]))
    return (*beside(*sides), policy(*names, timed=True, **allowed))


def with_rows(run: Run, change: Callable[[Rows], Sequence[tuple[Cell, ...]]]) -> Run:
    """The run with the rows of every series changed."""

    def changed(series: Series) -> Series:
        return series.model_copy(update={"samples": tuple(change(series.samples))})

    seen = tuple(
        each.model_copy(update={"series": tuple(changed(one) for one in each.series)}) for each in run.observations
    )
    return run.model_copy(update={"observations": seen})


def not_greener(less: Verdict, whole: Verdict) -> None:
    """`stable` and `first run` are green; unstable and inconclusive are not, and neither is better than the other."""
    assert whole.verdict in GREEN or less.verdict not in GREEN, (whole.rules, less.rules)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_an_expected_probe_that_was_not_measured_takes_the_green_away(case: tuple[Run, Run, Policy]) -> None:
    candidate, baseline, by = case
    more = by.model_copy(update={"probes": {**by.probes, **expected("unseen")}})
    unseen = observation("unseen", state="not measured", reason="no time", checks=())
    with_it = candidate.model_copy(update={"observations": (*candidate.observations, unseen)})
    assert verdict(candidate, baseline, more).verdict not in GREEN
    assert verdict(with_it, baseline, more).verdict not in GREEN


@settings(max_examples=40, deadline=None)
@given(cases(), DICE)
def test_losing_an_observation_a_check_or_a_series_never_makes_it_greener(
    case: tuple[Run, Run, Policy], dice: random.Random
) -> None:
    candidate, baseline, by = case
    whole = verdict(candidate, baseline, by)
    seen = dice.choice(candidate.observations)
    for less in (
        [],
        [seen.model_copy(update={"checks": seen.checks[1:]})] if seen.checks[0].ok else [],
        [seen.model_copy(update={"series": ()})],
        [seen.model_copy(update={"checks": (), "series": ()})],
        [seen.model_copy(update={"state": "not measured", "reason": "lost", "checks": (), "series": ()})],
    ):
        rest = [each for each in candidate.observations if each is not seen]
        not_greener(verdict(candidate.model_copy(update={"observations": (*less, *rest)}), baseline, by), whole)


@settings(max_examples=60, deadline=None)
@given(cases(), DICE, st.floats(0.0, 0.9), st.sampled_from(["candidate", "baseline", "both"]))
def test_losing_samples_never_makes_it_greener(
    case: tuple[Run, Run, Policy], dice: random.Random, share: float, where: str
) -> None:
    candidate, baseline, by = case
    lost = {number for number in range(230) if dice.random() < share}

    def thin(rows: Rows) -> Rows:
        return tuple(row for row in rows if row[0] not in lost)

    new = with_rows(candidate, thin) if where != "baseline" else candidate
    old = with_rows(baseline, thin) if where != "candidate" else baseline
    not_greener(verdict(new, old, by), verdict(candidate, baseline, by))


@settings(max_examples=60, deadline=None)
@given(cases(), DICE, st.floats(0.0, 1.0), st.booleans())
def test_a_value_that_turns_to_null_never_makes_it_greener(
    case: tuple[Run, Run, Policy], dice: random.Random, share: float, marked: bool
) -> None:
    candidate, baseline, by = case

    def nulled(rows: Rows) -> Rows:
        return tuple((row[0], None, row[2], not marked) if dice.random() < share else row for row in rows)

    not_greener(verdict(with_rows(candidate, nulled), baseline, by), verdict(candidate, baseline, by))


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from(["slow", "fast"]), st.floats(0.05, 0.9))
def test_losing_just_the_slow_or_just_the_fast_ones_never_makes_it_greener(
    case: tuple[Run, Run, Policy], which: str, share: float
) -> None:
    candidate, baseline, by = case

    def without_extremes(rows: Rows) -> Rows:
        ranked = sorted(rows, key=lambda row: float(row[1] or 0), reverse=which == "slow")
        gone = {row[0] for row in ranked[: int(share * len(rows))]}
        return tuple((row[0], None, row[2], False) if row[0] in gone else row for row in rows)

    whole = verdict(candidate, baseline, by)
    not_greener(verdict(with_rows(candidate, without_extremes), baseline, by), whole)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_losing_the_baseline_never_makes_it_greener(case: tuple[Run, Run, Policy]) -> None:
    candidate, baseline, by = case
    whole = verdict(candidate, baseline, by)
    not_greener(verdict(candidate, None, by), whole)
    elsewhere = baseline.model_copy(update={"subject": baseline.subject.model_copy(update={"session": "another"})})
    not_greener(verdict(candidate, elsewhere, by), whole)
    for index in range(len(baseline.observations)):
        rest = baseline.observations[:index] + baseline.observations[index + 1 :]
        not_greener(verdict(candidate, baseline.model_copy(update={"observations": rest}), by), whole)


@settings(max_examples=30, deadline=None)
@given(cases(), DICE)
def test_the_order_of_samples_changes_nothing(case: tuple[Run, Run, Policy], dice: random.Random) -> None:
    candidate, baseline, by = case

    def shuffled(rows: Rows) -> Rows:
        return tuple(dice.sample(rows, len(rows)))

    again = verdict(with_rows(candidate, shuffled), with_rows(baseline, shuffled), by)
    seen = [(each.id, each.status, each.comparison) for each in verdict(candidate, baseline, by).findings]
    assert [(each.id, each.status, each.comparison) for each in again.findings] == seen


@settings(max_examples=60, deadline=None)
@given(SEEDS, COUNTS, RATIOS, NOISES, st.integers(-6, 6))
def test_another_scale_changes_no_word(seed: int, count: int, ratio: float, noise: float, power: int) -> None:
    """Values of a unit that is no time: there is no floor, and the word must not depend on the size of the numbers."""
    before, after = latencies(seed, count, noise=noise), latencies(seed + 1, count, ratio=ratio, noise=noise)

    def said(scale: float) -> str:
        new, old = (timed([value * scale for value in side], unit="MB") for side in (after, before))
        return finding(verdict(*beside([new], [old]), policy(timed=True)), "health/latency").status

    assert said(1.0) == said(10.0**power)


@settings(max_examples=40, deadline=None)
@given(SEEDS, COUNTS, RATIOS, NOISES)
def test_swapping_the_sides_only_turns_the_direction(seed: int, count: int, ratio: float, noise: float) -> None:
    before, after = latencies(seed, count, noise=noise), latencies(seed + 1, count, ratio=ratio, noise=noise)
    there, back = (
        timing(after, before, floor={"default": 0}),
        timing(before, after, floor={"default": 0}),
    )
    turned = {"regressed": "improved", "improved": "regressed"}
    for one, other in ((there, back), (back, there)):
        assert turned.get(one.status, other.status) == other.status
    if there.comparison and back.comparison and there.comparison.ratio and back.comparison.ratio:
        same_look = there.comparison.pairs == back.comparison.pairs
        assert not same_look or abs(there.comparison.ratio * back.comparison.ratio - 1) < 1e-4


@settings(max_examples=30, deadline=None)
@given(cases())
def test_the_same_inputs_give_the_same_bytes_and_a_green_verdict_is_explained(case: tuple[Run, Run, Policy]) -> None:
    first = verdict(*case)
    assert first.to_json() == verdict(*case).to_json()
    assert first.rules
    assert len({each.id for each in first.findings}) == len(first.findings)
    for each in first.findings:
        assert each.status != "not measured" or (each.reason and each.remedy), each
    held = {each.status for each in first.findings if each.severity != "info"}
    assert first.verdict not in GREEN or not held & {"regressed", "broken", "not measured"}
