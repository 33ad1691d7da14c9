"""A check held or did not, now and before: what the judge makes of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge.rates import unpaired_p
from bot.model import Check, Finding, Observation
from tests.unit.judge.cases import GREEN, beside, finding, policy, stored, verdict
from tests.unit.samples import check, observation, run

TALLIES = st.integers(1, 12).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries)))


def tallied(failures: int, tries: int) -> Check:
    """A check that failed so often."""
    return check(ok=failures == 0, failures=failures, tries=tries)


def judged(now: Check, before: Check | None) -> Finding:
    """The finding on a check, beside a baseline that has another one as well."""
    old = [observation(checks=(check("other"), *([before] if before else [])))]
    return finding(verdict(*beside([observation(checks=(now, check("other")))], old)), "health/status")


@pytest.mark.parametrize(
    ("now", "before", "status"),
    [
        (True, True, "maintained"),
        (True, False, "improved"),
        (False, True, "regressed"),
        (False, False, "broken"),
        (False, None, "broken"),
        (True, None, "new"),
    ],
)
def test_a_check_is_judged_by_what_it_is_and_what_it_was(now: bool, before: bool | None, status: str) -> None:
    new = observation(checks=(check(ok=now),))
    old = observation(checks=(check("other"), *(() if before is None else (check(ok=before),))))
    new = new.model_copy(update={"checks": (*new.checks, check("other"))})
    assert finding(verdict(*beside([new], [old])), "health/status").status == status


def test_a_broken_check_is_not_excused_by_having_been_broken() -> None:
    broken = observation(checks=(check(ok=False),))
    assert verdict(*beside([broken], [broken])).verdict == "unstable"


def test_a_check_made_twice_has_failed_if_it_failed_once() -> None:
    for first in (True, False):
        twice = observation(checks=(check(ok=first), check(ok=not first)))
        assert verdict(*beside([twice], [observation()])).verdict == "unstable"
        assert verdict(*beside([observation()], [twice])).verdict == "stable"


def test_a_check_that_was_not_reached_is_not_measured() -> None:
    new = observation(checks=(check("first", ok=True),), state="broken", reason="step 2: no answer")
    old = observation(checks=(check("first"), check("second")))
    found = finding(verdict(*beside([new], [old])), "health/second")
    assert (found.status, found.reason) == ("not measured", "it was not reached: step 2: no answer")


def test_a_check_that_is_lost_under_the_same_spec_is_not_measured() -> None:
    old = observation(checks=(check(), check("body")))
    judged = verdict(*beside([observation()], [old]))
    assert finding(judged, "health/body").status == "not measured"
    assert judged.verdict == "inconclusive"


def test_a_check_that_a_changed_spec_no_longer_asks_for_is_gone() -> None:
    old = observation(checks=(check(), check("body")))
    judged = verdict(*stored([observation()], [old], spec="sha256:1"))
    assert finding(judged, "health/body").status == "gone"
    assert judged.verdict == "stable"


def test_a_changed_spec_does_not_excuse_what_a_broken_probe_did_not_reach() -> None:
    old = observation(checks=(check(), check("body")))
    new = observation(state="broken", reason="no answer", checks=(check(ok=False),))
    judged = verdict(*stored([new], [old], spec="sha256:1"))
    assert finding(judged, "health/body").status == "not measured"


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (None, "the spec asks for it, and it was not observed"),
        (observation(state="not measured", reason="the bot ran out of time", checks=()), "the bot ran out of time"),
        (observation(checks=()), "it ran, and checked nothing"),
    ],
)
def test_an_expected_probe_that_says_nothing_is_not_measured(seen: Observation | None, reason: str) -> None:
    others = [observation("other"), *([seen] if seen else [])]
    judged = verdict(run(*others), run(observation("other"), observation()), policy("other", "health"))
    found = finding(judged, "health/probe")
    assert (found.status, found.reason) == ("not measured", reason)
    assert found.remedy
    assert judged.verdict == "inconclusive"


def test_a_broken_probe_without_a_failed_check_is_broken() -> None:
    judged = verdict(run(observation(state="broken", reason="the socket was closed", checks=())))
    found = finding(judged, "health/probe")
    assert (found.status, found.reason, judged.verdict) == ("broken", "the socket was closed", "unstable")


def test_a_probe_that_the_spec_dropped_is_shown_and_does_not_count() -> None:
    judged = verdict(*beside([observation()], [observation(), observation("old")]))
    found = finding(judged, "old/probe")
    assert (found.status, found.severity, judged.verdict) == ("gone", "info", "stable")


def test_two_observations_of_one_probe_are_none() -> None:
    judged = verdict(run(observation(), observation(checks=(check(ok=False),))))
    assert (finding(judged, "health/probe").status, judged.verdict) == ("not measured", "inconclusive")


def test_a_check_that_failed_every_time_and_held_every_time_before_has_regressed_for_certain() -> None:
    found = judged(tallied(3, 3), tallied(0, 3))
    assert (found.status, found.failures, found.tries) == ("regressed", 3, 3)
    assert found.reason == "failed 3 of 3; the revision before held 3 of 3"


def test_a_check_that_fails_now_and_then_is_never_fine() -> None:
    found = judged(tallied(2, 10), tallied(0, 10))
    assert (found.status, found.failures, found.tries) == ("not measured", 2, 10)
    assert found.reason == "failed 2 of 10, held the other times; before: 0 of 10 (exact p = 0.24)"
    assert found.remedy
    assert judged(tallied(2, 10), None).status == "not measured"
    assert judged(tallied(2, 10), check()).status == "not measured"


@pytest.mark.parametrize(
    ("now", "before", "status"),
    [
        ((7, 10), (0, 10), "regressed"),
        ((3, 10), (3, 10), "not measured"),
        ((10, 10), (10, 10), "broken"),
        ((10, 10), (5, 10), "broken"),
        ((10, 10), (2, 10), "regressed"),
        ((2, 2), (0, 2), "regressed"),
        ((0, 10), (2, 10), "improved"),
        ((0, 10), (0, 10), "maintained"),
    ],
)
def test_a_check_that_was_tried_often_is_judged_by_how_often_it_failed(
    now: tuple[int, int], before: tuple[int, int], status: str
) -> None:
    assert judged(tallied(*now), tallied(*before)).status == status


@settings(deadline=None)
@given(TALLIES, st.none() | TALLIES)
def test_counts_never_make_a_failure_green(now: tuple[int, int], before: tuple[int, int] | None) -> None:
    new, old = tallied(*now), tallied(*before) if before else None
    with_counts = judged(new, old)
    for bare in (new, new.model_copy(update={"tries": None, "failures": None})):
        for was in (old, old and old.model_copy(update={"tries": None, "failures": None})):
            word = verdict(*beside([observation(checks=(bare,))], [observation(checks=(was,) if was else ())])).verdict
            assert (word in GREEN) == new.ok or was is None
            assert not (word in GREEN and with_counts.status in ("broken", "regressed", "not measured"))


@settings(deadline=None)
@given(TALLIES, TALLIES)
def test_what_now_and_then_fails_has_regressed_just_when_the_exact_test_shows_it(
    now: tuple[int, int], before: tuple[int, int]
) -> None:
    if not 0 < now[0] < now[1]:
        return
    p = unpaired_p(*before, *now)
    assert judged(tallied(*now), tallied(*before)).status == ("regressed" if p <= 0.01 else "not measured")


def test_of_a_check_made_twice_the_worse_one_counts() -> None:
    for each in ((tallied(1, 10), tallied(10, 10)), (tallied(10, 10), tallied(1, 10))):
        found = finding(verdict(*beside([observation(checks=each)], [observation()])), "health/status")
        assert (found.status, found.failures) == ("regressed", 10)
