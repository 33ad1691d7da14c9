"""What is said of a rollout watch: lost requests, shares that are not what they should be, sockets that are not back."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.judge import judge
from bot.judge.basis import Basis
from bot.judge.facts.rollout.findings import findings
from bot.judge.facts.rollout.form import ERROR
from bot.judge.facts.rollout.read_back import read_back
from bot.judge.facts.rollout.traffic import answers_needed, at_most
from bot.judge.policy import Expected, Policy
from bot.model import Fact, Finding, Observation
from tests.unit.samples import check, observation, run

CANDIDATE = "shop-2"
NAMELESS = "the spec has no `identity`"
OWN = Expected(kind="rollout", title="Rollout", severity="critical")


def phase(name: str, share: int | None, candidate: int = 0, others: int = 0, lost: int = 0) -> dict[str, Any]:
    """A part of the time; every answer names its revision."""
    sent = candidate + others + lost
    named = {"shop-1": others} if others else {}
    return {"name": name, "share": share, "sent": sent, "lost": lost, "candidate": candidate, "others": named}


def sockets(**changes: Any) -> dict[str, Any]:
    """Twenty sockets that stayed open, but for the changes."""
    given = {"what": "/ws", "count": 20, "open_before": 20, "open_after": 20, "why_not": None}
    return {**given, "signed_in_again": 0, "within_ms": 5000, "closed": [], **changes}


def judged(phases: list[dict[str, Any]], **changes: Any) -> dict[str, Finding]:
    """The findings on one watch, by their items."""
    requests = {
        "what": "GET /health",
        "allowed": 0,
        "ours": 0,
        "gap_ms": 0.0,
        "lost_by": [],
        **changes.pop("requests", {}),
    }
    value = {"candidate": CANDIDATE, "nameless": None, "severity": "major", "requests": requests, "phases": phases}
    fact = Fact(id="promotion", kind="rollout", value={**value, "sockets": None, **changes})
    seen = Observation(probe="rollout", kind="rollout", title="Rollout", state="measured", facts=(fact,))
    return {each.item.removeprefix("promotion: "): each for each in findings(Basis("rollout", OWN, seen, None), fact)}


SMOOTH = [phase("before", 0, others=50), phase("100 %", None, 5, 5), phase("100 %", 100, candidate=150)]


def test_nothing_lost_is_said_with_its_numbers() -> None:
    found = judged(SMOOTH)

    assert found["requests"].status == "maintained"
    assert found["requests"].after == "0 of 210 requests failed; longest gap 0 ms"
    assert found["traffic at before"].after == "all 50 answers came from shop-1"
    assert found["traffic at 100 %"].after == "all 150 answers came from shop-2"


@pytest.mark.parametrize(("allowed", "status"), [(0, "broken"), (2, "broken"), (3, "changed")])
def test_lost_requests_are_held_against_what_is_allowed(allowed: int, status: str) -> None:
    moving = phase("100 %", None, 5, 2, lost=3)
    asked = {"allowed": allowed, "gap_ms": 61.2, "lost_by": [["closed", 3]]}
    found = judged([SMOOTH[0], moving, SMOOTH[2]], requests=asked)["requests"]

    assert found.status == status
    assert found.after == "3 of 210 requests failed; longest gap 61 ms"
    assert found.reason == "lost by closed (3 times)"


@pytest.mark.parametrize(("after", "status"), [(0, "improved"), (4, "changed")])
def test_what_failed_before_is_not_the_rollouts_fault(after: int, status: str) -> None:
    found = judged([phase("before", 0, lost=50), phase("100 %", None, lost=4), phase("100 %", 100, 100, lost=after)])

    assert found["requests"].status == status


def test_what_fails_as_often_as_before_is_no_reason_to_go_back() -> None:
    flaky = [phase("before", 0, others=49, lost=1), phase("100 %", None, 5, 5), phase("100 %", 100, 98, lost=2)]
    found = judged(flaky)["requests"]

    assert (found.status, found.severity) == ("changed", "minor")
    assert "shown" not in (found.reason or "")


@pytest.mark.parametrize(("moving", "after"), [(500, 0), (10, 0), (0, 100)])
def test_one_request_lost_before_excuses_no_outage(moving: int, after: int) -> None:
    gone = [
        phase("before", 0, others=49, lost=1),
        phase("100 %", None, lost=moving),
        phase("100 %", 100, 50, lost=after),
    ]
    found = judged(gone)["requests"]

    assert found.status == "broken"
    assert "Fisher" in (found.reason or "")


def test_a_request_that_nobody_ever_answers_says_nothing() -> None:
    dead = [phase("before", 0, lost=50), phase("100 %", None, lost=10), phase("100 %", 100, lost=100)]

    assert judged(dead)["requests"].status == "not measured"


@pytest.mark.parametrize(("sent", "ours"), [(0, 0), (9, 0), (0, 400), (60, 400)])
def test_a_watch_that_was_not_there_when_it_mattered_says_nothing(sent: int, ours: int) -> None:
    blind = [phase("before", 0, others=50), phase("100 %", None), phase("100 %", 100, candidate=sent)]

    assert judged(blind, requests={"ours": ours})["requests"].status == "not measured"


def unnamed(share: int | None, candidate: int = 0, without: int = 0, others: int = 0) -> dict[str, Any]:
    """A part of the time in which some answers do not say whose they are."""
    part = phase("now" if share else "before", share, candidate, others)
    return {**part, "sent": part["sent"] + without, "unnamed": without}


@pytest.mark.parametrize(
    ("share", "candidate", "without", "status"),
    [(10, 25, 225, "maintained"), (10, 250, 0, "broken"), (100, 100, 0, "maintained"), (100, 10, 90, "broken")],
)
def test_a_revision_that_never_names_itself_is_told_from_one_that_does(
    share: int, candidate: int, without: int, status: str
) -> None:
    found = judged([unnamed(0, without=50), unnamed(share, candidate, without)])

    assert found["traffic at now"].status == status
    assert found["traffic at before"].status == "maintained"


@pytest.mark.parametrize("share", [10, 100])
def test_answers_that_name_nobody_are_not_left_out_of_a_share(share: int) -> None:
    found = judged([unnamed(0, others=50), unnamed(share, candidate=30, without=70)])["traffic at now"]

    assert found.status == "not measured"
    assert found.after == "30 of 100 answers name their revision"


@pytest.mark.parametrize(
    ("candidate", "others", "status"),
    [(15, 135, "maintained"), (0, 150, "broken"), (150, 0, "broken"), (6, 54, "not measured"), (0, 0, "not measured")],
)
def test_ten_percent_that_are_none_or_all_are_found(candidate: int, others: int, status: str) -> None:
    found = judged([SMOOTH[0], phase("10 %", 10, candidate, others), SMOOTH[2]])["traffic at 10 %"]

    assert found.status == status


@pytest.mark.parametrize("share", [0, 100])
def test_one_answer_of_another_is_found_where_there_should_be_none(share: int) -> None:
    found = judged([SMOOTH[0], phase("now", share, candidate=149 if share else 1, others=1 if share else 149)])

    assert found["traffic at now"].status == "broken"
    assert found["traffic at now"].after is not None
    assert "1 came from" in found["traffic at now"].after


def test_without_identity_a_share_is_not_measured_and_all_or_nothing_is_not_asked() -> None:
    nameless = {**phase("10 %", 10), "sent": 200}

    assert judged([{**phase("before", 0), "sent": 50}, nameless], nameless=NAMELESS)["traffic"].status == "not measured"
    assert {*judged([{**phase("before", 0), "sent": 50}], nameless=NAMELESS)} == {"requests"}


def test_answers_that_name_nobody_are_not_measured_where_identity_is_asked_for() -> None:
    found = judged([{**phase("before", 0), "sent": 50}, {**phase("100 %", 100), "sent": 50}])

    assert found["traffic"].status == "not measured"


ALIKE = "shop-1"


def alike(share: int | None, shared: int = 0, others: int = 0, candidate: int = 0) -> dict[str, Any]:
    """A part of the time in which answers bear a name that both revisions go by."""
    part = phase("now" if share else "before", share, candidate, 0)
    named = {"shop-0": others} if others else {}
    return {**part, "sent": shared + others + candidate, "others": named, "shared": {ALIKE: shared} if shared else {}}


def test_the_same_commit_once_more_is_said_and_is_no_remark() -> None:
    found = judged([alike(0, 50), alike(100, 150)], same_commit=True)

    assert {*found} == {"requests", "traffic"}
    assert (found["traffic"].status, found["traffic"].severity) == ("maintained", "info")
    assert found["traffic"].after == "all 200 answers came from shop-1"
    assert "both revisions go by that name" in (found["traffic"].reason or "")


def test_two_revisions_of_one_name_are_never_told_apart() -> None:
    found = judged([alike(0, 50), alike(100, 150)])["traffic"]

    assert (found.status, found.severity) == ("not measured", "major")
    assert found.reason == "both revisions go by the name shop-1, so whose answers they were is not known"
    assert found.remedy == "have `identity` name each revision by a name of its own"


@pytest.mark.parametrize("same", [True, False])
def test_a_share_of_two_revisions_of_one_name_is_not_measured(same: bool) -> None:
    found = judged([alike(0, 50), {**alike(10, 200), "name": "10 %"}], same_commit=same)

    assert found["traffic"].status == "not measured"


@pytest.mark.parametrize(("share", "others", "candidate"), [(100, 1, 0), (0, 0, 1)])
def test_a_third_revision_is_found_where_two_have_one_name(share: int, others: int, candidate: int) -> None:
    found = judged([alike(0, 50), {**alike(share, 149, others, candidate), "name": "now"}], same_commit=True)

    assert found["traffic at now"].status == "broken"
    assert found["traffic at now"].after in (
        "of 150 answers 149 came from shop-1, 1 came from shop-0",
        "of 150 answers 1 came from shop-2, 149 came from shop-1",
    )


def said(share: int, shares: dict[str, int], severity: str = "major") -> Finding:
    """What is found in the platform's word on the shares after a move."""
    value = {"candidate": CANDIDATE, "share": share, "shares": shares, "severity": severity}
    fact = Fact(id=f"read-back at {share} %", kind="read-back", value=value)
    seen = Observation(probe="rollout", kind="rollout", title="Rollout", state="measured", facts=(fact,))
    (found,) = read_back(Basis("rollout", OWN, seen, None), fact)
    return found


@pytest.mark.parametrize(
    ("share", "has", "status"),
    [
        (10, 0, "broken"),
        (10, 4, "broken"),
        (10, 100, "broken"),
        (10, 56, "broken"),
        (10, 10, "maintained"),
        (10, 33, "changed"),
        (10, 5, "changed"),
        (100, 100, "maintained"),
        (100, 99, "broken"),
        (100, 0, "broken"),
        (0, 0, "maintained"),
        (0, 1, "broken"),
    ],
)
def test_the_platforms_own_word_is_held_against_what_was_asked_of_it(share: int, has: int, status: str) -> None:
    found = said(share, {"shop-1": 100 - has, CANDIDATE: has})

    assert (found.id, found.status) == (f"rollout/read-back at {share} %", status)
    assert found.expected == f"{share} % for shop-2"


def test_a_revision_that_the_platform_does_not_name_has_nothing() -> None:
    found = said(10, {"shop-1": 100})

    assert (found.status, found.severity, found.after) == ("broken", "major", "shop-1 has 100 %")


def test_a_word_that_cannot_be_read_is_not_measured() -> None:
    (found,) = read_back(Basis("rollout", OWN, None, None), Fact(id="read-back", kind="read-back", value={}))

    assert found.status == "not measured"


@given(st.integers(1, 99))
def test_so_many_answers_as_are_needed_tell_a_share_from_none_and_from_all(share: int) -> None:
    needed = answers_needed(share)
    enough, fewer = (
        judged([SMOOTH[0], phase("now", share, 0, many)])["traffic at now"] for many in (needed, needed - 1)
    )

    assert enough.status == "broken" or share > 50  # then it is all that takes more answers
    assert needed < 1400
    if share <= 50:
        assert fewer.status == "not measured"


@pytest.mark.parametrize(
    ("changes", "status", "after"),
    [
        ({}, "maintained", "20 of 20 sockets stayed open"),
        (
            {"closed": [{"code": 1012, "times": 20, "back": 20, "slowest_ms": 310.2}]},
            "maintained",
            "20 of 20 sockets closed with 1012 and resumed within 310 ms",
        ),
        (
            {"closed": [{"code": 1006, "times": 20, "back": 20, "slowest_ms": 40.0}]},
            "changed",
            "20 of 20 sockets dropped without a close frame (1006) and resumed within 40 ms",
        ),
        (
            {"closed": [{"code": 1012, "times": 20, "back": 19, "slowest_ms": 40.0}], "open_after": 19},
            "broken",
            "20 of 20 sockets closed with 1012 and 19 resumed within 40 ms",
        ),
        (
            {"closed": [{"code": 1001, "times": 20, "back": 0, "slowest_ms": None}], "open_after": 0},
            "broken",
            "20 of 20 sockets closed with 1001, and none resumed",
        ),
        (
            {"closed": [{"code": 1012, "times": 20, "back": 20, "slowest_ms": 5001.0}]},
            "broken",
            "20 of 20 sockets closed with 1012 and resumed within 5,001 ms",
        ),
        ({"open_before": 0}, "improved", "20 of 20 sockets open"),
        ({"open_before": 0, "open_after": 0, "why_not": "refused"}, "not measured", None),
    ],
)
def test_sockets_are_to_be_open_again(changes: dict[str, Any], status: str, after: str | None) -> None:
    found = judged(SMOOTH, sockets=sockets(**changes))["sockets"]

    assert (found.status, found.after) == (status, after)


@pytest.mark.parametrize("value", [None, [], {}, {"phases": []}, "words"])
def test_what_cannot_be_read_is_not_measured(value: Any) -> None:
    fact = Fact(id="promotion", kind="rollout", value=value)
    (found,) = findings(Basis("rollout", OWN, None, None), fact)

    assert found.status == "not measured"


@given(st.integers(0, 300), st.integers(1, 300), st.floats(0.01, 0.99))
def test_the_tail_of_the_binomial_is_that_of_its_sum(count: int, of: int, share: float) -> None:
    exact = math.fsum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(min(count, of) + 1))

    assert at_most(count, of, share) == pytest.approx(min(1.0, exact), rel=1e-6, abs=1e-12)


@given(st.integers(1, 99), st.integers(200, 3000))
def test_a_share_that_is_spread_evenly_is_never_called_wrong(share: int, of: int) -> None:
    count = round(of * share / 100)
    low, high = share / 200, (100 + share) / 200

    assert min(at_most(count, of, low), at_most(of - count, of, 1 - high)) > ERROR or count == 0 or count == of


@given(st.lists(st.sampled_from(SMOOTH), min_size=1, max_size=6), st.integers(0, 3))
def test_a_request_that_was_lost_is_always_said(phases: list[dict[str, Any]], lost: int) -> None:
    with_loss = [*phases, phase("last", 100, candidate=100, lost=lost)]
    found = judged(with_loss)["requests"]

    assert (found.status == "broken") == (lost > 0)


def test_what_could_not_be_looked_at_once_there_were_users_is_no_green() -> None:
    missed = Fact(id="at 10 %: health", kind="unseen", value={"reason": "the runner lost its network"})
    seen = Observation(
        probe="rollout",
        kind="rollout",
        title="Rollout",
        state="measured",
        checks=(check("at 100 %: health"),),
        facts=(missed,),
    )
    rules = Policy(probes={"health": Expected(kind="http", title="Health", severity="critical")})

    without = judge(run(observation(), seen.model_copy(update={"facts": ()})), None, rules, "sha256:0")
    found = judge(run(observation(), seen), None, rules, "sha256:0")

    assert without.verdict == "first run"
    assert found.verdict == "inconclusive"
    (row,) = (each for each in found.findings if each.status == "not measured")
    assert (row.id, row.reason) == ("rollout/at 10 %: health", "the runner lost its network")
