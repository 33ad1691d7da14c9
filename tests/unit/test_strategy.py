"""What is done with a candidate follows from the strategy, the target's abilities and the verdict: all of it pure."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.deploy.target import Abilities
from bot.model import Finding, Inputs, Subject, Verdict, Waiver
from bot.strategy import SCHEMA, Strategy, by_hand, course, decide

ABLE = Abilities(shadow=True, splits=True)
SUBJECT = Subject(service="shop", environment="test", revision="shop-2", commit="c" * 40, url="http://127.0.0.1:1")


def verdict(word: str, *findings: Finding) -> Verdict:
    return Verdict.model_validate(
        {
            "verdict": word,
            "risk": "high",
            "readiness": "rejected",
            "rules": ("a rule",),
            "candidate": SUBJECT,
            "started": "2026-01-02T03:04:05.678Z",
            "finished": "2026-01-02T03:04:05.678Z",
            "findings": findings,
            "inputs": Inputs(candidate="sha256:1", spec="sha256:2"),
            "seed": 1,
        }
    )


def finding(status: str = "regressed", item: str = f"{SCHEMA} column gone", **changes: Any) -> Finding:
    given = {"id": f"schema/{item}", "probe": "schema", "item": item, "kind": "fact", "title": "Schema"}
    return Finding.model_validate({**given, "status": status, "severity": "major", **changes})


def test_the_default_is_shadow_and_all_at_once() -> None:
    found = course(Strategy(), ABLE, previous=True)

    assert (found.shadow, found.steps, found.remarks) == (True, (100,), ())


def test_direct_is_a_name_for_no_shadow_and_one_step() -> None:
    assert Strategy.model_validate("direct") == Strategy(shadow=False, promote=(100,))


@pytest.mark.parametrize("steps", [[], [10], [50, 10, 100], [0, 100], [10, 10, 100], [10, 101], [100, 100]])
def test_steps_that_do_not_rise_to_all_are_refused(steps: list[int]) -> None:
    with pytest.raises(ValidationError, match="rise from 1 at least to 100"):
        Strategy.model_validate({"promote": steps})


def test_a_drill_without_shadow_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs `shadow: true`"):
        Strategy.model_validate({"shadow": False, "rollback": "drill"})


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_nothing_is_asked_of_a_target_that_it_cannot_do(
    shadow: bool, splits: bool, moves: bool, wanted: bool, previous: bool
) -> None:
    strategy = Strategy(shadow=wanted, promote=(10, 50, 100))
    found = course(strategy, Abilities(shadow=shadow, splits=splits, moves=moves), previous=previous)

    assert found.shadow <= (wanted and shadow and previous and moves)
    assert found.steps == (100,) or (splits and found.shadow)
    assert found.steps[-1] == 100
    assert found.remarks or (found.shadow == wanted and found.steps == strategy.promote)
    assert found.lines


def test_two_revisions_of_one_name_are_not_given_shares_that_nobody_could_tell() -> None:
    strategy = Strategy(promote=(10, 50, 100))
    found = course(strategy, ABLE, previous=True, called="shop-1")

    assert found.steps == (100,)
    (remark,) = found.remarks
    assert remark.startswith("both revisions are called shop-1, so whose answers they are at 10 % could not be told")
    assert course(Strategy(), ABLE, previous=True, called="shop-1").remarks == ()


def test_shares_that_nobody_can_measure_are_said_before_anything_is_done() -> None:
    strategy = Strategy(promote=(10, 100))
    (found,) = course(strategy, ABLE, previous=True, identified=False).remarks

    assert "the spec has no `identity`" in found
    assert course(Strategy(), ABLE, previous=True, identified=False).remarks == ()
    assert course(strategy, ABLE, previous=True).remarks == ()


words = st.sampled_from(["stable", "unstable", "inconclusive", "first run"])
rollbacks = st.sampled_from([*get_args(Strategy.model_fields["rollback"].annotation)])


@given(words, rollbacks, st.sampled_from([0, 10, 50, 100]))
def test_nothing_is_left_half_way_and_nothing_unproven_gets_users(word: str, rollback: Any, share: int) -> None:
    act = decide(Strategy(rollback=rollback), verdict(word), share).act

    if word == "unstable":
        assert act != "promote"
        assert act == "roll back" or share == 100
    if word in ("stable", "first run"):
        assert act == ("settle" if share == 100 else "promote")
    if word == "inconclusive":
        assert act == {0: "withhold", 100: "settle"}.get(share, "roll back")
    if 0 < share < 100:
        assert act in ("promote", "roll back")


def test_what_was_not_measured_among_users_is_no_reason_to_give_it_more() -> None:
    found = decide(Strategy(), verdict("inconclusive"), 10)

    assert (found.act, found.reason) == (
        "roll back",
        "not everything was measured among users, and no candidate keeps a share on trust",
    )


@given(rollbacks, st.sampled_from([0, 10, 100]))
def test_a_schema_that_the_previous_revision_cannot_live_with_freezes(rollback: Any, share: int) -> None:
    found = decide(Strategy(rollback=rollback), verdict("unstable", finding()), share)

    assert found.act == "freeze"
    assert "schema has changed" in (found.reason or "")


@pytest.mark.parametrize(
    "harmless",
    [
        finding("changed"),
        finding("maintained"),
        finding(item="response $.id"),
        finding(item=f"{SCHEMA}s"),
        finding(waiver=Waiver(finding="schema/x", by="ana", reason="known")),
    ],
)
def test_any_other_finding_rolls_back(harmless: Finding) -> None:
    assert decide(Strategy(), verdict("unstable", harmless), 100).act == "roll back"


def test_a_person_is_told_what_to_do() -> None:
    serving = SUBJECT.model_copy(update={"revision": "shop-1", "commit": "d" * 40})

    assert f"to give it back to shop-1: stability-proof run --commit {'d' * 40}" in by_hand(SUBJECT, serving)
    assert "deploy it again" in by_hand(SUBJECT, serving.model_copy(update={"commit": None}))
    assert "there is no previous revision" in by_hand(SUBJECT, None)


def test_what_the_platform_reads_back_is_kept_with_the_subject() -> None:
    from bot.composing import read_back
    from bot.safety.redact import Redactor
    from tests.unit.samples import run

    described: dict[str, Any] = {
        "image": "shop@sha256:1",
        "limit": 2,
        "labels": {"a": "b"},
        "said": "hunter-two-hunter",
    }
    found = read_back(run(), described, Redactor(["hunter-two-hunter"])).subject

    assert found.image == "shop@sha256:1"
    assert found.identity["platform"] == {"image": "shop@sha256:1", "limit": 2, "said": "[redacted]"}
    assert read_back(run(), {}, Redactor()) == run()
