"""The step `socket.io`: Socket.IO 5 over Engine.IO 4, over one WebSocket and without polling."""

import json
import re
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from pydantic import Field, JsonValue, model_validator

from bot.model.duration import format_duration
from bot.probes import templates
from bot.probes.events import PatternText
from bot.probes.matching import shown
from bot.probes.request import Target
from bot.probes.steps.hears import Pattern
from bot.probes.steps.listener import Listener
from bot.probes.steps.opening import TOKEN, SocketStep

if TYPE_CHECKING:
    from bot.probes.steps.stage import Stage

PACKET = re.compile(r"4(?P<kind>[0-6])(?:\d+-)?(?:(?P<namespace>/[^,]*),)?(?P<id>\d+)?(?P<data>.*)", re.DOTALL)
KINDS = {"0": "(connected)", "1": "(disconnected)", "3": "(ack)", "4": "(refused)", "5": "(binary)", "6": "(binary)"}
ENGINE = {"0": "(open)", "1": "(engine closed)", "2": "(ping)", "3": "(pong)", "6": "(noop)"}
IGNORED = ("(ping)", "(pong)", "(noop)")
VERSION = "EIO=4&transport=websocket"


class SocketIO:
    """Reads Engine.IO's packets, and Socket.IO's in them; the type of an event is its name."""

    def read(self, message: str | bytes) -> tuple[str, JsonValue]:
        """The type of the event, and its data: a list of the arguments where it is an event."""
        if isinstance(message, bytes):
            return "(attachment)", None
        packet = PACKET.fullmatch(message)
        if packet is None:
            return ENGINE.get(message[:1], "(unknown packet)"), _json(message[1:])
        data = _json(packet["data"])
        if packet["kind"] != "2" and packet["kind"] != "5":
            return KINDS[packet["kind"]], data
        if isinstance(data, list) and data and isinstance(data[0], str):
            return shown(data[0]), data[1:]
        return "(no event)", data

    def reply(self, event: str, data: JsonValue) -> str | None:
        """A ping of the service is answered at once."""
        return "3" if event == "(ping)" else None


class SocketIOStep(SocketStep, Pattern):
    """One Socket.IO connection: connect, emit, and hold the events that come back against a pattern."""

    kind: ClassVar[str] = "socket.io"

    socket_io: Target = Field(alias="socket.io")
    """The path, usually `/socket.io/`."""
    namespace: str = Field("/", pattern=r"^/[^,\s]*$")
    """The namespace."""
    auth: JsonValue = None
    """What is sent with the connect packet; with `token_in: message`, `{token}` in it is the login's token."""
    emit: tuple[JsonValue, ...] = ()
    """The event to send: its name, and its arguments."""
    events: PatternText | None = None
    """The events that must come back, as a pattern over their names."""
    ignore: tuple[str, ...] = ()
    """Events that the pattern does not see."""

    @model_validator(mode="after")
    def _fits(self) -> "SocketIOStep":
        in_message = self.token_in == "message"  # noqa: S105 - a place
        if in_message and (self.login is None or TOKEN not in templates.names(self.auth)):
            raise ValueError("`token_in: message` needs a `login`, and {token} in `auth`")
        if self.emit and not isinstance(self.emit[0], str):
            raise ValueError("`emit` starts with the name of the event, as [message, hello]")
        self.check_pattern(self.events)
        return self

    def what(self) -> str:
        """The step in a few words."""
        return f"socket.io {self.socket_io}"

    def target(self) -> str:
        """The path that it goes to, with Engine.IO's version."""
        return f"{self.socket_io}{'&' if '?' in self.socket_io else '?'}{VERSION}"

    def times(self) -> tuple[str, ...]:
        """The times of the handshake, and from emitting until the first event and the last."""
        return ("handshake", "first event", "answer") if self.answers() else ("handshake",)

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings."""
        own = {TOKEN} if self.token_in == "message" else set[str]()  # noqa: S105 - a place
        return templates.names([self.socket_io, self.auth, [*self.emit], [*self.headers.values()]]) - own

    def answers(self) -> bool:
        """Does it wait for anything to come back?"""
        return self.events is not None or bool(self.emit)

    def listener(self, stage: "Stage") -> Listener:
        """Who listens."""
        return Listener(stage.talk, SocketIO(), ignore=(*IGNORED, *self.ignore))

    async def converse(self, stage: "Stage") -> None:
        """Wait for the open packet, connect, emit, listen."""
        await self._expect(stage, "open packet", "(open)")
        auth = json.dumps(self.with_token(self.auth, stage), separators=(",", ":")) if self.auth is not None else ""
        await stage.listener.send([f"40{self._place()}{auth}"])
        await self._expect(stage, "connect", "(connected)")
        if self.emit:
            filled = templates.fill_all([*self.emit], stage.run.captured)
            await stage.listener.send([f"42{self._place()}{json.dumps(filled, separators=(',', ':'))}"])
        if self.answers():
            await self.listen(stage, self.events, self.within, "", last=True)

    def _place(self) -> str:
        return "" if self.namespace == "/" else f"{quote(self.namespace, safe='/?=&-_.')},"

    async def _expect(self, stage: "Stage", name: str, event: str) -> None:
        from bot.probes.steps.conversation import Ended

        limit = f"within {format_duration(self.within)}"
        try:
            heard = await stage.listener.next(stage.run.clock.left(self.within))
        except Ended as ended:
            stage.hold(name, ok=False, expected=f"{event} {limit}", actual=str(ended))
            return
        actual = heard.event if heard is not None else f"no answer {limit}"
        if heard is not None and heard.event == "(refused)":
            message = heard.data.get("message") if isinstance(heard.data, dict) else heard.data
            actual = f"refused, with the socket left open: {shown(message)}"
        stage.hold(name, ok=actual == event, expected=f"{event} {limit}", actual=actual)


def _json(text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return found
