"""What a kept run tells the next: its verdict, bounded, and what an issue was closed on."""

import pytest

from bot.baseline.telling import (
    lapses,
    mended,
    proving,
    together,
    told_by,
    with_closed,
    with_lapses,
    with_previous,
    with_said,
)
from bot.judge import judge
from bot.judge.policy import Expected, Policy
from bot.model import Closed, Previous, Run, Told, Verdict, Waiver
from bot.model.previous import MOST_FINDINGS, MOST_ISSUES, MOST_VERDICTS
from tests.unit.samples import TIME, check, observation, run, subject

POLICY = Policy(
    probes={
        "login": Expected(kind="http", title="Login", severity="critical"),
        "search": Expected(kind="http", title="Search", severity="major"),
        "theme": Expected(kind="http", title="Theme", severity="minor"),
    }
)
RUN_URL = "https://ci.invalid/1"


def seen(**good: bool) -> Run:
    whole = {"login": True, "search": True, "theme": True} | good
    return run(
        *(observation(name, checks=(check(ok=ok),)) for name, ok in whole.items()), subject=subject(commit="c" * 40)
    )


def judged(candidate: Run) -> Verdict:
    return judge(candidate, run(subject=subject("chat-1")), POLICY, "sha256:0")


def kept(candidate: Run) -> Run:
    return with_previous(candidate, judged(candidate), RUN_URL)


def test_a_run_is_kept_with_its_own_verdict_after_those_before_it() -> None:
    first = kept(seen(search=False))
    second = kept(told_by(first, seen()))
    assert first.previous is not None
    assert first.previous.findings == {"search/status": "broken"}
    assert second.previous is not None
    assert [each.verdict for each in second.previous.told] == ["unstable", "stable"]
    assert second.previous.findings == {}
    assert second.previous.told[-1] == Told(
        verdict="stable", revision="chat-2", commit="c" * 40, finished=TIME, workflow_run=RUN_URL
    )


def test_what_the_last_run_told_is_what_the_judge_goes_by() -> None:
    verdict = judged(told_by(kept(seen(search=False)), seen(theme=False)))
    assert verdict.since is not None
    assert (verdict.since.fixed, verdict.since.new) == (("search/status",), ("theme/status",))


def test_only_a_few_verdicts_and_a_bounded_number_of_findings_are_remembered() -> None:
    last = seen()
    for _ in range(MOST_VERDICTS + 3):
        last = kept(told_by(last, seen()))
    assert last.previous is not None
    assert len(last.previous.told) == MOST_VERDICTS
    many = run(observation("login", checks=tuple(check(f"c{n}", ok=False) for n in range(MOST_FINDINGS + 1))))
    told = kept(many).previous
    assert told is not None
    assert (len(told.findings), told.whole) == (MOST_FINDINGS, False)


def test_a_run_of_before_this_was_kept_tells_nothing() -> None:
    assert told_by(run(), seen()).previous is None
    assert told_by(None, seen()) == seen()


def test_an_issue_is_closed_on_what_was_mended_else_on_what_is_critical_else_on_all() -> None:
    better = judged(told_by(kept(seen(search=False)), seen()))
    assert proving(better) == ("search",)
    assert proving(judged(seen())) == ("login",)
    minor = Policy(probes={"theme": POLICY.probes["theme"]})
    assert proving(judge(run(observation("theme")), run(subject=subject("chat-1")), minor, "sha256:0")) == ("theme",)


def test_what_an_issue_was_closed_on_goes_from_run_to_run_until_it_is_closed_anew() -> None:
    first = with_closed(seen(), judged(seen()), (7, 8))
    second = with_closed(told_by(first, seen()), judged(told_by(kept(seen(search=False)), seen())), (8,))
    assert {number: each.probes for number, each in second.closed.items()} == {"7": ("login",), "8": ("search",)}
    assert Run.from_json(second.to_json()) == second


@pytest.mark.parametrize("probe", ["login", "search"])
def test_a_verdict_that_is_not_stable_closes_nothing_and_forgets_nothing(probe: str) -> None:
    first = with_closed(seen(), judged(seen()), (7,))
    bad = told_by(first, seen(**{probe: False}))
    assert with_closed(bad, judged(bad), (9,)).closed == first.closed


def test_only_the_newest_issues_are_remembered() -> None:
    found = with_closed(seen(), judged(seen()), range(1, MOST_ISSUES + 11))
    assert list(found.closed) == [str(number) for number in range(11, MOST_ISSUES + 11)]


def test_those_that_are_oldest_are_forgotten_first_whatever_their_numbers_are() -> None:
    old = with_closed(seen(), judged(seen()), range(1000, 1000 + MOST_ISSUES))
    later = Run.from_json(old.to_json()).model_copy(update={"finished": "2027-01-01T00:00:00.000Z"})
    assert "5" in with_closed(later, judged(later), (5,)).closed


def test_an_issue_lapses_when_a_probe_that_it_was_closed_on_blocks_a_verdict() -> None:
    closed = {
        "7": Closed(commit="a" * 40, finished=TIME, probes=("login", "theme")),
        "8": Closed(commit="b" * 40, finished=TIME, probes=("search",)),
    }
    assert lapses(closed, judged(seen(login=False))) == {7: ("a" * 40, ("login",))}
    assert lapses(closed, judged(seen(theme=False))) == {}
    assert lapses(closed, judged(seen())) == {}


def test_an_issue_that_lapsed_is_remembered_until_what_it_was_closed_on_holds_again() -> None:
    first = with_closed(seen(), judged(seen()), (7,))
    bad = told_by(first, seen(login=False))
    lapsed = with_lapses(bad, judged(bad))
    assert lapsed.closed["7"].lapsed == bad.name
    assert Run.from_json(lapsed.to_json()) == lapsed
    still = told_by(lapsed, seen(login=False))
    assert mended(still.closed, judged(still)) == {}
    assert with_lapses(still, judged(still)).closed == lapsed.closed

    good = told_by(lapsed, seen())
    assert mended(good.closed, judged(good)) == {7: (bad.name, ("login",))}
    assert with_lapses(good, judged(good)).closed == first.closed
    assert mended(first.closed, judged(good)) == {}, "it is said once"


def test_what_was_not_looked_at_or_was_only_accepted_does_not_hold_again() -> None:
    closed = {"7": Closed(commit="a" * 40, finished=TIME, probes=("login", "old"), lapsed="b" * 40)}
    assert mended(closed, judged(seen())) == {}, "nobody looks at `old` any more"
    closed = {"7": Closed(commit="a" * 40, finished=TIME, probes=("theme",), lapsed="b" * 40)}
    assert mended(closed, judged(seen())) != {}
    assert mended(closed, judged(seen(theme=False))) == {}, "it blocks no verdict, and does not hold either"


def test_a_number_that_is_none_is_no_run() -> None:
    text = with_closed(seen(), judged(seen()), (7,)).to_json()
    with pytest.raises(Exception, match="not a run"):
        Run.from_json(text.replace(b'"7":', b'"../7":'))


def test_a_previous_needs_a_verdict() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Previous(told=())


def waiver(finding: str, at: str, reason: str = "it is meant") -> Waiver:
    return Waiver(finding=finding, by="ana", reason=reason, at=at)


def test_what_was_accepted_while_a_run_was_made_is_kept_with_it() -> None:
    known = waiver("search/http", "2020-01-01T00:00:00.000Z")
    dropped = waiver("theme/http", "2020-01-01T00:00:00.000Z")
    new = waiver("login/http", TIME)
    candidate = seen().model_copy(update={"started": TIME, "accepted": (known,)})

    kept_by_now = seen().model_copy(update={"accepted": (known, dropped, new)})

    assert with_said(candidate, kept_by_now).accepted == (known, new), "what had expired before stays dropped"
    assert with_said(candidate, None).accepted == (known,)


def test_of_two_words_on_one_finding_the_later_counts_whoever_is_asked() -> None:
    early, late = waiver("a/b", "2020-01-01T00:00:00.000Z"), waiver("a/b", "2020-01-02T00:00:00.000Z", "better")
    other = waiver("c/d", "2020-01-01T00:00:00.000Z")
    assert together((early, other), (late,)) == (other, late)
    assert together((late,), (early, other)) == (late, other)


def test_what_an_issue_was_closed_on_while_a_run_was_made_is_kept_with_it() -> None:
    def proof(commit: str, at: str) -> Closed:
        return Closed(commit=commit, finished=at, probes=("login",))

    old, new, own = proof("1", "2020-01-01T00:00:00.000Z"), proof("2", TIME), proof("3", TIME)
    candidate = seen().model_copy(update={"started": TIME, "closed": {"3": own}})
    by_now = seen().model_copy(update={"closed": {"1": old, "2": new, "3": new}})
    assert with_said(candidate, by_now).closed == {"2": new, "3": own}
