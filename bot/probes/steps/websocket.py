"""The step `websocket`: open, converse, and hold what comes back against a pattern."""

import asyncio
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import JsonValue, model_validator

from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.events import PatternText
from bot.probes.paths import PathText
from bot.probes.probe import Unmeasurable
from bot.probes.request import Target
from bot.probes.steps.act import Act
from bot.probes.steps.acts import AnyAct, Idle, Ping, Send
from bot.probes.steps.hears import Pattern
from bot.probes.steps.listener import Listener, Plain
from bot.probes.steps.opening import TOKEN, SocketStep
from bot.probes.steps.step import Result, Run

if TYPE_CHECKING:
    from bot.probes.steps.stage import Stage


class WebSocketStep(SocketStep, Pattern):
    """One WebSocket: open, send, and hold the events that come back against a pattern."""

    kind: ClassVar[str] = "websocket"

    websocket: Target
    """The path, as `/ws`."""
    subprotocols: tuple[str, ...] = ()
    """Subprotocols to offer, the preferred one first."""
    token_message: JsonValue = None
    """The first message, with `{token}` for the login's token, where `token_in` is `message`."""
    send: JsonValue = None
    """What is sent once it is open: a string as it is, anything else as JSON; a list is several messages."""
    events: PatternText | None = None
    """The event types that must come back, as a pattern: `started thinking* (tool result)* done`."""
    ping: bool = False
    """Whether to ping after that, and take the time of the round trip."""
    idle: Duration | None = None
    """How long it must stay open after that, while nothing is sent, not even pings."""
    talk: tuple[AnyAct, ...] = ()
    """Instead of `send`, `events`, `ping` and `idle`: any number of these, and of others, in order."""
    event_type: PathText = "$.type"
    """Where a message has its event type."""
    ignore: tuple[str, ...] = ()
    """Event types that the pattern does not see, such as heartbeats."""
    sequence: PathText | None = None
    """Where a message has its number: each must come once, in order, and none may be left out, over all sockets."""

    conformance: Literal["basic"] | None = None
    """Whether the service, which then must send back what it gets, is also held against the rules of the protocol."""

    @model_validator(mode="after")
    def _fits(self) -> "WebSocketStep":
        apart = {"send", "events", "ping", "idle", "any_order", "by", "streams", "first_within", "gap"}
        if self.talk and (both := sorted(apart & self.model_fields_set)):
            raise ValueError(f"`talk` says everything in order: put `{both[0]}` into it")
        if (self.token_in == "message") != (self.token_message is not None):  # noqa: S105 - a place
            raise ValueError("`token_in: message` and `token_message`, with {token} in it, go together")
        if self.token_message is not None and TOKEN not in templates.names(self.token_message):
            raise ValueError("`token_message` has no {token} in it")
        if self.token_in == "message" and self.login is None:  # noqa: S105
            raise ValueError("`token_in: message` needs a `login`")
        self.check_pattern(self.events)
        return self

    def what(self) -> str:
        """The step in a few words."""
        return f"websocket {self.websocket}"

    def target(self) -> str:
        """The path that it goes to."""
        return self.websocket

    def offered(self) -> tuple[str, ...]:
        """The subprotocols to offer."""
        return self.subprotocols

    def times(self) -> tuple[str, ...]:
        """The times of the handshake, until the first event and until the answer is whole, and of pings."""
        names = [f"talk {number}: {name}" for number, act in enumerate(self.talk, 1) for name in act.times()]
        if self.answers():
            names += ["first event", "answer"]
        if self.gap is not None:
            names.append("largest gap")
        if self.ping:
            names.append("ping")
        return ("handshake", *names)

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings, but for those that it knows itself."""
        said: list[JsonValue] = [self.websocket, self.send, [*self.headers.values()]]
        wanted = templates.names(said) | (templates.names(self.token_message) - {TOKEN})
        known = frozenset[str]()
        own = {TOKEN} if self.token_in == "message" else set[str]()  # noqa: S105
        for act in self.talk:
            wanted |= templates.names(act.model_dump(mode="json", exclude={"capture"})) - known - own
            known |= act.captures()
        return wanted

    def answers(self) -> bool:
        """Does it wait for anything to come back?"""
        return self.events is not None or self.send is not None

    async def run(self, run: Run) -> Result:
        """Open, converse, close; then the rules of the protocol, where they are asked for."""
        result = await super().run(run)
        if self.conformance is not None and result.failure is None and not run.sampling:
            await self._hold_the_rules(run, result)
        return result

    async def _hold_the_rules(self, run: Run, result: Result) -> None:
        from bot.probes.steps.conformance import basic

        opening = await self.opening(run, Result())
        if opening is None:
            return
        try:
            async with asyncio.timeout(run.clock.left()):
                found, transcript = await basic(opening)
        except TimeoutError as error:
            reason = "the probe's time was over before all rules of the protocol were tried"
            raise Unmeasurable(reason, "raise the probe's `timeout`") from error
        evidence = run.context.keep(transcript)
        for each in found:
            actual = run.context.redactor.text(each.actual)
            result.check(
                f"conformance {each.name}", ok=each.ok, expected=each.expected, actual=actual, evidence=evidence
            )

    def listener(self, stage: "Stage") -> Listener:
        """Who listens."""
        return Listener(stage.talk, Plain(self.event_type), ignore=self.ignore, by=self.by, sequence=self.sequence)

    async def converse(self, stage: "Stage") -> None:
        """What is said, in order."""
        if self.token_message is not None:
            await Send(send=self.token_message).act(stage, "", last=False)
        if self.talk:
            for number, act in enumerate(self.talk, 1):
                await act.act(stage, f"talk {number}: ", last=number == len(self.talk))
            return
        after: list[Act] = [Ping(ping=True, within=self.within)] if self.ping else []
        if self.idle is not None:
            after.append(Idle(idle=self.idle))
        if self.send is not None:
            await Send(send=self.send).act(stage, "", last=False)
        if self.answers():
            await self.listen(stage, self.events, self.within, "", last=not after)
        for more in after:
            await more.act(stage, "", last=False)
        if not self.answers() and not after and self.close is None and not stage.run.sampling:
            await stage.listener.linger(None)
