"""The step `graphql-ws`: a GraphQL subscription over a WebSocket, in whichever of the two dialects is negotiated.

`graphql-transport-ws` is the protocol of the library graphql-ws; `graphql-ws` is the older one, of the library
subscriptions-transport-ws. In patterns both have the words of the newer one: next, error, complete.
"""

import json
from typing import TYPE_CHECKING, ClassVar, Literal

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

MODERN, LEGACY = "graphql-transport-ws", "graphql-ws"
PROTOCOL_EVENTS = ("connection_ack", "ka", "ping", "pong")
LEGACY_WORDS = {"data": "next"}
ID = "1"


class GraphQL:
    """Reads the messages of both dialects in the words of the newer one."""

    def read(self, message: str | bytes) -> tuple[str, JsonValue]:
        """The type of the event, and the whole message."""
        try:
            data: JsonValue = json.loads(message)
        except (ValueError, RecursionError):
            return "(no JSON)", None
        kind = data.get("type") if isinstance(data, dict) else None
        if not isinstance(kind, str):
            return "(untyped)", data
        return LEGACY_WORDS.get(kind, shown(kind)), data

    def reply(self, event: str, data: JsonValue) -> str | None:
        """A ping of the newer dialect is answered at once."""
        return '{"type":"pong"}' if event == "ping" else None


class GraphQLStep(SocketStep, Pattern):
    """One GraphQL subscription over a WebSocket."""

    kind: ClassVar[str] = "graphql-ws"

    graphql: Target = Field(alias="graphql-ws")
    """The path, as `/graphql`."""
    query: str = Field(min_length=1)
    """The subscription (or query, or mutation)."""
    variables: dict[str, JsonValue] = Field(default_factory=dict)
    """Its variables."""
    operation: str | None = None
    """The name of the operation, where the query has several."""
    init: JsonValue = None
    """The payload of `connection_init`; with `token_in: message`, `{token}` in it is the login's token."""
    dialect: Literal["any", "graphql-transport-ws", "graphql-ws"] = "any"
    """Which subprotocol to offer (any: both, and the service chooses)."""
    events: PatternText = "next* complete"
    """What must come back, as a pattern over `next`, `error` and `complete`."""

    @model_validator(mode="after")
    def _fits(self) -> "GraphQLStep":
        in_message = self.token_in == "message"  # noqa: S105 - a place
        if in_message and (self.login is None or TOKEN not in templates.names(self.init)):
            raise ValueError("`token_in: message` needs a `login`, and {token} in `init`")
        self.check_pattern(self.events)
        return self

    def what(self) -> str:
        """The step in a few words."""
        return f"graphql-ws {self.graphql}"

    def target(self) -> str:
        """The path that it goes to."""
        return self.graphql

    def offered(self) -> tuple[str, ...]:
        """The subprotocols of the dialects."""
        return (MODERN, LEGACY) if self.dialect == "any" else (self.dialect,)

    def times(self) -> tuple[str, ...]:
        """The times of the handshake, and from subscribing until the first event and the end."""
        return ("handshake", "first event", "answer")

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings, but the query's own braces."""
        own = {TOKEN} if self.token_in == "message" else set[str]()  # noqa: S105 - a place
        return templates.names([self.graphql, self.init, self.variables, [*self.headers.values()]]) - own

    def listener(self, stage: "Stage") -> Listener:
        """Who listens."""
        return Listener(stage.talk, GraphQL(), ignore=PROTOCOL_EVENTS)

    async def converse(self, stage: "Stage") -> None:
        """Initialise the connection, subscribe, listen."""
        chosen = stage.talk.subprotocol
        stage.hold(
            "subprotocol",
            ok=chosen in self.offered(),
            expected=" or ".join(self.offered()),
            actual=chosen or "none was chosen",
        )
        await self._init(stage)
        payload: dict[str, JsonValue] = {
            "query": self.query,
            "variables": templates.fill_all({**self.variables}, stage.run.captured),
        }
        if self.operation is not None:
            payload["operationName"] = self.operation
        kind = "subscribe" if chosen == MODERN else "start"
        await stage.listener.send([_text({"type": kind, "id": ID, "payload": payload})])
        await self.listen(stage, self.events, self.within, "", last=True)

    async def _init(self, stage: "Stage") -> None:
        from bot.probes.steps.conversation import Ended

        message: dict[str, JsonValue] = {"type": "connection_init"}
        if self.init is not None:
            message["payload"] = self.with_token(self.init, stage)
        await stage.listener.send([_text(message)])
        limit = f"within {format_duration(self.within)}"
        stage.listener.ignored("connection_ack", ignore=False)
        try:
            heard = await stage.listener.next(stage.run.clock.left(self.within))
            actual = heard.event if heard is not None else f"no answer {limit}"
            if heard is not None and heard.event == "connection_error":
                actual = f"refused: {shown(heard.data)}"
        except Ended as ended:
            actual = str(ended)
        stage.listener.ignored("connection_ack", ignore=True)
        stage.hold("connection", ok=actual == "connection_ack", expected=f"connection_ack {limit}", actual=actual)


def _text(message: JsonValue) -> str:
    return json.dumps(message, separators=(",", ":"))
