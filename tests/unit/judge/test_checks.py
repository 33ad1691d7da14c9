"""A check held or did not, now and before: what the judge makes of it."""

import pytest

from bot.model import Observation
from tests.unit.judge.cases import beside, finding, policy, stored, verdict
from tests.unit.samples import check, observation, run


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
