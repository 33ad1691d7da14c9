"""Small services on loopback that behave, and that misbehave in one way each."""

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as Upgrade
from websockets.http11 import Response

from tests.debian import debian_program


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Route = Callable[[Asked, asyncio.StreamWriter], Awaitable[bytes | None]]


@dataclass
class Service:
    """An HTTP service. A route gives the bytes of its answer, or writes them itself and gives None."""

    routes: Mapping[str, Route]
    revision: str | None = None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def kill(self) -> None:
        """End at once, as a process that is killed does."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines if each)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        path = target.split("?")[0]
        route = self.routes.get(f"{method} {path}") or self.routes.get("*")
        answer = await route(asked, writer) if route else plain(404, b"no such route")
        if answer is None:
            return False
        if self.revision is not None:
            answer = answer.replace(b"\r\n", b"\r\nx-revision: " + self.revision.encode() + b"\r\n", 1)
        writer.write(answer)
        await writer.drain()
        return True


def plain(status: int, body: bytes, media_type: str = "text/plain", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def of_json(data: Any, status: int = 200) -> bytes:
    return plain(status, json.dumps(data).encode(), "application/json")


def answers(answer: bytes) -> Route:
    async def route(_asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        return answer

    return route


def slowly(answer: bytes, seconds: float) -> Route:
    async def route(_asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(seconds)
        return answer

    return route


async def never(_asked: Asked, _writer: asyncio.StreamWriter) -> bytes | None:
    await asyncio.sleep(30)
    return None


async def endless(_asked: Asked, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while True:
        writer.write(b"[" * 65536)
        await writer.drain()


async def drip(_asked: Asked, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)


async def breaks_off(_asked: Asked, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")
    await writer.drain()
    return None


async def hangs_up(_asked: Asked, _writer: asyncio.StreamWriter) -> bytes | None:
    return None


async def garbage(_asked: Asked, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    await writer.drain()
    return None


HEALTH = {"GET /health": answers(of_json({"status": "healthy"}))}


@contextlib.asynccontextmanager
async def service(routes: Mapping[str, Route], revision: str | None = None) -> AsyncIterator[Service]:
    started = Service(routes, revision)
    await started.start()
    try:
        yield started
    finally:
        started.kill()
        await asyncio.sleep(0)


def unused_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """Accepts, and never says a word."""
    held = set[asyncio.StreamWriter]()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.add(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()
        await asyncio.sleep(0)


Talk = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def sockets(
    talk: Talk, refuse: Callable[[ServerConnection, Upgrade], Response | None] | None = None, **options: Any
) -> AsyncIterator[str]:
    """A WebSocket service."""
    async with serve(talk, "127.0.0.1", 0, process_request=refuse, close_timeout=0.2, **options) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def plays(*events: str, code: int = 1000, after: float = 0.0) -> Talk:
    """Waits for a message, plays events, and waits to be closed (or closes with another code)."""

    async def talk(connection: ServerConnection) -> None:
        await connection.recv()
        for number, event in enumerate(events):
            await asyncio.sleep(after)
            await connection.send(json.dumps({"type": event, "number": number, "payload": {"text": "hello"}}))
        if code != 1000:
            await connection.close(code, "as planned")
        await connection.wait_closed()

    return talk


def upgraded(key: str, extra: str = "") -> bytes:
    """The answer to a handshake with this key, by hand."""
    accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
    head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    return f"{head}sec-websocket-accept: {accept}\r\n{extra}\r\n".encode()


def by_hand(*frames: bytes, extra: str = "", stay: bool = True) -> Route:
    """A WebSocket of nobody's library: shakes hands, sends bytes, and stays (or ends the connection)."""

    async def route(asked: Asked, writer: asyncio.StreamWriter) -> bytes | None:
        writer.write(upgraded(asked.headers.get("sec-websocket-key", ""), extra) + b"".join(frames))
        await writer.drain()
        if stay:
            await asyncio.sleep(30)
        return None

    return route


@contextlib.contextmanager
def nginx(folder: Path, backend: str, *, upgrade: bool = True, idle: str = "60s") -> Iterator[str]:
    """Debian's nginx in front of a backend."""
    program = debian_program("nginx", "nginx")
    headers = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_http_version 1.1;"
    port = urlsplit(unused_url()).port
    folder.mkdir(parents=True, exist_ok=True)
    kept = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {kept} server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ proxy_pass {backend}; {headers if upgrade else ''} proxy_read_timeout {idle}; }} }} }}\n"
    )
    process = subprocess.Popen([program, "-c", configuration, "-e", folder / "error.log"])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port or 0), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def reset(transport: asyncio.Transport) -> None:
    """End a connection by a TCP reset, as a process that is killed with data unread does."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


Raw = Callable[[Asked, asyncio.StreamWriter, asyncio.StreamReader], Awaitable[None]]


@contextlib.asynccontextmanager
async def talking(raw: Raw) -> AsyncIterator[str]:
    """A service that reads the handshake and does with the bytes after it whatever it likes."""
    tasks = set[asyncio.Task[None] | None]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = line.split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
                await raw(Asked(method, target, headers, b""), writer, reader)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        ended = [each for each in tasks if each is not None]
        for each in ended:
            each.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
