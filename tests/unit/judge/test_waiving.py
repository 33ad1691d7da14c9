"""What was accepted by comment: it covers what is as bad as it was, and never hides what is worse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge import extent, judge, refusal, watch, with_accepted
from bot.judge.policy import Policy
from bot.judge.suite import Suite, blocks
from bot.judge.waiving import covers
from bot.judge.weighing import errors
from bot.model import Finding, Observation, Run, Verdict, Waiver
from tests.unit.judge.cases import FEW, beside, finding, latencies, policy, timed, verdict
from tests.unit.samples import check, observation, run, subject

COUNT = 220


def accepting(judged: Verdict, baseline: Run | None, *names: str, until: str | None = None) -> tuple[Waiver, ...]:
    """What the bot makes of `accept`."""
    return tuple(
        Waiver(
            finding=name,
            by="ana",
            reason="known",
            until=until,
            source="https://example.invalid/1",
            extent=extent(finding(judged, name), baseline),
        )
        for name in names
    )


def slower(
    ratio: float, seed: int = 1, *, accepted: tuple[Waiver, ...] = (), against: str = "chat-1"
) -> tuple[Run, Run]:
    candidate, baseline = beside([timed(latencies(seed, COUNT, ratio=ratio))], [timed(latencies(seed + 50, COUNT))])
    baseline = baseline.model_copy(update={"subject": baseline.subject.model_copy(update={"revision": against})})
    return candidate.model_copy(update={"accepted": accepted}), baseline


def rules() -> Policy:
    return policy(timed=True, rounds=COUNT)


def accepted_at(ratio: float) -> tuple[Waiver, ...]:
    candidate, baseline = slower(ratio)
    return accepting(verdict(candidate, baseline, rules()), baseline, "health/latency")


def test_a_series_that_is_as_slow_as_it_was_accepted_is_covered() -> None:
    (waiver,) = accepted_at(1.3)
    known = waiver.extent
    assert known is not None
    assert known.worst is not None
    assert (known.against, known.better) == ("chat-1", "lower")
    assert 1.25 < known.worst < 1.5

    judged = verdict(*slower(1.3, seed=2, accepted=(waiver,)), rules())

    found = finding(judged, "health/latency")
    assert (found.status, found.waiver, judged.verdict) == ("regressed", waiver, "stable")
    assert judged.waivers == (waiver,)


def test_a_series_that_is_slower_than_that_is_not_hidden() -> None:
    judged = verdict(*slower(1.8, seed=2, accepted=accepted_at(1.3)), rules())
    assert (finding(judged, "health/latency").waiver, judged.verdict) == (None, "unstable")
    assert any("what was accepted of health/latency does not cover it" in rule for rule in judged.rules)


def test_a_ratio_to_another_revision_is_another_thing() -> None:
    """Accepted at +30 %, and that is the baseline now: another +20 % would make +56 %."""
    judged = verdict(*slower(1.2, seed=2, accepted=accepted_at(1.3), against="chat-1b"), rules())
    assert judged.verdict == "unstable"


def test_a_ratio_to_another_revision_counts_while_measuring_too() -> None:
    waivers = accepted_at(1.3)
    for name, counts in (("chat-1", False), ("chat-1b", True)):
        _, baseline = slower(1.2, against=name)
        assert blocks(with_accepted(rules(), waivers, baseline), ("health", "latency")) == counts


@settings(max_examples=25, deadline=None)
@given(st.floats(1.15, 3), st.floats(1.15, 3), st.integers(3, 40))
def test_it_covers_just_what_its_interval_held(accepted: float, later: float, seed: int) -> None:
    waivers = accepted_at(accepted)
    judged = verdict(*slower(later, seed=seed, accepted=waivers), rules())
    found = finding(judged, "health/latency")
    assert found.comparison is not None
    assert found.comparison.ratio is not None
    assert waivers[0].extent is not None
    assert waivers[0].extent.worst is not None
    assert (found.waiver is not None) == (found.comparison.ratio <= waivers[0].extent.worst)
    assert (judged.verdict == "stable") == (found.waiver is not None)


@pytest.mark.parametrize(("later", "stops"), [(1.3, False), (1.9, True)])
def test_measuring_goes_on_beside_what_is_covered_and_stops_at_what_is_worse(later: float, stops: bool) -> None:
    (waiver,) = accepted_at(1.3)
    other = latencies(9, COUNT, noise=0.6), latencies(10, COUNT, noise=0.6)
    candidate, baseline = slower(later, seed=2)
    by = with_accepted(policy("health", "other", timed=True, rounds=COUNT, **FEW), (waiver,), baseline)
    new = {("health", "latency"): candidate.observations[0].series[0], ("other", "latency"): timed(other[0]).series[0]}
    old = {("health", "latency"): baseline.observations[0].series[0], ("other", "latency"): timed(other[1]).series[0]}

    def first(count: int, of: dict[tuple[str, str], object]) -> dict[tuple[str, str], object]:
        return {key: each.model_copy(update={"samples": each.samples[:count]}) for key, each in of.items()}  # type: ignore[attr-defined]

    asked = watch(by)
    seen = [asked(first(count, new), first(count, old)) for count in range(20, 60, 4)]  # type: ignore[arg-type]

    assert any(("health", "latency") in each.decided for each in seen)
    early = [each for each in seen if each.stop and len(each.decided) < 2]
    assert bool(early) == stops


def test_what_stopped_the_session_is_what_the_judge_says_too() -> None:
    """The watch and the judge weigh the same rounds, and take the same ratio of the same look."""
    (waiver,) = accepted_at(1.3)
    for seed in range(3, 9):
        candidate, baseline = slower(1.35, seed=seed, accepted=(waiver,))
        by = with_accepted(rules(), (waiver,), baseline)
        new = {("health", "latency"): candidate.observations[0].series[0]}
        old = {("health", "latency"): baseline.observations[0].series[0]}
        suite = Suite(by)
        suite.update(("health", "latency"), new["health", "latency"], old["health", "latency"])
        seen = suite.settle(errors(by, 1)).middle["health", "latency"]
        covered = finding(verdict(candidate, baseline, rules()), "health/latency").waiver is not None
        assert blocks(by, ("health", "latency"), seen=seen) == (not covered)


def failing(actual: str = "500", **changes: object) -> Observation:
    return observation(state="broken", checks=(check(ok=False, actual=actual, **changes),))


def judged_with(candidate: Observation, before: Observation, accepted: tuple[Waiver, ...]) -> Verdict:
    new = run(candidate, accepted=accepted)
    return verdict(new, run(before, subject=subject("chat-1")))


def accepted_check(candidate: Observation | None = None) -> tuple[Waiver, ...]:
    baseline = run(subject=subject("chat-1"))
    return accepting(verdict(run(candidate or failing()), baseline), baseline, "health/status")


def test_a_check_that_fails_in_the_same_way_is_covered() -> None:
    assert judged_with(failing(), observation(), accepted_check()).verdict == "stable"


def test_a_check_that_fails_in_the_same_way_on_both_sides_is_covered_too() -> None:
    """What was accepted became the baseline: the next run calls it broken, and nothing is worse."""
    judged = judged_with(failing(), failing(), accepted_check())
    assert (finding(judged, "health/status").status, judged.verdict) == ("broken", "stable")


@pytest.mark.parametrize(
    ("candidate", "before"),
    [
        (failing("503"), observation()),  # another answer
        (failing(expected="201"), observation()),  # another expectation
        (failing(), failing("404")),  # broken, and the baseline shows another thing
    ],
)
def test_a_check_that_fails_in_another_way_is_not(candidate: Observation, before: Observation) -> None:
    assert judged_with(candidate, before, accepted_check()).verdict == "unstable"


def test_a_share_of_failures_is_covered_up_to_what_could_be_thought_then() -> None:
    def tried(failures: int) -> Observation:
        return failing(tries=20, failures=failures)

    before = observation(checks=(check(tries=20, failures=0),))
    baseline = run(before, subject=subject("chat-1"))
    accepted = accepting(verdict(run(tried(10)), baseline), baseline, "health/status")
    assert judged_with(tried(12), before, accepted).verdict == "stable"
    assert judged_with(tried(18), before, accepted).verdict == "unstable"


def test_a_finding_without_words_is_covered_only_where_it_was_seen() -> None:
    """More differences than are listed: nobody can say that the next ones are the same."""
    listed = Finding(
        id="a/b and more", probe="a", item="b and more", kind="fact", title="", status="regressed", severity="major"
    )
    one, other = (listed.model_copy(update={"observed": (name,)}) for name in ("sha256:1", "sha256:2"))
    waiver = Waiver(finding=listed.id, by="ana", reason="x", extent=extent(one, None))
    assert covers(waiver, one, None)
    assert not covers(waiver, other, None)


def test_a_severity_that_has_grown_is_not_covered() -> None:
    baseline = run(subject=subject("chat-1"))
    minor = policy(severity="minor")
    accepted = accepting(judge(run(failing()), baseline, minor, "sha256:0"), baseline, "health/status")
    assert verdict(run(failing(), accepted=accepted), baseline, policy(severity="critical")).verdict == "unstable"


def test_what_was_accepted_expires_with_its_day_and_that_is_said() -> None:
    baseline = run(subject=subject("chat-1"))
    accepted = accepting(verdict(run(failing()), baseline), baseline, "health/status", until="2026-01-01")
    judged = verdict(run(failing(), accepted=accepted), baseline)
    assert (judged.verdict, judged.waivers) == ("unstable", ())
    assert "the waiver of health/status expired on 2026-01-01" in judged.rules


@pytest.mark.parametrize("name", ["deploy", "rollback", "baseline"])
def test_the_bots_own_acts_are_not_for_accepting(name: str) -> None:
    judged = verdict(run(observation(name, kind=name, state="broken", checks=(check(ok=False),)), observation()))
    assert "own acts" in str(refusal(finding(judged, f"{name}/status")))


def test_what_was_not_measured_is_not_for_accepting() -> None:
    judged = verdict(run(observation(state="not measured", reason="why", checks=())))
    found = finding(judged, "health/probe")
    assert "nobody can say what would be accepted" in str(refusal(found))
    with pytest.raises(ValueError, match="not measured"):
        extent(found, None)


def test_a_waiver_never_makes_green_what_is_not_measured_by_now() -> None:
    accepted = accepted_check()
    lost = run(observation(state="not measured", reason="why", checks=()), accepted=accepted)
    assert verdict(lost, run(subject=subject("chat-1"))).verdict == "inconclusive"


def test_a_series_that_was_accepted_and_is_open_by_now_is_not_covered() -> None:
    """Its ratio is no worse than what was accepted; but nobody knows, and an acceptance is of what was known."""
    candidate, baseline = slower(1.3, accepted=accepted_at(1.3))
    noisy = timed(latencies(11, COUNT, noise=1.0)), timed(latencies(12, COUNT, noise=1.0))
    candidate = candidate.model_copy(update={"observations": (noisy[0],)})
    baseline = baseline.model_copy(update={"observations": (noisy[1],)})
    judged = verdict(candidate, baseline, rules())
    found = finding(judged, "health/latency")
    assert (found.status, found.waiver, judged.verdict) == ("not measured", None, "inconclusive")
    assert found.comparison is not None
    assert found.comparison.ratio is not None
    assert found.comparison.ratio < 1.25


def test_what_was_rolled_back_is_not_called_stable_when_all_of_it_is_accepted() -> None:
    back = observation("rollback", kind="rollback", checks=(check("previous revision serves"), check("health")))
    judged = verdict(run(failing(), back, accepted=accepted_check()), run(subject=subject("chat-1")))
    assert (judged.verdict, judged.readiness) == ("inconclusive", "needs evidence")
    assert "does not serve until it is deployed again" in judged.rules[0]


def test_a_run_without_anything_accepted_keeps_its_bytes() -> None:
    assert b"accepted" not in run().to_json()
    (waiver,) = accepted_check()
    with_one = run(accepted=(waiver,))
    assert Run.from_json(with_one.to_json()) == with_one


@pytest.mark.parametrize(
    ("own", "name", "word"),
    [
        (observation("deploy", kind="deploy", checks=(check("ready", ok=False),)), "deploy/ready", "unstable"),
        (observation("rollback", kind="rollback", checks=(check("serves", ok=False),)), "rollback/serves", "unstable"),
        (
            observation("baseline", kind="baseline", state="not measured", reason="it cannot be read", checks=()),
            "baseline/probe",
            "inconclusive",
        ),
    ],
)
def test_no_waiver_of_the_spec_covers_the_bots_own_acts(own: Observation, name: str, word: str) -> None:
    waivers = (Waiver(finding=name, by="ana", reason="known"),)
    judged = judge(run(observation(), own), None, policy().model_copy(update={"waivers": waivers}), "sha256:0")
    assert finding(judged, name).waiver is None
    assert judged.verdict == word
