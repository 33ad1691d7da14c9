"""Sessions that add up: an inconclusive one leaves its odds to the next, and trying again is no way to get a pass."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baseline.resuming import carried_on, with_odds
from bot.baseline.store import with_provenance
from bot.judge.betting import log_capital
from bot.model import Carried, Odds, Run, Verdict
from tests.unit.judge.cases import beside, finding, latencies, policy, timed, verdict

BY = policy(timed=True, rounds=60)
SPEC = "sha256:0"


def session(seed: int, ratio: float, carried: Carried | None = None) -> tuple[Run, Run, Verdict]:
    """One session of the same two revisions: 60 rounds that are too noisy to decide alone."""
    new, old = latencies(seed, 60, ratio=ratio, noise=0.3), latencies(seed + 5000, 60, noise=0.3)
    candidate, baseline = beside([timed(new)], [timed(old)])
    candidate = candidate.model_copy(update={"carried": carried})
    return candidate, baseline, verdict(candidate, baseline, BY)


def left(candidate: Run, baseline: Run, judged: Verdict) -> Carried | None:
    return with_odds(candidate, baseline, judged).carried


def sessions(seed: int, ratio: float, most: int) -> list[str]:
    """The words of one session after the other, until one decides."""
    carried, words = None, []
    for number in range(most):
        made = session(1000 * seed + number, ratio, carried)
        words.append(finding(made[2], "health/latency").status)
        carried = left(*made)
        if carried is None:
            break
    return words


@given(st.lists(st.floats(0.001, 0.57), min_size=1, max_size=8), st.integers(0, 3))
def test_a_bet_wins_nothing_on_average_when_every_sign_is_a_fair_coin(sizes: list[float], lost: int) -> None:
    """Over all signs: what is won and lost adds up to one unit each; lost rounds take from it."""
    signs = itertools.product((-1, 1), repeat=len(sizes))
    capitals = [
        math.exp(log_capital([sign * size for sign, size in zip(each, sizes, strict=True)], lost, 0.57))
        for each in signs
    ]
    mean = math.fsum(capitals) / len(capitals)
    assert mean == pytest.approx(1, abs=1e-9) if not lost else mean < 1


def test_a_regression_that_one_session_cannot_show_is_shown_by_several() -> None:
    ended = [sessions(seed, 1.14, 12) for seed in range(8)]
    assert sum(words[0] == "not measured" for words in ended) >= 6
    assert sum(words[-1] == "regressed" for words in ended) >= 7


def test_what_is_no_worse_is_found_fine_in_the_end() -> None:
    ended = [sessions(seed, 0.97, 12) for seed in range(6)]
    assert sum(words[-1] in ("maintained", "improved") for words in ended) >= 5


def test_trying_again_and_again_is_no_way_to_a_regression_nor_to_a_pass() -> None:
    """At the margin, and at the budget, ten sessions in a row err no more often than is said (nominal 10 %)."""
    slow = [sessions(100 + seed, 1.02, 10)[-1] == "regressed" for seed in range(40)]
    fine = [sessions(200 + seed, 1.10, 10)[-1] in ("maintained", "improved") for seed in range(40)]
    assert sum(slow) <= 8
    assert sum(fine) <= 8


def test_a_word_of_several_sessions_says_so_and_shows_no_interval_of_one() -> None:
    carried = Carried(against="chat-1", spec=SPEC, sessions=3, series={"health/latency": Odds(worse=9.0, fine=-5.0)})
    candidate, baseline, judged = session(1, 1.1, carried)
    found = finding(judged, "health/latency")
    assert (found.status, judged.verdict) == ("regressed", "unstable")
    assert found.comparison is not None
    assert (found.comparison.sessions, found.comparison.low) == (4, None)
    assert found.reason is not None
    assert "4 sessions together" in found.reason
    assert left(candidate, baseline, judged) is None


@pytest.mark.parametrize("change", [{"against": "another"}, {"spec": "sha256:1"}, {"series": {}}])
def test_odds_of_anything_else_count_for_nothing(change: dict[str, object]) -> None:
    odds = {"health/latency": Odds(worse=50.0, fine=50.0)}
    carried = Carried(against="chat-1", spec=SPEC, sessions=1, series=odds)
    known = finding(session(1, 1.0)[2], "health/latency").status
    assert finding(session(1, 1.0, carried.model_copy(update=change))[2], "health/latency").status == known


def test_only_an_inconclusive_run_of_the_same_commit_is_taken_up() -> None:
    candidate, baseline, judged = session(1, 1.06)
    assert judged.verdict == "inconclusive"
    subject = candidate.subject.model_copy(update={"commit": "c" * 40})
    kept = with_provenance(
        with_odds(candidate.model_copy(update={"subject": subject}), baseline, judged), "last", judged.verdict
    )
    assert kept.carried is not None
    assert kept.carried.sessions == 1
    assert carried_on(kept, "c" * 40, "chat-1", SPEC) == kept.carried
    assert carried_on(kept, "d" * 40, "chat-1", SPEC) is None
    assert carried_on(kept, "c" * 40, "chat-0", SPEC) is None
    assert carried_on(kept, "c" * 40, "chat-1", "sha256:1") is None
    assert carried_on(kept, None, "chat-1", SPEC) is None
    assert carried_on(None, "c" * 40, "chat-1", SPEC) is None
    stable = kept.provenance and kept.provenance.model_copy(update={"verdict": "stable"})
    assert carried_on(kept.model_copy(update={"provenance": stable}), "c" * 40, "chat-1", SPEC) is None


def test_losing_rounds_never_helps_a_resumed_session() -> None:
    carried = Carried(against="chat-1", spec=SPEC, sessions=1, series={"health/latency": Odds(worse=0.0, fine=2.9)})
    dice = random.Random(4)
    for seed in range(5):
        candidate, baseline, _ = session(seed, 1.0, carried)
        seen = candidate.observations[0]
        slow = sorted(seen.series[0].samples, key=lambda row: float(row[1] or 0))[30:]
        rest = tuple(row for row in seen.series[0].samples if row not in slow or dice.random() < 0.2)
        thin = seen.series[0].model_copy(update={"samples": rest})
        less = candidate.model_copy(update={"observations": (seen.model_copy(update={"series": (thin,)}),)})
        assert finding(verdict(less, baseline, BY), "health/latency").status not in ("maintained", "improved")
