"""The step `websocket`: open, send, and hold the events that come back against a pattern."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from pydantic import Field, JsonValue

from bot.model import Fact
from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.events import PatternText
from bot.probes.paths import PathText, find
from bot.probes.probe import Unmeasurable
from bot.probes.protocol import Protocol
from bot.probes.request import Target, one_line
from bot.probes.steps.listener import Listener
from bot.probes.steps.step import Result, Run, Step, capture

if TYPE_CHECKING:
    from websockets.typing import Subprotocol

    from bot.probes.steps.conversation import Conversation

PLACES = r"^(header|query:[\w.-]+|subprotocol:[\w.-]+)$"


class WebSocketStep(Step):
    """One WebSocket: open, send, and hold the events that come back against a pattern."""

    kind: ClassVar[str] = "websocket"

    websocket: Target
    """The path, as `/ws`."""
    token_in: str = Field("header", pattern=PLACES)
    """Where the login's token goes: `header`, `query:NAME`, or `subprotocol:NAME` (offered as NAME and the token)."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of the handshake."""
    subprotocols: tuple[str, ...] = ()
    """Subprotocols to offer, the preferred one first."""
    origin: str | None = None
    """The `Origin` header."""
    send: JsonValue = None
    """What is sent once it is open: a string as it is, anything else as JSON; a list is several messages."""
    events: PatternText | None = None
    """The event types that must come back, as a pattern: `started thinking* (tool result)* done`."""
    event_type: PathText = "$.type"
    """Where a message has its event type."""
    ignore: tuple[str, ...] = ()
    """Event types that the pattern does not see, such as heartbeats."""
    within: Duration = 10.0
    """The most that it may take until the last event (10s)."""
    close: int | None = Field(None, ge=1000, le=4999)
    """The code that it must end with. We close with it where a client may; otherwise the service must."""

    def what(self) -> str:
        """The step in a few words."""
        return f"websocket {self.websocket}"

    def times(self) -> tuple[str, ...]:
        """The times from sending until the first event and until the answer is whole."""
        return ("handshake", "first event", "answer") if self.answers() else ("handshake",)

    def target(self) -> str:
        """The path that it goes to."""
        return self.websocket

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings."""
        return templates.names([self.websocket, self.send, [*self.headers.values()]])

    async def run(self, run: Run) -> Result:
        """Open, send, listen, close."""
        from bot.probes.steps.conversation import Conversation, Ended

        result = Result()
        opening = await self._opening(run, result)
        if opening is None:
            return result
        url, headers, subprotocols = opening
        talk = Conversation(url, run.context.engine)
        protocol = Protocol()
        listener = Listener(
            talk,
            protocol,
            pattern=self.events,
            event_type=self.event_type,
            ignore=self.ignore,
            patient=not run.sampling,
        )
        try:
            deadline = run.clock.left(self.within)
            await talk.open(
                headers=headers,
                subprotocols=subprotocols,
                origin=self.origin,
                deadline=deadline,
                planned=run.take_plan(),
            )
            await listener.send(self.outgoing(run))
            if self.answers():
                await listener.listen(run.clock.left(self.within))
            await self._close(talk, run)
        except Ended as ended:
            listener.ended = str(ended)
        finally:
            await talk.close(1000)
        run.context.witness.handshake(run.probe, talk.headers)
        self._conclude(run, result, talk, listener)
        return result

    async def _opening(self, run: Run, result: Result) -> tuple[str, list[tuple[str, str]], list["Subprotocol"]] | None:
        """URL, headers and subprotocols of the handshake; None when signing in failed."""
        target = templates.fill_target(self.websocket, run.captured)
        headers = [(name, one_line(templates.fill(value, run.captured))) for name, value in self.headers.items()]
        offered: list[Subprotocol] = [*self.subprotocols]  # type: ignore[list-item]
        if self.login is not None:
            credential = await run.context.credential(self.login, run.clock.left())
            ok = credential.failure is None
            actual = credential.failure or "a credential"
            result.check("sign-in", ok=ok, expected="a credential", actual=actual, evidence=credential.evidence)
            if not ok:
                return None
            place, _, name = self.token_in.partition(":")
            if place == "header":
                headers += credential.headers_at(run.context.url + target)
            elif place == "query":
                target += f"{'&' if '?' in target else '?'}{quote(name)}={quote(credential.token, safe='')}"
            else:
                if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", credential.token):
                    raise Unmeasurable("the token cannot be a subprotocol", "put it elsewhere with `token_in`")
                offered += [name, credential.token]  # type: ignore[list-item]
        return run.context.url + target, headers, offered

    async def _close(self, talk: "Conversation", run: Run) -> None:
        if self._ours():
            await talk.close(self.close or 1000)
            return
        while await talk.receive(run.clock.left(self.within)) is not None:
            pass

    def _ours(self) -> bool:
        # the other codes are for a service to send (RFC 6455, section 7.4.1), so it has to close
        return self.close is None or self.close in {1000, 1001} or self.close >= 3000

    def answers(self) -> bool:
        """Does it wait for anything to come back?"""
        return self.events is not None or self.send is not None

    def _conclude(self, run: Run, result: Result, talk: "Conversation", listener: "Listener") -> None:
        if talk.handshake is not None:
            result.times["handshake"] = talk.handshake
        result.times |= listener.times
        result.spent += talk.spent
        result.sent = talk.started
        evidence = None if run.sampling else run.context.keep(talk.written())
        redact = run.context.redactor.text
        opened = talk.handshake is not None
        actual = "open" if opened else listener.ended or "not open"
        result.check("handshake", ok=opened, expected="open", actual=redact(actual), evidence=evidence)
        if not opened:
            return
        if self.answers():
            ok, expected, actual = listener.outcome(self.within, self.close)
            name = "events" if self.events is not None else "answer"
            result.check(name, ok=ok, expected=expected, actual=redact(actual), evidence=evidence)
        if self.close is not None:
            ok = talk.received_code == self.close and (talk.closed_by_service or self._ours())
            actual = talk.ending() if talk.closed_by_service or self._ours() else "it stayed open"
            expected = f"closed with {self.close}"
            result.check("close", ok=ok, expected=expected, actual=redact(actual), evidence=evidence)
        if not run.sampling:
            by = "service" if talk.closed_by_service else "probe"
            value = listener.protocol.value(
                code=talk.received_code, by=by, subprotocol=talk.subprotocol, extensions=talk.extensions
            )
            result.facts.append(Fact(id="protocol", kind="protocol", value=value, evidence=evidence))
        for name, path in self.capture.items():
            holder = next((message for message in listener.messages if find(path, message)), None)
            capture({name: path}, holder, run, result, evidence)

    def outgoing(self, run: Run) -> Sequence[str]:
        """The messages to send."""
        from bot.probes.steps.conversation import as_text

        if self.send is None:
            return ()
        filled = templates.fill_all(self.send, run.captured)
        return [as_text(each) for each in (filled if isinstance(filled, list) else [filled])]
