"""Whether a WebSocket service keeps to the rules of the protocol (RFC 6455): frames that no library would send.

Each case has a connection of its own, straight to the service. The service has to send back what it gets.
This module loads websockets; import it where it is used.
"""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from bot.probes.steps.line import quiet
from bot.probes.steps.words import code_words, handshake_words
from bot.safety.http import USER_AGENT, Unanswered, refuse_link_local

if TYPE_CHECKING:
    from websockets.uri import WebSocketURI

    from bot.probes.steps.opening import Opening

PATIENCE = 5.0
"""Seconds in which a service answers one case."""
MASK = b"\x0a\x0b\x0c\x0d"
TEXT, BINARY, CONTINUATION, CLOSE, PING = 1, 2, 0, 8, 9
FINAL = 0x80


class Verdict(NamedTuple):
    """What one case came to."""

    name: str
    ok: bool
    expected: str
    actual: str


class Wire:
    """One raw connection after its handshake."""

    def __init__(self, protocol: ClientProtocol, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.protocol, self.reader, self.writer = protocol, reader, writer
        self.frames: list[Frame] = []

    async def write(self, *frames: bytes) -> None:
        """Send bytes as they are."""
        with contextlib.suppress(OSError):
            self.writer.write(b"".join(frames))
            await self.writer.drain()

    async def next(self) -> Frame | str:
        """The next frame that is no ping, or in words why there is none."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not self.frames:
                    data = await self.reader.read(65536)
                    if not data:
                        return "closed without a word"
                    self.protocol.receive_data(data)
                    self.frames += [
                        each
                        for each in self.protocol.events_received()
                        if isinstance(each, Frame) and each.opcode is not Opcode.PING
                    ]
                    if self.protocol.parser_exc is not None and not self.frames:
                        return f"frames that break the protocol: {self.protocol.parser_exc}"
        except TimeoutError:
            return f"nothing within {PATIENCE:g} s"
        except OSError:
            return "reset without a word"
        return self.frames.pop(0)


def frame(opcode: int, data: bytes, *, first: int = FINAL, masked: bool = True) -> bytes:
    """One frame, however wrong: `first` are the bits beside the opcode."""
    mask = FINAL if masked else 0
    if len(data) < 126:
        head = struct.pack("!BB", first | opcode, mask | len(data))
    else:
        head = struct.pack("!BBH", first | opcode, mask | 126, len(data))
    if not masked:
        return head + data
    return head + MASK + bytes(byte ^ MASK[index % 4] for index, byte in enumerate(data))


Case = Callable[[Wire], Awaitable[tuple[bool, str, str]]]


def _refused(code: int, *frames: bytes) -> Case:
    async def case(wire: Wire) -> tuple[bool, str, str]:
        await wire.write(*frames)
        got = await wire.next()
        return _code(got) == code, f"closed with {code_words(code)}", _words(got)

    return case


async def _fragments(wire: Wire) -> tuple[bool, str, str]:
    await wire.write(
        frame(TEXT, "fräg".encode(), first=0), frame(CONTINUATION, b"men", first=0), frame(CONTINUATION, b"ted")
    )
    whole = b""
    while isinstance(got := await wire.next(), Frame) and got.opcode in {Opcode.TEXT, Opcode.CONT}:
        whole += bytes(got.data)
        if got.fin:
            break
    expected = "frägmented"
    ok = whole.decode("utf-8", "replace") == expected
    return (
        ok,
        f"the text {expected}, sent back",
        f"the text {whole.decode('utf-8', 'replace')}" if whole else _words(got),
    )


async def _ping(wire: Wire) -> tuple[bool, str, str]:
    await wire.write(frame(PING, b"are you there?"))
    got = await wire.next()
    ok = isinstance(got, Frame) and got.opcode is Opcode.PONG and bytes(got.data) == b"are you there?"
    return ok, "a pong with the payload of the ping", "that pong" if ok else _words(got)


async def _close(wire: Wire) -> tuple[bool, str, str]:
    await wire.write(frame(CLOSE, struct.pack("!H", 1000)))
    got = await wire.next()
    return _code(got) == 1000, f"closed with {code_words(1000)}", _words(got)


BASIC: dict[str, Case] = {
    "unmasked frame": _refused(1002, frame(TEXT, b"unmasked", masked=False)),
    "reserved bits": _refused(1002, frame(TEXT, b"reserved", first=FINAL | 0x30)),
    "unknown opcode": _refused(1002, frame(3, b"unknown")),
    "control frame too long": _refused(1002, frame(PING, b"p" * 126)),
    "bad UTF-8": _refused(1007, frame(TEXT, b"\xce\xba\xff\xfe")),
    "fragments": _fragments,
    "ping": _ping,
    "close": _close,
}


async def basic(opening: "Opening") -> tuple[list[Verdict], str]:
    """All cases, and a transcript."""
    found: list[Verdict] = []
    for name, case in BASIC.items():
        expected = "a connection"
        try:
            wire = await _connected(opening)
        except (OSError, ValueError, EOFError, Unanswered, WebSocketException) as error:
            found.append(Verdict(name, ok=False, expected=expected, actual=_no_connection(error)))
            continue
        try:
            found.append(Verdict(name, *await case(wire)))
        finally:
            wire.writer.close()
            with contextlib.suppress(OSError):
                await wire.writer.wait_closed()
    lines = [f"{each.name}: {'holds' if each.ok else 'fails'}: {each.actual}" for each in found]
    return found, "\n".join(lines) + "\n"


async def _connected(opening: "Opening") -> Wire:
    await asyncio.to_thread(refuse_link_local, opening.url)
    uri = parse_uri("ws" + opening.url.removeprefix("http"))
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(
            uri.host, uri.port, ssl=ssl.create_default_context() if uri.secure else None
        )
        try:
            return Wire(await _shaken(opening, uri, reader, writer), reader, writer)
        except BaseException:
            writer.close()
            raise


async def _shaken(
    opening: "Opening", uri: "WebSocketURI", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> ClientProtocol:
    # no extension is offered, because the reserved bits would then have a meaning
    protocol = ClientProtocol(
        uri,
        origin=opening.origin,  # type: ignore[arg-type]
        subprotocols=opening.subprotocols or None,  # type: ignore[arg-type]
        logger=quiet(),
    )
    request = protocol.connect()
    request.headers.update(opening.headers)
    request.headers.setdefault("User-Agent", USER_AGENT)
    protocol.send_request(request)
    writer.write(b"".join(protocol.data_to_send()))
    await writer.drain()
    while protocol.handshake_exc is None:
        data = await reader.read(65536)
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
        if any(isinstance(event, Response) for event in protocol.events_received()):
            break
    if protocol.handshake_exc is not None:
        raise protocol.handshake_exc
    return protocol


def _no_connection(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return handshake_words(error, PATIENCE)


def _code(got: Frame | str) -> int | None:
    if isinstance(got, str) or got.opcode is not Opcode.CLOSE:
        return None
    return int(struct.unpack("!H", bytes(got.data[:2]))[0]) if len(got.data) >= 2 else 1005


def _words(got: Frame | str) -> str:
    if isinstance(got, str):
        return got
    code = _code(got)
    if code is not None:
        reason = bytes(got.data[2:]).decode("utf-8", "replace")
        return f"closed with {code_words(code)}" + (f": {reason}" if reason else "")
    return f"a frame of type {got.opcode.name.lower()}, as if nothing was wrong"
