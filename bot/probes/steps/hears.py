"""The items of `talk` that hear something: events against a pattern, or the next message."""

import base64
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, JsonValue, model_validator

from bot.model.duration import Duration, format_duration
from bot.probes import templates
from bot.probes.events import PatternText
from bot.probes.matching import Expected, match
from bot.probes.paths import PathText, find
from bot.probes.probe import Settings
from bot.probes.steps.act import Act, Base64
from bot.probes.steps.hearing import Deadlines, Hearing, matcher
from bot.probes.unordered import wanted

if TYPE_CHECKING:
    from bot.probes.steps.stage import Stage


class Captures(Act):
    """Hears something, and may capture values."""

    capture: dict[str, PathText] = Field(default_factory=dict)
    """Values for later messages, by name: where the last message that has it, has it. Used as `{name}`."""
    within: Duration = 10.0
    """The most that it may take (10s)."""

    def captures(self) -> frozenset[str]:
        """The names of what it captures."""
        return frozenset(self.capture)

    def take(self, stage: "Stage", hearing: Hearing, prefix: str) -> None:
        """Capture out of what was heard."""
        for name, path in self.capture.items():
            holder = next((each for each in reversed(hearing.messages) if find(path, each)), None)
            stage.capture({name: path}, holder, prefix)


class Pattern(Settings):
    """Events against a pattern."""

    any_order: bool = False
    """Whether only the number of the events matters, and not their order."""
    by: PathText | None = None
    """Where a message has the id of what it belongs to: the pattern then holds for each id by itself."""
    streams: int = Field(1, ge=1)
    """How many ids must come, where they are told apart `by` one."""
    first_within: Duration | None = None
    """The most that it may take until the first event."""
    gap: Duration | None = None
    """The most time between two events."""

    def check_pattern(self, pattern: str | None) -> None:
        """Refuse what goes with no pattern.

        Raises:
            ValueError: it does not.
        """
        if pattern is None and (self.any_order or self.by is not None):
            raise ValueError("`any_order` and `by` are about `events`")
        if self.by is None and self.streams != 1:
            raise ValueError("`streams` are told apart `by` an id; say where a message has it")
        if pattern is not None and self.any_order:
            wanted(pattern)

    def deadlines(self, within: float) -> Deadlines:
        """The deadlines, in seconds."""
        return Deadlines(within, self.first_within, self.gap)

    async def listen(self, stage: "Stage", pattern: str | None, within: float, prefix: str, *, last: bool) -> Hearing:
        """Listen until it is decided."""
        stage.listener.by = self.by
        held = matcher(pattern, any_order=self.any_order, streams=self.streams if self.by is not None else None)
        return await stage.hear(held, self.deadlines(within), prefix=prefix, last=last)


class Events(Captures, Pattern):
    """Hear events until the pattern is matched."""

    key: ClassVar[str] = "events"

    events: PatternText
    """The event types that must come, as a pattern: `started thinking* (tool result)* done`."""

    @model_validator(mode="after")
    def _fits(self) -> "Events":
        self.check_pattern(self.events)
        return self

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Listen until it is decided."""
        hearing = await self.listen(stage, self.events, self.within, prefix, last=last)
        self.take(stage, hearing, prefix)

    def times(self) -> tuple[str, ...]:
        """The times from the sending until the first event and until the answer is whole."""
        return ("first event", "answer", *(("largest gap",) if self.gap is not None else ()))


class Next(Captures):
    """The next message."""

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Take the next message."""
        from bot.probes.steps.conversation import Ended

        since, words, heard = max(stage.listener.since, stage.listener.heard), None, None
        hearing = Hearing(None, Deadlines(self.within), since)
        try:
            heard = await stage.listener.next(stage.run.clock.left(self.within))
        except Ended as ended:
            words = str(ended)
        if heard is None:
            late = f"no message within {format_duration(self.within)}"
            stage.hold(f"{prefix}message", ok=False, expected="a message", actual=words or late)
            return
        hearing.take(heard)
        self.hold(stage, stage.listener.said, heard.data, prefix)
        self.take(stage, hearing, prefix)

    def hold(self, stage: "Stage", said: str | bytes, data: JsonValue, prefix: str) -> None:
        """Hold the message against what is expected.

        Raises:
            Broken: it is another.
        """
        raise NotImplementedError


class Expect(Next):
    """The next message, as JSON."""

    key: ClassVar[str] = "expect"

    expect: dict[PathText, Expected] = Field(min_length=1)
    """What it must have, by path: a value, or rules."""

    def hold(self, stage: "Stage", said: str | bytes, data: JsonValue, prefix: str) -> None:
        """Hold each path."""
        for path, expected in self.expect.items():
            filled = templates.fill_all(expected, stage.run.captured)
            found = match(filled, find(path, data) if isinstance(data, dict | list) else ())
            stage.hold(f"{prefix}{path}", ok=found.ok, expected=found.expected, actual=found.actual)


class ExpectText(Next):
    """The next message, as text."""

    key: ClassVar[str] = "expect_text"

    expect_text: Expected
    """The text, or rules for it."""

    def hold(self, stage: "Stage", said: str | bytes, data: JsonValue, prefix: str) -> None:
        """Hold the text."""
        found = match(templates.fill_all(self.expect_text, stage.run.captured), [said] if isinstance(said, str) else [])
        actual = found.actual if isinstance(said, str) else f"{len(said):,} bytes"
        stage.hold(f"{prefix}text", ok=found.ok, expected=found.expected, actual=actual)


class ExpectBase64(Next):
    """The next message, which is binary."""

    key: ClassVar[str] = "expect_base64"

    expect_base64: Base64
    """Its bytes in base64."""

    def hold(self, stage: "Stage", said: str | bytes, data: JsonValue, prefix: str) -> None:
        """Hold the bytes."""
        wanted = base64.b64decode(self.expect_base64)
        actual = f"{len(said):,} bytes: {base64.b64encode(said[:150]).decode()}" if isinstance(said, bytes) else "text"
        expected = f"{len(wanted):,} bytes: {base64.b64encode(wanted[:150]).decode()}"
        stage.hold(f"{prefix}binary", ok=said == wanted, expected=expected, actual=actual)
