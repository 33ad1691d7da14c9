"""From findings to one word, with the rules that fired; waivers; and the bot's own acts."""

import pytest
from pydantic import ValidationError

from bot.judge.policy import Policy
from bot.model import Waiver
from bot.model.errors import UsageError
from tests.unit.judge.cases import beside, expected, finding, latencies, policy, stored, timed, verdict
from tests.unit.samples import check, observation, run, subject

BROKEN = observation(state="broken", checks=(check(ok=False),))


def waiver(name: str = "health/status", until: str | None = None) -> Waiver:
    return Waiver(finding=name, by="ana", reason="known, mended next week", until=until)


@pytest.mark.parametrize(
    ("severity", "word", "risk", "readiness"),
    [
        ("critical", "unstable", "critical", "rejected"),
        ("major", "unstable", "high", "rejected"),
        ("minor", "stable", "low", "approved with warnings"),
        ("info", "stable", "low", "approved with warnings"),
    ],
)
def test_what_is_broken_weighs_as_much_as_its_probe(severity: str, word: str, risk: str, readiness: str) -> None:
    judged = verdict(*beside([BROKEN], [observation()]), policy(severity=severity))
    assert (judged.verdict, judged.risk, judged.readiness) == (word, risk, readiness)


@pytest.mark.parametrize("severity", ["critical", "major", "minor", "info"])
def test_what_was_not_measured_is_never_green_however_little_it_weighs(severity: str) -> None:
    seen = observation(state="not measured", reason="no time", checks=())
    assert verdict(*beside([seen], [observation()]), policy(severity=severity)).verdict == "inconclusive"


def test_all_well_is_approved_at_minimal_risk() -> None:
    judged = verdict(*beside([observation()], [observation()]))
    assert (judged.verdict, judged.risk, judged.readiness) == ("stable", "minimal", "approved")


def test_what_is_broken_goes_before_what_was_not_measured_and_both_are_said() -> None:
    unseen = observation("other", state="not measured", reason="no time", checks=())
    judged = verdict(*beside([unseen, BROKEN], [observation()]), policy("other", "health"))
    assert judged.verdict == "unstable"
    assert [each.id for each in judged.findings] == ["health/status", "other/probe"]
    assert "health/status" in judged.rules[0]
    assert "other/probe" in judged.rules[1]


def test_a_waived_finding_keeps_its_status_and_does_not_count() -> None:
    judged = verdict(*beside([BROKEN], [observation()]), policy(waivers=(waiver(),)))
    found = finding(judged, "health/status")
    assert (found.status, found.waiver) == ("regressed", waiver())
    assert (judged.verdict, judged.readiness, judged.waivers) == ("stable", "approved with warnings", (waiver(),))
    assert any("waived" in rule for rule in judged.rules)


def test_an_expired_waiver_is_said_to_have_expired() -> None:
    judged = verdict(*beside([BROKEN], [observation()]), policy(waivers=(waiver(until="2026-01-01"),)))
    assert (judged.verdict, judged.waivers) == ("unstable", ())
    assert "the waiver of health/status expired on 2026-01-01" in judged.rules


def test_waiving_all_that_was_not_measured_leaves_nothing_measured() -> None:
    unseen = observation(state="not measured", reason="no time", checks=())
    assert verdict(run(unseen), run(), policy(waivers=(waiver("health/probe"),))).verdict == "inconclusive"


@pytest.mark.parametrize("act", ["deploy", "rollback"])
def test_the_bots_own_acts_cannot_be_waived(act: str) -> None:
    failed = observation(act, kind=act, state="broken", checks=(check("ready", ok=False),))
    judged = verdict(*beside([failed, observation()], [observation()]), policy(waivers=(waiver(f"{act}/ready"),)))
    assert judged.verdict == "unstable"


def test_a_rollback_with_nothing_to_roll_back_to_is_said_and_blocks_nothing_more() -> None:
    nothing = observation("rollback", kind="rollback", state="not measured", reason="no previous revision", checks=())
    judged = verdict(*beside([observation(), nothing], [observation()]))
    assert finding(judged, "rollback/probe").severity == "info"
    assert judged.verdict == "stable"


def test_an_earlier_runs_rollback_is_not_compared_with() -> None:
    held = observation("rollback", kind="rollback", checks=(check("health"),))
    judged = verdict(*beside([BROKEN, held], [observation(), held]))
    assert finding(judged, "rollback/health").status == "new"


@pytest.mark.parametrize("name", ["deploy", "rollback", "baseline"])
def test_no_probe_may_have_the_name_of_the_bots_own(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Policy(probes=expected(name))


@pytest.mark.parametrize(
    "section",
    [
        {"budget": {"latency": "2%"}},
        {"margin": "10%"},
        {"budget": {"nobody/latency": "20%"}},
        {"failures": {"latency": "lots"}},
        {"floor": {"latency": "1 parsec"}},
        {"confidence": "30%"},
        {"unknown": 1},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        policy(**section)


def test_a_budget_for_a_series_that_no_run_has_is_pointed_out() -> None:
    judged = verdict(*beside([observation()], [observation()]), policy(budget={"latecy": "20%"}))
    assert any("latecy" in rule for rule in judged.rules)


def test_what_differs_between_the_two_runs_is_said() -> None:
    new, old = stored([observation()], [observation()], spec="sha256:1")
    old = old.model_copy(update={"subject": old.subject.model_copy(update={"environment": "production"})})
    said = " ".join(verdict(new, old).rules)
    assert "the spec has changed" in said
    assert "production" in said


def test_the_baseline_of_another_service_is_refused() -> None:
    with pytest.raises(UsageError, match="'shop'"):
        verdict(run(), run(subject=subject(service="shop")))


def test_a_minor_series_that_regressed_leaves_no_other_undecided_in_silence() -> None:
    worse, noisy = timed(latencies(1, 40, ratio=2), "a"), timed(latencies(3, 40, noise=0.9), "b")
    old = [timed(latencies(2, 40), "a"), timed(latencies(4, 40, noise=0.9), "b")]
    judged = verdict(*beside([worse, noisy], old), policy("a", "b", timed=True))
    assert (finding(judged, "a/latency").status, finding(judged, "b/latency").status) == ("regressed", "not measured")
    assert "ends it early" in (finding(judged, "b/latency").reason or "")


def test_two_findings_never_share_an_id() -> None:
    seen = observation(checks=(check("latency"),), series=timed(latencies(1, 60)).series)
    judged = verdict(*beside([seen], [seen]), policy(timed=True))
    assert {"health/latency", "health/latency (series 2)"} <= {each.id for each in judged.findings}
