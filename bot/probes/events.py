"""Event patterns: a small regular language over event types, matched as the events come in.

    agent_started agent_thinking* (tool_executing tool_completed)* agent_completed

An item is a type (`agent_started`; anything unusual in double quotes) or a group in parentheses; `|` is a choice, and
`*`, `+`, `?` follow an item. The pattern becomes a position automaton: one state for each type as it is written
(V. M. Glushkov, "The abstract theory of automata", 1961), so that a mismatch can point at the place in the pattern.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, NamedTuple, NoReturn

from pydantic import AfterValidator

MAX_POSITIONS = 500
_TOKEN = re.compile(r'\s*(?:(?P<name>[A-Za-z0-9_][\w.:/-]*)|"(?P<quoted>[^"]+)"|(?P<sign>[()|*+?]))')


class Position(NamedTuple):
    """One type as it is written in the pattern, and the column where it starts."""

    event: str
    column: int


class Automaton(NamedTuple):
    """States are indices into `positions`; `follow[i]` may come after `i`."""

    pattern: str
    positions: tuple[Position, ...]
    first: frozenset[int]
    last: frozenset[int]
    follow: tuple[frozenset[int], ...]
    nullable: bool


class _Part(NamedTuple):
    first: frozenset[int]
    last: frozenset[int]
    nullable: bool


@lru_cache(maxsize=256)
def parse(pattern: str) -> Automaton:
    """Read a pattern.

    Raises:
        ValueError: with the pattern and a caret at the place that is wrong.
    """
    return _Parser(pattern).automaton()


class Matcher:
    """Fed one event after the other; knows at any moment whether they match, and what may come next."""

    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        self.seen: list[str] = []
        self._states: frozenset[int] | None = None
        self._surprise: str | None = None

    def feed(self, event: str) -> bool:
        """Take the next event; False when it does not fit. After that, nothing does."""
        if self._surprise is not None:
            return False
        matched = frozenset(index for index in self._next() if self.automaton.positions[index].event == event)
        if not matched:
            self._surprise = event
            return False
        self.seen.append(event)
        self._states = matched
        return True

    @property
    def dead(self) -> bool:
        """An event came that does not fit."""
        return self._surprise is not None

    @property
    def accepts(self) -> bool:
        """What came so far is a whole match."""
        if self.dead:
            return False
        if self._states is None:
            return self.automaton.nullable
        return bool(self._states & self.automaton.last)

    @property
    def complete(self) -> bool:
        """It is a whole match, and nothing more may come."""
        return self.accepts and not self._next()

    def expected(self) -> list[str]:
        """The types that may come next, in the order of the pattern."""
        return list(dict.fromkeys(self.automaton.positions[index].event for index in sorted(self._next())))

    def why(self) -> str:
        """What is wrong, in words; what is missing, when it is only not over yet."""
        after = f"after {self.seen[-1]} " if self.seen else "first "
        wanted = listed(self.expected())
        if self._surprise is not None:
            return f"{after}came {self._surprise}, expected {wanted}"
        if self.accepts:
            return "it matches"
        return f"{after}nothing more came, expected {wanted}" if self.seen else f"nothing came, expected {wanted}"

    def picture(self) -> str:
        """The pattern, and below it carets at what could have come where it broke."""
        columns = {self.automaton.positions[index].column for index in self._next()}
        if not columns:
            columns = {len(self.automaton.pattern)}
        carets = "".join("^" if column in columns else " " for column in range(max(columns) + 1))
        return f"{self.automaton.pattern}\n{carets}"

    def _next(self) -> frozenset[int]:
        if self._states is None:
            return self.automaton.first
        return frozenset[int]().union(*(self.automaton.follow[state] for state in self._states))


def matches(pattern: str, events: Sequence[str]) -> bool:
    """Do these events, all of them and no more, match?"""
    matcher = Matcher(parse(pattern))
    return all(matcher.feed(event) for event in events) and matcher.accepts


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern.rstrip()
        self.positions: list[Position] = []
        self.follow: list[set[int]] = []
        self.tokens = self._tokens()
        self.at = 0

    def automaton(self) -> Automaton:
        part = self._choice()
        if self.at < len(self.tokens):
            self._wrong("a ')' too many")
        follow = tuple(map(frozenset, self.follow))
        return Automaton(self.pattern, tuple(self.positions), part.first, part.last, follow, part.nullable)

    def _tokens(self) -> list[tuple[str, str, int]]:
        found, at = [], 0
        while at < len(self.pattern):
            match = _TOKEN.match(self.pattern, at)
            if match is None:
                raise self._error("this is no event type and no sign", at)
            kind = "sign" if match["sign"] else "name"
            group = match.lastgroup or ""
            column = match.start(group) - (group == "quoted")
            found.append((kind, match[group], column))
            at = match.end()
        return found

    def _choice(self) -> _Part:
        parts = [self._sequence()]
        while self._sign() == "|":
            self.at += 1
            parts.append(self._sequence())
        return _Part(
            frozenset[int]().union(*(part.first for part in parts)),
            frozenset[int]().union(*(part.last for part in parts)),
            any(part.nullable for part in parts),
        )

    def _sequence(self) -> _Part:
        whole: _Part | None = None
        while self.at < len(self.tokens) and self._sign() not in {")", "|"}:
            part = self._item()
            if whole is None:
                whole = part
                continue
            for state in whole.last:
                self.follow[state] |= part.first
            whole = _Part(
                whole.first | part.first if whole.nullable else whole.first,
                whole.last | part.last if part.nullable else part.last,
                whole.nullable and part.nullable,
            )
        if whole is None:
            self._wrong("an event type is missing")
        return whole

    def _item(self) -> _Part:
        kind, text, column = self.tokens[self.at]
        if kind == "name":
            self.at += 1
            part = self._position(text, column)
        elif text == "(":
            self.at += 1
            part = self._choice()
            if self._sign() != ")":
                self._wrong("a ')' is missing")
            self.at += 1
        else:
            self._wrong(f"there is nothing before this {text!r}")
        while (sign := self._sign()) in {"*", "+", "?"}:
            self.at += 1
            if sign != "?":
                for state in part.last:
                    self.follow[state] |= part.first
            part = part._replace(nullable=part.nullable or sign != "+")
        return part

    def _position(self, event: str, column: int) -> _Part:
        index = len(self.positions)
        if index >= MAX_POSITIONS:
            self._wrong(f"more than {MAX_POSITIONS} event types", -1)
        self.positions.append(Position(event, column))
        self.follow.append(set())
        return _Part(frozenset({index}), frozenset({index}), nullable=False)

    def _sign(self) -> str:
        if self.at >= len(self.tokens):
            return ""
        kind, text, _ = self.tokens[self.at]
        return text if kind == "sign" else ""

    def _wrong(self, message: str, back: int = 0) -> NoReturn:
        at = self.at + back
        raise self._error(message, self.tokens[at][2] if at < len(self.tokens) else len(self.pattern))

    def _error(self, message: str, column: int) -> ValueError:
        return ValueError(f"{message}, in the event pattern at column {column + 1}:\n{self.pattern}\n{' ' * column}^")


def listed(types: Sequence[str]) -> str:
    """Types in words, as what was expected."""
    if not types:
        return "nothing"
    return types[0] if len(types) == 1 else f"{', '.join(types[:-1])} or {types[-1]}"


def _checked(pattern: str) -> str:
    return parse(pattern).pattern


PatternText = Annotated[str, AfterValidator(_checked)]
"""An event pattern."""
