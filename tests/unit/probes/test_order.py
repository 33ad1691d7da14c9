"""Patterns without an order, and streams that are mixed, held against Python's own regular expressions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.probes.events import Matcher, parse
from bot.probes.interleaved import Interleaved
from bot.probes.numbering import Numbering
from bot.probes.unordered import Unordered
from tests.unit.probes.test_events import patterns

items = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "*", "+", "?"])), min_size=1, max_size=5)
words = st.lists(st.sampled_from("abc"), max_size=8)


@given(items, words)
def test_in_any_order_is_what_a_regular_expression_matches_once_both_are_sorted(
    pattern: list[tuple[str, str]], word: list[str]
) -> None:
    matcher = Unordered(parse(" ".join(name + sign for name, sign in pattern)))
    fits = all(matcher.feed(letter) for letter in word)
    expected = re.fullmatch("".join(name + sign for name, sign in sorted(pattern)), "".join(sorted(word)))
    assert (fits and matcher.accepts) is (expected is not None)
    assert not matcher.complete or all(not _with(pattern, [*word, letter]) for letter in "abc")


def _with(pattern: list[tuple[str, str]], word: list[str]) -> bool:
    return re.fullmatch("".join(name + sign for name, sign in sorted(pattern)), "".join(sorted(word))) is not None


def spaced(pattern: str) -> str:
    return re.sub(r"[abc]", lambda match: f" {match[0]} ", pattern)


@given(patterns, words, words, st.randoms(use_true_random=False))
def test_mixed_streams_match_where_each_of_them_does(
    pattern: str, one: list[str], other: list[str], lot: object
) -> None:
    whole = Interleaved(lambda: Matcher(parse(spaced(pattern))), 1)
    queues = {"1": list(one), "2": list(other)}
    fits = True
    while any(queues.values()):
        name = lot.choice([name for name, queue in queues.items() if queue])  # type: ignore[attr-defined]
        fits = whole.feed_of(name, queues[name].pop(0)) and fits
    came = [word for word in (one, other) if word]
    expected = bool(came) and all(re.fullmatch(pattern, "".join(word)) for word in came)
    assert (fits and whole.accepts) is expected


def test_what_is_missing_in_any_order_is_shown_by_a_caret() -> None:
    matcher = Unordered(parse("started result+ done"))
    assert matcher.feed("done")
    assert matcher.feed("started")
    assert matcher.why() == "nothing more came, expected result as well"
    assert matcher.picture().split("\n")[1] == "        ^"
    assert not matcher.feed("started")
    assert matcher.why() == "started came 2 times, expected result"


def test_the_stream_that_is_wrong_is_named() -> None:
    whole = Interleaved(lambda: Matcher(parse("a b")), 2)
    for stream, event in (("r1", "a"), ("r2", "a"), ("r1", "b")):
        assert whole.feed_of(stream, event)
    assert whole.why() == "of r2: after a nothing more came, expected b"
    assert not whole.feed_of("r2", "a")
    assert whole.why() == "of r2: after a came a, expected b"


def test_too_few_streams_are_no_match() -> None:
    whole = Interleaved(lambda: Matcher(parse("a")), 2)
    assert whole.feed_of("r1", "a")
    assert not whole.accepts
    assert whole.why() == "1 of 2 streams came"


@pytest.mark.parametrize("pattern", ["(a b)*", "a | b", "a (b)"])
def test_a_pattern_with_an_order_cannot_be_without_one(pattern: str) -> None:
    with pytest.raises(ValueError, match="in any order, a pattern is a list"):
        Unordered(parse(pattern))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1, 2, 3], "3 numbers, each once"),
        ([1, 2, 5], "of 3 numbers 2 left out (3, 4)"),
        ([1, 2, 2], "of 3 numbers 1 came again (2)"),
        ([1, 3, 2], "of 3 numbers 1 out of order"),
        ([1, "2"], "of 1 numbers 1 that are no whole numbers"),
        ([], "no message has a number at $.seq"),
        ([0, 10**12], "of 2 numbers 999,999,999,999 left out (1, 2, 3, 4, 5 …)"),
    ],
)
def test_numbers_that_are_left_out_or_come_again(numbers: list[int | str], words: str) -> None:
    found = Numbering("$.seq")
    for number in numbers:
        found.add(number)
    assert found.words() == words
    assert found.ok is words.endswith("each once")


@given(st.lists(st.integers(0, 30), max_size=20))
def test_numbers_are_right_only_when_they_are_a_range(numbers: list[int]) -> None:
    found = Numbering("$.seq")
    for number in numbers:
        found.add(number)
    assert found.ok is (bool(numbers) and numbers == list(range(numbers[0], numbers[-1] + 1)))
