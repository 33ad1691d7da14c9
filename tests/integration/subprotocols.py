"""Small services that speak a protocol on top of WebSockets: GraphQL's two dialects, and Socket.IO."""

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from graphql import GraphQLError, build_schema, parse, subscribe
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

SCHEMA = build_schema("type Query { a: Int } type Subscription { count(to: Int!): Int, fails: Int }")
TOKEN = "tok-graphql-1"


async def _count(_root: object, _info: object, to: int) -> AsyncIterator[int]:
    for number in range(1, to + 1):
        yield number


assert SCHEMA.subscription_type is not None
SCHEMA.subscription_type.fields["count"].subscribe = _count
SCHEMA.subscription_type.fields["count"].resolve = lambda value, _info, to: value


class GraphQLService:
    """Both dialects; wants the token where there is one, and pings before it acknowledges."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.heard: list[dict[str, Any]] = []

    async def __call__(self, connection: ServerConnection) -> None:
        modern = connection.subprotocol == "graphql-transport-ws"
        init = await self._next(connection)
        if self.token is not None and (init.get("payload") or {}).get("token") != self.token:
            if modern:
                await connection.close(4403, "Forbidden")
            else:
                await self._say(connection, type="connection_error", payload={"message": "who are you?"})
                await connection.close(1011)
            return
        if modern:
            await self._say(connection, type="ping")
            assert (await self._next(connection))["type"] == "pong"
        await self._say(connection, type="connection_ack")
        if not modern:
            await self._say(connection, type="ka")
        asked = await self._next(connection)
        assert asked["type"] == ("subscribe" if modern else "start")
        await self._answer(connection, asked, "next" if modern else "data")
        await connection.wait_closed()

    async def _answer(self, connection: ServerConnection, asked: dict[str, Any], word: str) -> None:
        payload = asked["payload"]
        answer = subscribe(SCHEMA, parse(payload["query"]), variable_values=payload["variables"])
        found: Any = await answer if inspect.isawaitable(answer) else answer
        if not hasattr(found, "__aiter__"):
            errors = [error.formatted for error in found.errors or [GraphQLError("none")]]
            await self._say(connection, type="error", id=asked["id"], payload=errors)
            return
        async for each in found:
            await self._say(connection, type=word, id=asked["id"], payload=each.formatted)
        await self._say(connection, type="complete", id=asked["id"])

    async def _next(self, connection: ServerConnection) -> dict[str, Any]:
        self.heard.append(json.loads(await connection.recv()))
        return self.heard[-1]

    async def _say(self, connection: ServerConnection, **message: Any) -> None:
        await connection.send(json.dumps(message))


class SocketIOService:
    """Engine.IO 4 over a WebSocket, with one namespace that wants a token."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.heard: list[str] = []

    async def __call__(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        assert "EIO=4&transport=websocket" in connection.request.path
        await connection.send('0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}')
        connect = await self._next(connection)
        place, _, auth = (
            connect.removeprefix("40").rpartition(",") if connect.startswith("40/") else ("", "", connect[2:])
        )
        place += "," if place else ""
        if self.token is not None and json.loads(auth or "{}").get("token") != self.token:
            await connection.send(f'44{place}{{"message":"not authorised"}}')
            await connection.wait_closed()
            return
        await connection.send(f'40{place}{{"sid":"def"}}')
        await connection.send("2")
        while (packet := await self._next(connection)) == "3":
            await connection.send("2")
            await asyncio.sleep(0.01)
        name, *arguments = json.loads(packet.removeprefix(f"42{place}"))
        assert name == "ask"
        for word in ("thinking", "answer"):
            await connection.send(f"42{place}{json.dumps([word, {'to': arguments[0]}])}")
        with contextlib.suppress(Exception):
            while True:
                await self._next(connection)

    async def _next(self, connection: ServerConnection) -> str:
        self.heard.append(str(await connection.recv()))
        return self.heard[-1]


@contextlib.asynccontextmanager
async def graphql(service: Callable[[ServerConnection], Awaitable[None]], *dialects: Any) -> AsyncIterator[str]:
    """A GraphQL service, with the dialects that it knows."""
    known = dialects or ("graphql-transport-ws", "graphql-ws")
    async with serve(service, "127.0.0.1", 0, subprotocols=list(known), close_timeout=0.2) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def _agent(connection: ServerConnection) -> None:
    """Runs what it is asked to, in numbered events, and goes on after the number that it is told."""
    async for message in connection:
        asked = json.loads(message)
        first = asked.get("after", 0) + 1
        words = ("agent_started", "agent_thinking", "agent_completed") if first == 1 else ("agent_idle",)
        for number, word in enumerate(words, first):
            await connection.send(json.dumps({"type": word, "seq": number, "run": asked.get("run", "r1")}))


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@contextlib.asynccontextmanager
async def everything() -> AsyncIterator[str]:
    """All of these services, each at its usual path."""

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path.split("?")[0]
        talks = {"/ws": _agent, "/echo": _echo, "/graphql": GraphQLService(), "/socket.io/": SocketIOService()}
        await talks[path](connection)

    def choose(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((each for each in offered if each.startswith("graphql")), None)

    async with serve(talk, "127.0.0.1", 0, select_subprotocol=choose, close_timeout=0.2) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
