"""What the judge says of two runs, and that what was not measured is never green."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge import judge, watch
from bot.judge.policy import Expected, Policy, parse_share
from bot.model import Check, Fact, Observation, Provenance, Run, Series, Verdict, Waiver
from tests.finding import pick
from tests.unit.samples import TIME, check, observation, run, series, subject

GREEN = {"stable", "first run"}


def policy(*probes: str, **changes: Any) -> Policy:
    names = probes or ("health",)
    expected = {each: Expected(kind="http", title=each.title(), severity="critical") for each in names}
    return Policy.model_validate({"probes": expected, **changes})


def word(candidate: Run, baseline: Run | None = None, rules: Policy | None = None) -> str:
    return judge(candidate, baseline, rules or policy(), "sha256:0").verdict


def status(verdict: Verdict, name: str) -> str:
    return pick(verdict.findings, lambda each: each.id == name).status


def together(*observations: Observation, revision: str = "chat-2") -> Run:
    return run(*observations, subject=subject(revision, session="one"))


@pytest.mark.parametrize(
    ("now", "before", "said", "verdict"),
    [
        (True, True, "maintained", "stable"),
        (True, False, "improved", "stable"),
        (True, None, "new", "stable"),
        (False, True, "regressed", "unstable"),
        (False, False, "broken", "unstable"),
        (False, None, "broken", "unstable"),
        (None, True, "not measured", "inconclusive"),
        (None, False, "not measured", "inconclusive"),
    ],
)
def test_a_check_is_judged_by_what_it_is_and_was(
    now: bool | None, before: bool | None, said: str, verdict: str
) -> None:
    def seen(ok: bool | None) -> Observation:
        checks = [check("always")] + ([check("status", ok=ok)] if ok is not None else [])
        return observation(checks=tuple(checks), state="measured" if ok is not False else "broken")

    found = judge(run(seen(now)), run(seen(before)), policy(), "sha256:0")

    assert (status(found, "health/status"), found.verdict) == (said, verdict)


def test_without_a_baseline_what_holds_is_a_first_run() -> None:
    assert word(run()) == "first run"
    assert word(run(observation(state="broken", checks=(check(ok=False),)))) == "unstable"


def test_nothing_at_all_is_inconclusive() -> None:
    assert word(run(observations=()), run(observations=()), Policy()) == "inconclusive"
    assert word(run(observations=())) == "inconclusive"


@pytest.mark.parametrize(
    "seen",
    [
        observation(state="not measured", reason="no time", checks=()),
        observation(checks=()),
        observation(checks=(), series=(series([]),)),
    ],
    ids=["not measured", "checked nothing", "no samples"],
)
def test_a_probe_that_measured_nothing_is_never_green(seen: Observation) -> None:
    assert word(run(seen)) == "inconclusive"
    assert word(run(seen), run()) == "inconclusive"


def test_a_probe_that_is_gone_from_the_spec_is_shown_and_does_not_block() -> None:
    found = judge(run(), run(observation(), observation("old")), policy(), "sha256:0")

    assert (found.verdict, status(found, "old/probe")) == ("stable", "gone")


def test_a_timed_probe_without_a_sample_is_not_measured() -> None:
    timed = policy(probes={"health": Expected(kind="http", title="Health", severity="critical", timed=True)})

    assert word(run(), run(), timed) == "inconclusive"


def test_a_candidate_that_never_became_ready_is_unstable() -> None:
    deploy = observation("deploy", kind="deploy", state="broken", checks=(check("ready", ok=False),))

    assert word(run(deploy, observation())) == "unstable"


def test_a_failed_rollback_is_critical_and_the_first_finding() -> None:
    bad = observation(state="broken", checks=(check(ok=False),))
    failed = observation("rollback", kind="rollback", state="broken", checks=(check("health", ok=False),))

    found = judge(run(bad, failed), run(), policy(), "sha256:0")

    assert (found.verdict, found.risk) == ("unstable", "critical")
    assert (found.findings[0].probe, found.findings[0].severity) == ("rollback", "critical")


def test_a_rollback_that_held_does_not_make_it_greener() -> None:
    bad = observation(state="broken", checks=(check(ok=False),))
    held = observation("rollback", kind="rollback", checks=(check("health"),))

    assert word(run(bad, held), run()) == "unstable"


@pytest.mark.parametrize(("until", "verdict"), [(None, "stable"), ("2026-01-02", "stable"), ("2026-01-01", "unstable")])
def test_a_waiver_holds_until_its_day_is_over(until: str | None, verdict: str) -> None:
    bad = observation(state="broken", checks=(check(ok=False),))
    waiver = Waiver(finding="health/status", by="ana", reason="known", until=until)

    found = judge(run(bad), run(), policy(waivers=(waiver,)), "sha256:0")

    assert found.verdict == verdict
    assert status(found, "health/status") == "regressed"


def test_the_last_run_serves_while_there_is_no_good_one_and_is_said_to() -> None:
    kept = Provenance(reference="last", verdict="unstable", stored=TIME, digest="sha256:0")

    found = judge(run(), run(provenance=kept), policy(), "sha256:0")

    assert any("no last good run" in rule for rule in found.rules)


def noisy(count: int, factor: float, seed: int) -> tuple[Series, Series]:
    dice = random.Random(seed)
    shared = [dice.gauss(0, 0.1) for _ in range(count)]

    def one(times: float) -> Series:
        return series([100 * times * 2.718 ** (each + dice.gauss(0, 0.15)) for each in shared])

    return one(1.0), one(factor)


def compared(before: Series, after: Series, **changes: Any) -> Verdict:
    return judge(
        together(observation(series=(after,))),
        together(observation(series=(before,)), revision="chat-1"),
        policy(**changes),
        "sha256:0",
    )


@pytest.mark.parametrize(
    ("factor", "said"), [(1.5, "regressed"), (1.0, "maintained"), (0.6, "improved"), (1.06, "not measured")]
)
def test_a_series_is_shown_worse_shown_fine_or_open(factor: float, said: str) -> None:
    found = compared(*noisy(60 if said == "not measured" else 220, factor, 7))

    assert status(found, "health/latency") == said
    assert (found.verdict in GREEN) == (said in ("maintained", "improved"))


def test_what_is_open_says_how_many_more_pairs_would_decide() -> None:
    finding = pick(compared(*noisy(60, 1.06, 7)).findings, lambda each: each.kind == "series")

    assert finding.comparison is not None
    assert finding.comparison.more_pairs
    assert finding.remedy


def test_a_difference_below_the_floor_does_not_matter() -> None:
    before, after = noisy(60, 1.5, 3)

    assert status(compared(before, after, floor={"latency": "1s"}), "health/latency") == "maintained"


def test_a_stored_series_of_another_time_is_shown_and_not_green() -> None:
    before, after = noisy(60, 1.0, 3)
    found = judge(run(observation(series=(after,))), run(observation(series=(before,))), policy(), "sha256:0")

    assert (status(found, "health/latency"), found.verdict) == ("not measured", "inconclusive")


def test_one_number_is_shown_and_never_blocks() -> None:
    found = compared(series([100.0]), series([1000.0]))

    assert (status(found, "health/latency"), found.verdict) == ("changed", "stable")


def test_failures_that_only_the_candidate_has_are_seen() -> None:
    before, after = noisy(60, 1.0, 5)
    for failing, said in ((1, "not measured"), (10, "regressed"), (60, "regressed")):
        rows = tuple((n, None, 0, False) if n < failing else row for n, row in enumerate(after.samples))
        found = compared(before, after.model_copy(update={"samples": rows}))

        assert status(found, "health/latency failures") == said
        assert found.verdict not in GREEN


def test_a_lost_field_a_retyped_field_and_a_lost_event_are_regressions() -> None:
    def entry(*types: str, objects: int = 0) -> dict[str, Any]:
        return {"types": list(types), "seen": 1, "of": 1, "objects": objects}

    old = {"$": entry("object", objects=1), "$.id": entry("integer"), "$.at": entry("string"), "$.more": entry("null")}
    new = {
        "$": entry("object", objects=1),
        "$.id": entry("string"),
        "$.extra": entry("string"),
        "$.more": entry("string"),
    }

    def shape(paths: dict[str, Any]) -> Run:
        return run(observation(facts=(Fact(id="response", kind="json-shape", value={"status": 200, "paths": paths}),)))

    found = judge(shape(new), shape(old), policy(), "sha256:0")

    said = {each.item: each.status for each in found.findings if each.kind == "fact"}
    assert said == {
        "response $.at": "regressed",
        "response $.id": "regressed",
        "response $.extra": "changed",
        "response $.more": "changed",
    }


def runs(draw: st.DrawFn) -> tuple[Run, Run, Policy]:
    names = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True))
    sides = []
    for revision in ("chat-2", "chat-1"):
        seen = []
        for name in names:
            oks = draw(st.lists(st.booleans(), min_size=1, max_size=3))
            checks = tuple(check(f"c{n}", ok=ok or draw(st.booleans())) for n, ok in enumerate(oks))
            values = draw(
                st.sampled_from([[], noisy(30, 1.0, 1)[0].column("value"), noisy(30, 1.4, 2)[1].column("value")])
            )
            state = "measured" if all(each.ok for each in checks) else "broken"
            seen.append(observation(name, checks=checks, state=state, series=(series(values),) if values else ()))  # type: ignore[arg-type]
        sides.append(together(*seen, revision=revision))
    return sides[0], sides[1], policy(*names)


CASES = st.composite(runs)()


@settings(max_examples=60, deadline=None)
@given(CASES, st.randoms(use_true_random=False))
def test_taking_evidence_away_never_makes_a_verdict_green(case: tuple[Run, Run, Policy], dice: random.Random) -> None:
    candidate, baseline, rules = case
    if word(candidate, baseline, rules) in GREEN:
        return
    first, *rest = candidate.observations
    without_check = first.model_copy(update={"checks": first.checks[1:]})
    nulls = tuple(
        each.model_copy(update={"samples": tuple((row[0], None, row[2], False) for row in each.samples)})
        for each in first.series
    )
    worse = [
        candidate.model_copy(update={"observations": tuple(rest)}),
        candidate.model_copy(update={"observations": (first.model_copy(update={"series": nulls}), *rest)}),
        candidate.model_copy(update={"subject": candidate.subject.model_copy(update={"session": None})}),
    ]
    for each in worse:
        assert word(each, baseline, rules) not in GREEN
    if all(each.ok for each in without_check.checks[:1]) and first.checks[0].ok:
        assert word(candidate.model_copy(update={"observations": (without_check, *rest)}), baseline, rules) not in GREEN
    assert word(candidate, None, rules) != "stable"
    more = rules.model_copy(update={"probes": {**rules.probes, "zzz": next(iter(rules.probes.values()))}})
    assert word(candidate, baseline, more) not in GREEN


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_an_unmeasured_probe_takes_every_green_away(case: tuple[Run, Run, Policy]) -> None:
    candidate, baseline, rules = case
    more = rules.model_copy(update={"probes": {**rules.probes, "zzz": next(iter(rules.probes.values()))}})

    assert word(candidate, baseline, more) not in GREEN


@settings(max_examples=40, deadline=None)
@given(CASES, st.randoms(use_true_random=False))
def test_the_order_of_samples_and_the_same_inputs_change_nothing(
    case: tuple[Run, Run, Policy], dice: random.Random
) -> None:
    candidate, baseline, rules = case

    def shuffled(each: Run) -> Run:
        seen = []
        for one in each.observations:
            series_ = tuple(
                s.model_copy(update={"samples": tuple(dice.sample(s.samples, len(s.samples)))}) for s in one.series
            )
            seen.append(one.model_copy(update={"series": series_}))
        return each.model_copy(update={"observations": tuple(seen)})

    first = judge(candidate, baseline, rules, "sha256:0")
    again = judge(shuffled(candidate), shuffled(baseline), rules, "sha256:0")

    assert first.to_json() == judge(candidate, baseline, rules, "sha256:0").to_json()
    assert [(each.id, each.status) for each in first.findings] == [(each.id, each.status) for each in again.findings]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([("us", 1e3), ("ns", 1e6), ("s", 1e-3)]), st.floats(0.5, 2.0), st.integers(0, 99))
def test_the_unit_changes_no_word(unit: tuple[str, float], factor: float, seed: int) -> None:
    before, after = noisy(40, factor, seed)

    def scaled(each: Series) -> Series:
        rows = tuple((row[0], float(row[1] or 0) * unit[1], *row[2:]) for row in each.samples)
        return each.model_copy(update={"unit": unit[0], "samples": rows})

    plain, other = compared(before, after), compared(scaled(before), scaled(after))

    assert [each.status for each in plain.findings] == [each.status for each in other.findings]


@pytest.mark.parametrize("factor", [1.4, 1 / 1.4])
def test_swapping_the_sides_turns_the_direction(factor: float) -> None:
    before, after = noisy(80, factor, 11)
    said = {status(compared(before, after), "health/latency"), status(compared(after, before), "health/latency")}

    assert said == {"regressed", "improved"}


def test_higher_is_better_is_the_mirror() -> None:
    before, after = noisy(80, 1.4, 11)
    turned = [each.model_copy(update={"better": "higher"}) for each in (before, after)]

    assert status(compared(*turned), "health/latency") == "improved"
    assert status(compared(turned[1], turned[0]), "health/latency") == "regressed"


def test_false_alarms_and_misses_are_rare() -> None:
    """120 simulated suites of one series: nobody cries at A/A nor at the margin's edge, and +40 % is always found."""
    false = sum(
        status(compared(*noisy(40, factor, seed)), "health/latency") == "regressed"
        for factor in (1.0, 1.02)
        for seed in range(60)
    )
    found = sum(status(compared(*noisy(40, 1.4, seed)), "health/latency") == "regressed" for seed in range(60))

    assert false <= 6
    assert found == 60


def test_the_watch_stops_as_the_judge_decides() -> None:
    key = ("health", "latency")
    before, after = noisy(60, 1.5, 7)
    look = watch(policy())

    short = [each.model_copy(update={"samples": each.samples[:10]}) for each in (before, after)]
    assert look({key: short[1]}, {key: short[0]}) == (frozenset(), False)
    assert look({key: after}, {key: before}) == (frozenset({key}), True)


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), (0.1, 0.1), ("2.5%", 0.025), (0, 0.0)])
def test_a_share_is_read(text: object, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["ten", "-1%", "", None, "nan%", "inf", True])
def test_what_is_no_share_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="10%"):
        parse_share(text)


def test_a_row_names_the_observations_that_it_rests_on() -> None:
    candidate, baseline = run(), run(subject=subject("chat-1"))
    found = judge(candidate, baseline, policy(), "sha256:0")

    wanted = (candidate.observations[0].fingerprint(), baseline.observations[0].fingerprint())
    assert all(each.observed == wanted for each in found.findings)
    assert found.inputs.candidate == candidate.fingerprint()


def test_a_check_of_evidence_is_named() -> None:
    seen = observation(checks=(Check(id="a", ok=True, expected="", actual="", evidence="sha256:1"),))

    assert judge(run(seen), None, policy(), "x").findings[0].evidence == ("sha256:1",)
