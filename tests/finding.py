"""Find one thing among many; a test that does not find it says what was there instead."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")

LONGEST = 600
"""Characters of one thing in a failure's message."""


def pick(things: Iterable[Thing], fits: Callable[[Thing], object]) -> Thing:
    """The first thing that fits.

    Raises:
        AssertionError: none does; the message shows them all.
    """
    seen = []
    for each in things:
        if fits(each):
            return each
        seen.append(each)
    shown = [text if len(text) <= LONGEST else f"{text[:LONGEST]} [...]" for text in map(repr, seen)]
    raise AssertionError("\n  ".join([f"none of these {len(seen)} fits:", *shown]))
