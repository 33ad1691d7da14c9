"""The engine's side of a conversation: websockets' protocol over a bare connection of libcurl.

What is sent is stamped just before the kernel gets it, what comes when it can be read, both in the engine's thread.

This module loads websockets; import it where it is used.
"""

import asyncio
import errno
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response

from bot.probes.engine import Loop, Promise

if TYPE_CHECKING:
    import pycurl
    from websockets.http11 import Request

COULD_NOT, TIMED_OUT = 7, 28
"""libcurl's error codes (`libcurl-errors(3)`)."""
CHUNK = 64 * 1024
AT_ONCE = 4 * 1024 * 1024
"""Bytes that are read before others get their turn."""
MOST_WAITING = 1000
"""Messages that may wait to be taken; then nothing more is read."""
MOST_BYTES = 32 * 1024 * 1024
LINGER = 1.0
"""Seconds in which the service may close the connection after the closing handshake, as it ought to."""


class Message(NamedTuple):
    """One message: what it says, when it came (`time.perf_counter`), and by how many seconds that may be late."""

    said: str | bytes
    at: float
    late: float


class Stamp(NamedTuple):
    """When something happened (`time.perf_counter`), and by how many seconds that may be late."""

    at: float
    late: float


class Pong(NamedTuple):
    """The answer to a ping: when that was sent, and when the answer came."""

    sent: float
    came: Stamp


class Unconnected(Exception):
    """libcurl could not connect; `code` is its own."""

    def __init__(self, code: int, words: str, *, refused: bool) -> None:
        super().__init__(words)
        self.code = code
        self.refused = refused


class Line:
    """One connection. `messages` ends with a stamp: the connection is over, or the service has closed."""

    def __init__(
        self, url: str, protocol: ClientProtocol, request: "Request", deadline: float, *, direct: bool
    ) -> None:
        self.protocol = protocol
        self.response: Response | None = None
        self.messages: asyncio.Queue[Message | Stamp] = asyncio.Queue()
        self.opened = Promise[Stamp]()
        self.started = 0.0
        self._url, self._request, self._deadline, self._direct = url, request, deadline, direct
        self._events = asyncio.get_running_loop()
        self._closed: Promise[Stamp] | None = None
        self._handle: pycurl.Curl | None = None
        self._descriptor: int | None = None
        self._unsent = bytearray()
        self._parts: list[bytes] = []
        self._text = True
        self._turn = 0.0
        self._ended = False
        self._waiting, self._taken = 0, 0
        self._waiting_bytes, self._taken_bytes = 0, 0
        self._held_since: float | None = None
        self._pings: dict[bytes, tuple[float, Promise[Pong]]] = {}
        self.was_reset = False

    # --- for the event loop -----------------------------------------------------------------------------------------

    def took(self, message: Message) -> bool:
        """Say that a message was taken; whether the line has to be resumed."""
        self._taken += 1
        self._taken_bytes += len(message.said)
        return self._held_since is not None and not self._full()

    # --- for the engine's thread ------------------------------------------------------------------------------------

    def begin(self, loop: Loop, planned: float | None = None) -> None:
        """Connect, now or at the planned time."""
        self._loop = loop
        loop.closers.add(self.drop)
        self._handle = handle = loop.handle()
        pycurl = loop.pycurl
        handle.setopt(pycurl.URL, self._url)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.CONNECT_ONLY, 1)
        handle.setopt(pycurl.HTTPPROXYTUNNEL, 1)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)  # no HTTP/2 may be offered in TLS
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.CAINFO, loop.authorities)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(self._deadline * 1000)))
        if self._direct:
            handle.setopt(pycurl.PROXY, "")
        loop.at(planned or 0.0, self._connect)

    def send(self, messages: Sequence[str | bytes], sent: Promise[Stamp]) -> None:
        """Send messages; the promise is kept with the moment at which the first one left."""
        self._turn = self._look()
        try:
            for message in messages:
                if isinstance(message, bytes):
                    self.protocol.send_binary(message)
                else:
                    self.protocol.send_text(message.encode("utf-8", "surrogatepass"))
        except InvalidState:
            pass  # it is closed, which the next message says
        self._flush()
        sent.give(Stamp(self._turn, 0.0))

    def ping(self, data: bytes, pong: Promise[Pong]) -> None:
        """Ping; the promise is kept with the moments of sending and of the answer, and broken when the line ends."""
        self._turn = self._look()
        if self._ended:
            pong.fail(ConnectionResetError())
            return
        self._pings[data] = self._turn, pong
        try:
            self.protocol.send_ping(data)
        except InvalidState:
            self._pings.pop(data)
            pong.fail(ConnectionResetError())
        self._flush()

    def close(self, code: int, closed: Promise[Stamp], timeout: float) -> None:
        """Close; the promise is kept when the service has answered that, or has not in time."""
        self._closed = closed
        self._turn = self._look()
        if self._descriptor is None or self.protocol.close_rcvd is not None:
            self.drop()
            return
        try:
            self.protocol.send_close(code)
        except InvalidState:
            self.drop()
            return
        self._ended = True  # nobody takes messages any more
        self._flush()
        self._resume()
        self._loop.at(self._turn + timeout, self.drop)

    def resume(self, _loop: Loop) -> None:
        """Read on, after the messages that waited were taken."""
        self._resume()

    def drop(self) -> None:
        """Let go of the connection, whatever it is doing."""
        if self._descriptor is not None:
            self._loop.unwatch(self._descriptor)
            self._descriptor = None
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._loop.closers.discard(self.drop)
            self._loop.drop(handle, reuse=False)
        self.opened.fail(ConnectionResetError())
        self._end(Stamp(self._loop.now, 0.0))

    def _connect(self) -> None:
        if self._handle is None:
            return
        self.started = self._turn = self._look()
        self._loop.at(self.started + self._deadline, self._too_late)
        self._loop.add(self._handle, self._connected)

    def _connected(self, code: int, words: str) -> None:
        if self._handle is None:
            return
        if code:
            # the number is that of the last attempt, which another address may have made up for
            refused = code == COULD_NOT and self._handle.getinfo(self._loop.pycurl.OS_ERRNO) == errno.ECONNREFUSED
            self.opened.fail(TimeoutError() if code == TIMED_OUT else Unconnected(code, words, refused=refused))
            self.drop()
            return
        self._descriptor = self._handle.getinfo(self._loop.pycurl.ACTIVESOCKET)
        self.protocol.send_request(self._request)
        self._flush()
        self._ready()

    def _too_late(self) -> None:
        if self.response is None:
            self.opened.fail(TimeoutError())
            self.drop()

    def _ready(self, held: float = 0.0) -> None:
        """Read what there is, and send what is left; what was held may have been there for so long already."""
        stamp = Stamp(self._loop.now, max(held, self._loop.late(self._turn)))
        read = 0
        while self._handle is not None and read < AT_ONCE and not self._full():
            try:
                data = self._handle.recv(CHUNK)
            except BlockingIOError:
                break
            except self._loop.pycurl.error:
                data, self.was_reset = b"", True
            read += len(data)
            if not data:
                self.protocol.receive_eof()
                self._take(stamp)
                self.drop()
                return
            self.protocol.receive_data(data)
            self._take(stamp)
        self._flush()
        if self._full() and self._held_since is None and self._descriptor is not None:
            self._held_since = self._loop.now
            self._loop.unwatch(self._descriptor)

    def _take(self, stamp: Stamp) -> None:
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.response = event
                if self.protocol.handshake_exc is None:
                    self.opened.give(stamp)
            elif isinstance(event, Frame):
                self._frame(event, stamp)
        if self.protocol.handshake_exc is not None:
            self.opened.fail(self.protocol.handshake_exc)
            self.drop()
        elif self.protocol.close_rcvd is not None or self.protocol.parser_exc is not None:
            self._end(stamp)
            self._loop.at(self._loop.now + LINGER, self.drop)

    def _frame(self, frame: Frame, stamp: Stamp) -> None:
        if frame.opcode is Opcode.PONG and bytes(frame.data) in self._pings:
            sent, pong = self._pings.pop(bytes(frame.data))
            pong.give(Pong(sent, stamp))
        if frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT} or self._ended:
            return
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        whole, self._parts = b"".join(self._parts), []
        try:
            said: str | bytes = whole.decode() if self._text else whole
        except UnicodeDecodeError as error:
            self.protocol.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            self._end(stamp)
            return
        self._waiting += 1
        self._waiting_bytes += len(said)
        self._give(Message(said, stamp.at, stamp.late))

    def _end(self, stamp: Stamp) -> None:
        if not self._ended:
            self._ended = True
            self._give(stamp)
        for _, pong in self._pings.values():
            pong.fail(ConnectionResetError())
        self._pings.clear()
        if self._closed is not None:
            self._closed.give(stamp)

    def _give(self, item: Message | Stamp) -> None:
        if not self._events.is_closed():
            self._events.call_soon_threadsafe(self.messages.put_nowait, item)

    def _full(self) -> bool:
        return (
            self._waiting - self._taken > MOST_WAITING or self._waiting_bytes - self._taken_bytes > MOST_BYTES
        ) and not self._ended

    def _resume(self) -> None:
        if self._held_since is not None and self._descriptor is not None:
            held, self._held_since = self._loop.now - self._held_since, None
            self._flush()
            self._ready(held)

    def _flush(self) -> None:
        """Send what the protocol has to say, as far as the kernel takes it, and watch for what comes next."""
        for data in self.protocol.data_to_send():
            self._unsent += data  # the empty one asks for half a closing, which no service here waits for
        try:
            while self._unsent and self._handle is not None:
                del self._unsent[: self._handle.send(bytes(self._unsent[:AT_ONCE]))]
        except BlockingIOError:
            pass
        except self._loop.pycurl.error:
            self._unsent.clear()  # reading will say that it is gone
        if self._descriptor is not None and self._held_since is None:
            self._loop.watch(self._descriptor, self._ready, writing=bool(self._unsent))

    def _look(self) -> float:
        self._loop.began()
        return self._loop.youngest


def quiet() -> logging.Logger:
    """A logger for websockets, which would log every failure that is an observation here."""
    logger = logging.getLogger("bot.websockets")
    logger.disabled = True
    return logger
