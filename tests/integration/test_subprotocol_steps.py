"""The steps `graphql-ws` and `socket.io`, on services that speak these protocols."""

from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from bot.probes.logins.password import PasswordLogin
from bot.probes.session import Session
from tests.integration import servers
from tests.integration.servers import answers, of_json, service, sockets
from tests.integration.subprotocols import TOKEN, GraphQLService, SocketIOService, graphql
from tests.integration.test_probes import failed, observed, plan, subject
from tests.integration.test_websocket_step import protocol

COUNT: dict[str, Any] = {
    "graphql-ws": "/graphql",
    "query": "subscription ($to: Int!) { count(to: $to) }",
    "variables": {"to": 3},
    "within": "5s",
}
ASK: dict[str, Any] = {"socket.io": "/socket.io/", "emit": ["ask", "it"], "within": "5s"}


@pytest.mark.parametrize("dialect", ["graphql-transport-ws", "graphql-ws"])
async def test_a_subscription_in_the_dialect_that_the_service_has(tmp_path: Path, dialect: str) -> None:
    known = GraphQLService()
    async with graphql(known, dialect) as url:
        step = {**COUNT, "events": "next next next complete", "capture": {"n": "$.payload.data.count"}, "close": 1000}
        found = await observed(tmp_path, url, {"journey": [step]})
    assert failed(found) == {}
    assert found.state == "measured"
    assert protocol(found)["subprotocol"] == dialect
    assert {"connection_ack", "next", "complete"} <= set(protocol(found)["events"])
    paths = protocol(found)["events"]["next"]["paths"]
    assert paths["$.payload.data.count"]["types"] == ["integer"]
    assert known.heard[0]["type"] == "connection_init"


async def test_an_operation_that_is_refused_is_an_event_that_does_not_fit(tmp_path: Path) -> None:
    async with graphql(GraphQLService()) as url:
        found = await observed(tmp_path, url, {"journey": [{**COUNT, "query": "subscription { none }"}]})
    assert failed(found)["step 1: events"].startswith("first came error, expected next or complete")


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("graphql-transport-ws", "closed by the service with 4403 (forbidden): Forbidden"),
        ("graphql-ws", "refused: "),
    ],
)
async def test_a_connection_that_is_refused(tmp_path: Path, dialect: str, said: str) -> None:
    async with graphql(GraphQLService(TOKEN), dialect) as url:
        found = await observed(tmp_path, url, {"journey": [{**COUNT, "init": {"token": "wrong"}}]})
    assert list(failed(found)) == ["step 1: connection"]
    assert failed(found)["step 1: connection"].startswith(said)


async def test_a_service_that_chooses_no_dialect_or_another_is_told_apart(tmp_path: Path) -> None:
    async with sockets(servers.plays()) as url:
        found = await observed(tmp_path, url, {"journey": [COUNT]})
    assert failed(found) == {"step 1: subprotocol": "none was chosen"}
    async with service({"GET /graphql": servers.by_hand(extra="sec-websocket-protocol: graphql-ws\r\n")}) as up:
        found = await observed(tmp_path, up.url, {"journey": [{**COUNT, "dialect": "graphql-transport-ws"}]})
    assert "was not offered" in failed(found)["step 1: handshake"]


async def signed_in(tmp_path: Path, url: str, step: dict[str, Any]) -> Any:
    login = PasswordLogin.model_validate({"http": "POST /in", "token": "$.t"})
    async with service({"POST /in": answers(of_json({"t": TOKEN}))}) as http:
        step = {**step, "login": "user", "token_in": "message"}
        session = Session(plan({"it": {"journey": [step]}}, logins={"user": login}), subject(url), None, tmp_path)
        context = session._sides[0].context
        context.url = http.url
        await context.credential("user", 5.0)
        context.url = url
        await session.correctness()
    run, _ = session.runs()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + run.to_json()
    assert TOKEN.encode() not in kept
    return run.observations[0]


async def test_the_login_goes_into_the_first_message_of_either_protocol(tmp_path: Path) -> None:
    async with graphql(GraphQLService(TOKEN)) as url:
        found = await signed_in(tmp_path / "graphql", url, {**COUNT, "init": {"token": "{token}"}})
    assert found.state == "measured"
    async with sockets(SocketIOService(TOKEN)) as url:
        found = await signed_in(tmp_path / "socket.io", url, {**ASK, "auth": {"token": "{token}"}})
    assert found.state == "measured"


@pytest.mark.parametrize("namespace", ["/", "/chat"])
async def test_socket_io_connects_emits_and_hears_events(tmp_path: Path, namespace: str) -> None:
    known = SocketIOService()
    async with sockets(known) as url:
        step = {
            **ASK,
            "namespace": namespace,
            "events": "thinking* answer",
            "capture": {"to": "$[0].to"},
            "close": 1000,
        }
        found = await observed(tmp_path, url, {"journey": [step]})
    assert failed(found) == {}
    assert [check.id for check in found.checks][:4] == [
        "step 1: handshake", "step 1: open packet", "step 1: connect", "step 1: events"
    ]  # fmt: skip
    assert "3" in known.heard
    assert {"thinking", "answer"} <= set(protocol(found)["events"])


async def test_a_refusal_that_leaves_the_socket_open_is_one(tmp_path: Path) -> None:
    async with sockets(SocketIOService(TOKEN)) as url:
        found = await observed(tmp_path, url, {"journey": [{**ASK, "auth": {"token": "no"}}]})
    assert failed(found) == {"step 1: connect": "refused, with the socket left open: not authorised"}


async def test_what_is_no_engine_io_is_said_to_be_none(tmp_path: Path) -> None:
    async def hello(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()

    async with sockets(hello) as url:
        found = await observed(tmp_path, url, {"journey": [ASK]})
    assert failed(found) == {"step 1: open packet": "(unknown packet)"}
