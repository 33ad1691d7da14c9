"""Every way in which a WebSocket fails, made by a real server, is told apart from the others in plain words."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.finding import pick
from tests.integration import servers
from tests.integration.servers import HEALTH, answers, plain, service, sockets
from tests.integration.test_probes import failed, observed

TALK: dict[str, Any] = {"websocket": "/ws", "send": "hello", "events": "started done", "within": "2s", "close": 1000}


async def said(tmp_path: Path, url: str, check: str, **step: Any) -> str:
    found = await observed(tmp_path, url, {"journey": [{**TALK, **step}]})
    assert found.state == "broken"
    return failed(found)[f"step 1: {check}"]


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (servers.garbage, "what came in answer to the handshake is not HTTP"),
        (servers.hangs_up, "the connection was closed during the handshake"),
        (
            answers(plain(200, b"<html>", "text/html; charset=utf-8")),
            "200 OK (a web page: there is no WebSocket here)",
        ),
        (answers(plain(200, b"{}")), "200 OK (an ordinary answer: there is no WebSocket here)"),
        (
            answers(plain(429, b"", extra="retry-after: 30\r\n")),
            "(too many requests; it asks to be tried again after 30 s)",
        ),
        (answers(plain(401, b"")), "401 Unauthorized (credentials refused)"),
        (answers(plain(418, b"")), "(refused)"),
        (answers(plain(500, b"", extra="server: gunicorn\r\n")), "(the service failed), by gunicorn"),
        (answers(plain(301, b"", extra="location: http://elsewhere.example/\r\n")), "a redirect to http://elsewhere"),
        (
            answers(b"HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: no\r\n\r\n"),
            "a wrong Sec-WebSocket-Accept in the handshake: something in between breaks WebSockets",
        ),
        (answers(b"HTTP/1.1 101 X\r\nconnection: close\r\n\r\n"), "something in between takes the upgrade out"),
        (
            servers.by_hand(extra="sec-websocket-protocol: graphql-ws\r\n"),
            "the service chose a subprotocol or an extension that was not offered",
        ),
    ],
)
async def test_a_handshake_that_fails(tmp_path: Path, route: servers.Route, words: str) -> None:
    async with service({"GET /ws": route}) as up:
        assert words in await said(tmp_path, up.url, "handshake", subprotocols=["graphql-transport-ws"])


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ((b"\x88\x00",), "closed by the service without a code (1005), which may be a refusal"),
        ((b"\x88\x02\x03\xe8",), "closed by the service with 1000 (normal), which may be a refusal"),
        ((b"\x88\x02\x03\xe9",), "1001 (going away)"),
        ((b"\x88\x05\x03\xf0bye",), "closed by the service with 1008 (policy violation): bye"),
        ((b"\x88\x02\x03\xf3",), "1011 (internal error)"),
        ((b"\x88\x02\x03\xf4",), "1012 (restarting)"),
        ((b"\x88\x02\x03\xf5",), "1013 (overloaded, try later)"),
        ((b"\x88\x02\x11\x31",), "4401 (the application's own)"),
        ((b"\x81\x02\xff\xff",), "the service broke the protocol, so that we closed with 1007 (broken text)"),
        ((b"\xf1\x01a",), "the service broke the protocol, so that we closed with 1002 (protocol error)"),
        ((b"\x81\x7f\x00\x00\x00\x00\x00\x20\x00\x00",), "a message of more than 1,000,000 bytes came"),
    ],
)
async def test_an_end_that_the_service_makes(tmp_path: Path, frames: tuple[bytes, ...], words: str) -> None:
    async with service({"GET /ws": servers.by_hand(*frames)}) as up:
        assert words in await said(tmp_path, up.url, "events", max_message=1_000_000)


async def test_a_connection_that_ends_and_one_that_is_reset_had_no_code(tmp_path: Path) -> None:
    async with service({"GET /ws": servers.by_hand(stay=False)}) as up:
        assert (await said(tmp_path, up.url, "events")).startswith("cut off without a word (1006);")

    async def reset(connection: ServerConnection) -> None:
        await connection.recv()
        servers.reset(connection.transport)

    async with sockets(reset) as url:
        assert (await said(tmp_path, url, "events")).startswith("reset without a word (1006);")


async def test_a_handler_that_raises_is_the_services_own_1011(tmp_path: Path) -> None:
    async def raises(connection: ServerConnection) -> None:
        await connection.recv()
        raise ZeroDivisionError

    async with sockets(raises) as url:
        assert "closed by the service with 1011 (internal error)" in await said(tmp_path, url, "events")


async def test_a_service_that_opens_and_closes_again_at_once_is_no_open_one(tmp_path: Path) -> None:
    async def refuses(connection: ServerConnection) -> None:
        await connection.close(1008, "who are you?")

    async with sockets(refuses) as url:
        found = await observed(tmp_path, url, {"journey": [{"websocket": "/ws"}]})
    assert failed(found) == {"step 1: handshake": "closed by the service with 1008 (policy violation): who are you?"}


async def test_an_answer_and_then_an_end_without_a_code_is_green_only_where_the_spec_says_so(tmp_path: Path) -> None:
    refusal = servers.by_hand(b"\x81\x02no", b"\x88\x00")
    async with service({"GET /ws": refusal}) as up:
        step = {"websocket": "/ws", "send": "hello"}
        found = await observed(tmp_path, up.url, {"journey": [step]})
        words = "closed by the service without a code (1005), which may be a refusal"
        assert failed(found) == {"step 1: answer": words}
        assert (await observed(tmp_path, up.url, {"journey": [{**step, "close": 1005}]})).state == "measured"


@pytest.mark.debian("nginx")
async def test_a_proxy_that_cuts_an_idle_socket_is_seen_because_we_do_not_ping(tmp_path: Path) -> None:
    async def idles(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with sockets(idles, ping_interval=None) as url:
        with servers.nginx(tmp_path / "nginx", url, idle="1s") as front:
            words = await asyncio.wait_for(said(tmp_path, front, "events", within="8s"), 60)
    silence = re.match(r"cut off without a word \(1006\) after (\d\.\d) s of silence: .* cuts idle sockets;", words)
    assert silence
    assert 0.9 <= float(silence[1]) < 4


@pytest.mark.debian("nginx")
async def test_a_proxy_that_drops_the_upgrade_and_one_without_a_service_are_told_apart(tmp_path: Path) -> None:
    async with sockets(servers.plays("started", "done")) as url:
        with servers.nginx(tmp_path / "nginx", url, upgrade=False) as front:
            words = await said(tmp_path, front, "handshake")
    assert "the upgrade was lost on its way" in words or "not understood as a WebSocket handshake" in words
    with servers.nginx(tmp_path / "nginx", servers.unused_url()) as front:
        words = await said(tmp_path, front, "handshake")
    assert "502 Bad Gateway (the service behind the proxy is down), by nginx" in words


async def test_a_refusal_keeps_the_services_own_answer(tmp_path: Path) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(403, "<b>go away</b>")

    async with sockets(servers.plays(), refuse) as url, service(HEALTH):
        found = await observed(tmp_path, url, {"journey": [TALK]})
    evidence = pick(found.checks, lambda check: not check.ok).evidence
    kept = (tmp_path / "candidate" / "evidence" / f"{(evidence or '').removeprefix('sha256:')}.txt").read_text()
    assert "go away" in kept
