"""Pins and invalidations: what two said at once is merged, the last word counts, and nothing is forgotten."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bot.baseline.marks import MOST_INVALID, Marks
from bot.model.mark import Mark
from tests.unit.samples import run, subject

AT = st.integers(0, 59).map(lambda second: f"2026-01-02T03:04:{second:02}.000Z")
MARK = st.builds(Mark, by=st.sampled_from(["ana", "ben"]), reason=st.text(max_size=5), at=AT, source=st.just("x"))
MARKS = st.builds(
    Marks,
    pin=st.none()
    | st.builds(
        lambda mark, digest: {"mark": mark.model_dump(), "digest": digest},
        MARK,
        st.sampled_from([None, "sha256:" + "1" * 64, "sha256:" + "2" * 64]),
    ),
    invalid=st.lists(st.tuples(st.sampled_from("abcdef"), MARK), max_size=4, unique_by=lambda each: each[0]).map(
        lambda pairs: tuple({"commit": letter * 40, "mark": mark.model_dump()} for letter, mark in pairs)
    ),
)


def mark(second: int = 0, by: str = "ana") -> Mark:
    return Mark(by=by, reason="slow", at=f"2026-01-02T03:04:{second:02}.000Z", source="https://example.invalid/1")


@given(st.lists(MARKS, min_size=1, max_size=3))
def test_the_order_in_which_marks_are_read_changes_nothing(every: list[Marks]) -> None:
    merged = set()
    for order in itertools.permutations(every):
        whole = Marks()
        for each in order:
            whole = whole.merged(each)
        merged.add(whole.to_json())
    assert len(merged) == 1


@given(MARKS)
def test_what_is_merged_with_itself_is_the_same(marks: Marks) -> None:
    once = marks.merged(Marks())
    assert once.merged(marks) == once
    assert {each.commit for each in once.invalid} == {each.commit for each in marks.invalid}


def test_the_later_word_holds_even_when_a_clock_says_otherwise() -> None:
    pinned = Marks().pinning(run(), mark(30))
    assert pinned.pinned is not None
    assert pinned.unpinning(mark(10)).pinned is None


def test_a_commit_is_named_by_seven_letters_and_not_by_six() -> None:
    its = run(subject=subject(commit="abcdef0" + "1" * 33))
    assert Marks().invalidating("abcdef0", mark()).against(its) is not None
    assert Marks().invalidating("abcdef", mark()).against(its) is None
    assert Marks().invalidating("chat-2", mark()).against(run()) is not None


def test_how_much_is_kept_is_bounded_and_the_newest_stays() -> None:
    marks = Marks()
    for index in range(MOST_INVALID + 5):
        said = Mark(by="ana", reason="", at=f"2026-01-{1 + index // 60:02}T00:{index % 60:02}:00.000Z", source="x")
        marks = marks.invalidating(f"{index:040}", said)
    assert len(marks.invalid) == MOST_INVALID
    assert marks.invalid[-1].commit == f"{MOST_INVALID + 4:040}"
