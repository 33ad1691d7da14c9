"""Event patterns, held against Python's own regular expressions over the same symbols."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.probes.events import Matcher, matches, parse

NAMES = {"a": "agent_started", "b": "tool.call", "c": "done"}
letters = st.sampled_from("abc")
patterns = st.recursive(
    letters,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: "(" + "".join(parts) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + "|".join(parts) + ")"),
        st.tuples(inner, st.sampled_from("*+?")).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=8,
)
words = st.lists(letters, max_size=7)


def spelled(pattern: str) -> str:
    return re.sub(r"[abc]", lambda match: f" {NAMES[match[0]]} ", pattern)


@given(patterns, words)
def test_a_pattern_matches_what_a_regular_expression_over_the_same_symbols_matches(
    pattern: str, word: list[str]
) -> None:
    expected = re.fullmatch(pattern, "".join(word)) is not None
    assert matches(spelled(pattern), [NAMES[letter] for letter in word]) is expected


@given(patterns, words)
def test_a_matcher_dies_at_the_first_event_that_no_continuation_could_save(pattern: str, word: list[str]) -> None:
    matcher = Matcher(parse(spelled(pattern)))
    for number, letter in enumerate(word):
        if not matcher.feed(NAMES[letter]):
            assert not _is_prefix(pattern, "".join(word[: number + 1]))
            assert matcher.dead
            assert not matcher.accepts
            return
        assert matcher.accepts is (re.fullmatch(pattern, "".join(word[: number + 1])) is not None)
        assert matcher.accepts or matcher.expected()


def _is_prefix(pattern: str, text: str) -> bool:
    """Is there any continuation, of a few symbols, that matches?"""
    frontier = [text]
    for _ in range(4):
        if any(re.fullmatch(pattern, each) for each in frontier):
            return True
        frontier = [each + letter for each in frontier for letter in "abc"]
    return False


GOLDEN = "agent_started agent_thinking* (tool_executing tool_completed)* agent_completed"


def fed(*events: str, pattern: str = GOLDEN) -> Matcher:
    matcher = Matcher(parse(pattern))
    for event in events:
        matcher.feed(event)
    return matcher


def test_the_golden_path_is_complete_only_at_its_end() -> None:
    matcher = fed("agent_started", "agent_thinking", "tool_executing", "tool_completed")
    assert not matcher.accepts
    assert matcher.expected() == ["tool_executing", "agent_completed"]
    assert matcher.feed("agent_completed")
    assert matcher.complete


def test_a_lost_event_is_shown_by_a_caret_at_the_place_where_it_broke() -> None:
    matcher = fed("agent_started", "agent_thinking", "tool_executing", "agent_completed")
    assert matcher.why() == "after tool_executing came agent_completed, expected tool_completed"
    pattern, carets = matcher.picture().split("\n")
    assert pattern == GOLDEN
    assert carets.index("^") == GOLDEN.index("tool_completed")
    assert carets.count("^") == 1


def test_an_answer_that_stops_says_what_is_missing() -> None:
    matcher = fed("agent_started")
    assert matcher.why() == (
        "after agent_started nothing more came, expected agent_thinking, tool_executing or agent_completed"
    )


def test_an_event_too_many_is_pointed_at_behind_the_pattern() -> None:
    matcher = fed("a", "a", pattern="a")
    assert matcher.why() == "after a came a, expected nothing"
    assert matcher.picture() == "a\n ^"


@pytest.mark.parametrize(
    ("pattern", "message", "column"),
    [
        ("a (b c", "a '\\)' is missing", 6),
        ("a ) b", "a '\\)' too many", 2),
        ("* a", "there is nothing before this '\\*'", 0),
        ("a | | b", "an event type is missing", 4),
        ("", "an event type is missing", 0),
        ("a & b", "this is no event type and no sign", 1),
    ],
)
def test_a_wrong_pattern_is_refused_with_a_caret(pattern: str, message: str, column: int) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse(pattern)
    assert str(caught.value).splitlines()[-1] == " " * column + "^"


def test_unusual_types_are_written_in_quotes() -> None:
    assert matches('"two words"+ chat.message:new', ["two words", "two words", "chat.message:new"])
