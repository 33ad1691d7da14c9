"""Deadlines are held by when an event came, and not by when we got round to it."""

import pytest

from bot.probes.steps.hearing import Deadlines, Heard, Hearing, matcher


class Talk:
    """A socket that is open."""

    received_code = None
    closed_by_service = False


def heard(*events: tuple[str, float, float], first: float | None = None, gap: float | None = None) -> tuple[bool, str]:
    hearing = Hearing(matcher("a b"), Deadlines(10.0, first, gap), 100.0)
    for event, at, late in events:
        hearing.take(Heard(event, {"type": event}, 100.0 + at, late))
    ok, _, actual = hearing.outcome(Talk(), None)  # type: ignore[arg-type]
    return ok, actual.splitlines()[0]


@pytest.mark.parametrize(
    ("late", "ok", "words"),
    [(0.0, False, "no first event within 500 ms: it took 0.7 s; "), (0.3, True, "a b")],
)
def test_a_first_event_that_came_late_is_late_unless_it_was_our_own_fault(late: float, ok: bool, words: str) -> None:
    found, actual = heard(("a", 0.7, late), ("b", 0.8, 0.0), first=0.5)
    assert found is ok
    assert actual.startswith(words)


def test_a_gap_is_between_events_and_not_before_the_first() -> None:
    assert heard(("a", 3.0, 0.0), ("b", 3.1, 0.0), gap=0.5) == (True, "a b")
    found, actual = heard(("a", 0.1, 0.0), ("b", 3.1, 0.0), gap=0.5)
    assert not found
    assert actual.startswith("no event for 500 ms: it took 3 s")


def test_the_largest_gap_is_kept() -> None:
    hearing = Hearing(matcher("a*"), Deadlines(10.0), 100.0)
    for at in (5.0, 5.1, 7.1, 7.2):
        hearing.take(Heard("a", None, 100.0 + at, 0.0))
    assert hearing.times["first event"].value == pytest.approx(5000)
    assert hearing.times["largest gap"].value == pytest.approx(2000)
    assert hearing.times["answer"].value == pytest.approx(7200)
