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
SPEC, COMMIT = "sha256:0", "c" * 40
EARLIER = tuple(f"sha256:{number:064x}" for number in range(3))


def session(seed: int, ratio: float, carried: Carried | None = None) -> tuple[Run, Run, Verdict]:
    """One session of the same two revisions: 60 rounds that are too noisy to decide alone."""
    new, old = latencies(seed, 60, ratio=ratio, noise=0.3), latencies(seed + 5000, 60, noise=0.3)
    candidate, baseline = beside([timed(new)], [timed(old)])
    subject = candidate.subject.model_copy(update={"commit": COMMIT})
    candidate = candidate.model_copy(update={"carried": carried, "subject": subject})
    return candidate, baseline, verdict(candidate, baseline, BY)


def left(candidate: Run, baseline: Run, judged: Verdict) -> Carried | None:
    return carried_on(with_odds(candidate, baseline, judged), COMMIT, baseline.name, SPEC)


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
    carried = Carried(
        against="chat-1", spec=SPEC, earlier=EARLIER, series={"health/latency": Odds(worse=9.0, fine=-5.0)}
    )
    candidate, baseline, judged = session(1, 1.1, carried)
    found = finding(judged, "health/latency")
    assert (found.status, judged.verdict) == ("regressed", "unstable")
    assert found.comparison is not None
    assert (found.comparison.sessions, found.comparison.low) == (4, None)
    assert found.reason is not None
    assert "4 sessions together: the odds for it are " in found.reason
    assert "with 3 earlier sessions: sha256:000000000000, sha256:" in found.reason
    assert found.observed[-3:] == EARLIER
    assert left(candidate, baseline, judged) is None


@pytest.mark.parametrize("change", [{"against": "another"}, {"spec": "sha256:1"}, {"series": {}}])
def test_odds_of_anything_else_count_for_nothing(change: dict[str, object]) -> None:
    odds = {"health/latency": Odds(worse=50.0, fine=50.0)}
    carried = Carried(against="chat-1", spec=SPEC, earlier=EARLIER[:1], series=odds)
    known = finding(session(1, 1.0)[2], "health/latency").status
    assert finding(session(1, 1.0, carried.model_copy(update=change))[2], "health/latency").status == known


def test_only_an_inconclusive_run_of_the_same_commit_is_taken_up() -> None:
    candidate, baseline, judged = session(1, 1.06)
    assert judged.verdict == "inconclusive"
    kept = with_provenance(with_odds(candidate, baseline, judged), "last", judged.verdict)
    taken = carried_on(kept, COMMIT, "chat-1", SPEC)
    assert taken is not None
    assert (taken.sessions, taken.earlier) == (1, (judged.inputs.candidate,))
    assert Run.from_json(kept.to_json()) == kept
    assert carried_on(kept, "d" * 40, "chat-1", SPEC) is None
    assert carried_on(kept, COMMIT, "chat-0", SPEC) is None
    assert carried_on(kept, COMMIT, "chat-1", "sha256:1") is None
    assert carried_on(kept, None, "chat-1", SPEC) is None
    assert carried_on(None, COMMIT, "chat-1", SPEC) is None
    for word in ("stable", "unstable"):
        assert not with_odds(candidate, baseline, judged.model_copy(update={"verdict": word}), kept).left


def test_what_is_carried_names_the_runs_that_it_rests_on() -> None:
    """Each of them is the candidate's run of an earlier proof, by its digest: the odds can be had again from those."""
    first = session(1000, 1.04)
    second = session(1001, 1.04, left(*first))
    carried = left(*second)
    assert carried is not None
    assert carried.earlier == (first[0].fingerprint(), second[0].fingerprint())
    own = [finding(each[2], "health/latency").comparison for each in (first, session(1001, 1.04))]
    added = math.fsum(each.odds.worse for each in own if each and each.odds)
    assert carried.series["health/latency"].worse == pytest.approx(added, rel=1e-5)
    assert first[0].fingerprint() in finding(second[2], "health/latency").observed


def test_a_commit_that_comes_in_between_loses_nothing() -> None:
    one, other = session(1, 1.06), session(2, 1.06)
    kept = with_odds(*one)
    renamed = other[0].model_copy(update={"subject": other[0].subject.model_copy(update={"commit": "d" * 40})})
    kept = with_odds(renamed, other[1], other[2], kept)
    assert [each.commit for each in kept.left] == [COMMIT, "d" * 40]
    assert carried_on(kept, COMMIT, "chat-1", SPEC) == left(*one)
    broken = with_odds(renamed, other[1], other[2].model_copy(update={"verdict": "unstable"}), kept)
    assert [each.commit for each in broken.left] == [COMMIT]
    good = with_odds(renamed, other[1], other[2].model_copy(update={"verdict": "stable"}), kept)
    assert good.left == ()  # what comes next is compared with this one


def test_a_refresh_of_the_revision_that_it_is_compared_with_loses_nothing() -> None:
    candidate, baseline, judged = session(1, 1.06)
    kept = with_odds(candidate, baseline, judged)
    again = baseline.model_copy(update={"left": ()})
    refreshed = with_odds(again, baseline, judged.model_copy(update={"verdict": "stable"}), kept)
    assert refreshed.left == kept.left != ()


def test_no_more_than_a_few_pairs_are_kept() -> None:
    candidate, baseline, judged = session(1, 1.06)
    kept = None
    for number in range(12):
        subject = candidate.subject.model_copy(update={"commit": f"{number:040x}"})
        kept = with_odds(candidate.model_copy(update={"subject": subject}), baseline, judged, kept)
    assert kept is not None
    assert [each.commit for each in kept.left] == [f"{number:040x}" for number in range(4, 12)]


def test_odds_that_are_beyond_words_are_not_written_out() -> None:
    carried = Carried(
        against="chat-1", spec=SPEC, earlier=EARLIER, series={"health/latency": Odds(worse=60.0, fine=-5.0)}
    )
    reason = finding(session(1, 1.1, carried)[2], "health/latency").reason
    assert "the odds for it are more than 1,000,000 to 1" in str(reason)


def test_losing_rounds_never_helps_a_resumed_session() -> None:
    carried = Carried(
        against="chat-1", spec=SPEC, earlier=EARLIER[:1], series={"health/latency": Odds(worse=0.0, fine=2.9)}
    )
    dice = random.Random(4)
    for seed in range(5):
        candidate, baseline, _ = session(seed, 1.0, carried)
        seen = candidate.observations[0]
        slow = sorted(seen.series[0].samples, key=lambda row: float(row[1] or 0))[30:]
        rest = tuple(row for row in seen.series[0].samples if row not in slow or dice.random() < 0.2)
        thin = seen.series[0].model_copy(update={"samples": rest})
        less = candidate.model_copy(update={"observations": (seen.model_copy(update={"series": (thin,)}),)})
        assert finding(verdict(less, baseline, BY), "health/latency").status not in ("maintained", "improved")
