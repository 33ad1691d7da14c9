"""Events of which only the number matters, and not the order: `started result+ done?` in any order."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from bot.probes.events import Automaton, Position, listed, parse


class Times(NamedTuple):
    """How often a type must and may come."""

    least: int
    most: float


class Unordered:
    """Fed one event after the other, as an `events.Matcher` is; holds each type against how often it may come."""

    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        self.seen: list[str] = []
        self._wanted = wanted(automaton.pattern)
        self._had = Counter[str]()
        self._surprise: str | None = None

    def feed(self, event: str) -> bool:
        """Take the next event; False when it does not fit. After that, nothing does."""
        if self._surprise is not None:
            return False
        if self._had[event] >= self._wanted.get(event, Times(0, 0)).most:
            self._surprise = event
            return False
        self.seen.append(event)
        self._had[event] += 1
        return True

    @property
    def dead(self) -> bool:
        """An event came that does not fit."""
        return self._surprise is not None

    @property
    def accepts(self) -> bool:
        """All came that must."""
        return not self.dead and not self._missing()

    @property
    def complete(self) -> bool:
        """All came, and nothing more may."""
        return self.accepts and not self.expected()

    def expected(self) -> list[str]:
        """The types that may still come, in the order of the pattern."""
        return [event for event, times in self._wanted.items() if self._had[event] < times.most]

    def why(self) -> str:
        """What is wrong, in words; what is missing, when it is only not over yet."""
        if self._surprise is not None:
            number = self._had[self._surprise]
            came = f"{self._surprise} came {number + 1} times" if number else f"came {self._surprise}"
            return f"{came}, expected {listed(self.expected())}"
        missing = self._missing()
        return f"nothing more came, expected {' and '.join(missing)} as well" if missing else "it matches"

    def picture(self) -> str:
        """The pattern, and below it carets at what is missing."""
        missing = set(self._missing() or self.expected())
        columns = {position.column for position in self.automaton.positions if position.event in missing}
        columns = columns or {len(self.automaton.pattern)}
        carets = "".join("^" if column in columns else " " for column in range(max(columns) + 1))
        return f"{self.automaton.pattern}\n{carets}"

    def _missing(self) -> Sequence[str]:
        return [event for event, times in self._wanted.items() if self._had[event] < times.least]


@lru_cache(maxsize=256)
def wanted(pattern: str) -> Mapping[str, Times]:
    """How often each type must and may come, in any order.

    >>> wanted("a b* a? c+")["a"], wanted("a b* a? c+")["c"]
    (Times(least=1, most=2), Times(least=1, most=inf))

    Raises:
        ValueError: the pattern has groups or choices, which have an order.
    """
    automaton = parse(pattern)
    found: dict[str, Times] = {}
    ends = [*(position.column for position in automaton.positions[1:]), len(pattern)]
    for position, end in zip(automaton.positions, ends, strict=True):
        signs = _signs(position, pattern[position.column : end])
        if set(signs) - set("*+?") or (position.column == automaton.positions[0].column and position.column > 0):
            raise ValueError("in any order, a pattern is a list of event types, without ( ) and |")
        least = 0 if "*" in signs or "?" in signs else 1
        most = math.inf if "*" in signs or "+" in signs else 1
        was = found.get(position.event, Times(0, 0))
        found[position.event] = Times(was.least + least, was.most + most)
    return found


def _signs(position: Position, text: str) -> str:
    quoted = f'"{position.event}"'
    return text.removeprefix(quoted if text.startswith('"') else position.event).replace(" ", "").replace("\n", "")
