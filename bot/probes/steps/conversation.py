"""One WebSocket, from the handshake to its end, with everything that went wrong said in plain words.

Only a code that was received is the service's word: a 1006 was never sent by anybody, and a 1011 after an unanswered
ping would be our own (RFC 6455, section 7.4; that is why no pings are sent here: the deadlines are the judge of life).

This module loads websockets; import it where it is used.
"""

import asyncio
import json
import logging
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)
from websockets.frames import Close

from bot.probes.probe import Unmeasurable
from bot.safety.http import USER_AGENT, Unanswered, is_loopback, refuse_link_local

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.typing import Subprotocol

MAX_MESSAGE = 16 * 1024 * 1024
CLOSE_TIMEOUT = 2.0
MAX_TRANSCRIPT = 1000
MEANINGS: Mapping[int, str] = {
    1000: "normal",
    1001: "going away",
    1002: "protocol error",
    1003: "data it cannot take",
    1005: "no code",
    1007: "broken text",
    1008: "policy violation",
    1009: "message too big",
    1010: "an extension is missing",
    1011: "internal error",
    1012: "restarting",
    1013: "overloaded, try later",
    1014: "bad gateway",
}
REFUSALS: Mapping[int, str] = {
    400: "not understood as a WebSocket handshake",
    401: "credentials refused",
    403: "credentials refused",
    404: "no such route",
    426: "not understood as a WebSocket handshake",
    429: "too many requests",
    502: "the service behind the proxy is down",
    503: "the service is not available",
    504: "the service behind the proxy does not answer",
}


class Connect(connect):
    """Does not follow redirects: they would carry credentials to where the spec never said."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Leave a redirect as the refusal that it is."""
        return exc


class Ended(Exception):
    """The conversation cannot go on; the message says why, in plain words."""


class Conversation:
    """One WebSocket. `transcript` is everything that was said, with milliseconds since the start."""

    def __init__(self, url: str) -> None:
        self.url = "ws" + url.removeprefix("http")
        self.transcript: list[str] = []
        self.handshake: float | None = None
        self.subprotocol: str | None = None
        self.extensions: list[str] = []
        self.headers: Sequence[tuple[str, str]] = ()
        self._started = time.perf_counter()
        self._socket: ClientConnection | None = None
        self._left_out = 0

    async def open(
        self,
        *,
        headers: Sequence[tuple[str, str]],
        subprotocols: Sequence["Subprotocol"],
        origin: str | None,
        deadline: float,
    ) -> None:
        """Connect and shake hands.

        Raises:
            Ended: the service did not.
            Unmeasurable: the address is wrong, or may not be asked.
        """
        loopback = is_loopback("http" + self.url.removeprefix("ws"))
        if not loopback:
            try:
                await asyncio.to_thread(refuse_link_local, "http" + self.url.removeprefix("ws"))
            except Unanswered as error:
                raise Unmeasurable(str(error), "check the address of the service") from error
        self.note(">", f"handshake with {self.url}")
        try:
            self._socket = await Connect(
                self.url,
                additional_headers=list(headers),
                subprotocols=list(subprotocols) or None,
                origin=origin,  # type: ignore[arg-type]
                user_agent_header=USER_AGENT,
                proxy=None if loopback else True,
                open_timeout=deadline,
                close_timeout=CLOSE_TIMEOUT,
                ping_interval=None,
                max_size=MAX_MESSAGE,
                logger=_quiet(),
            )
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError, EOFError) as error:
            words = _handshake_words(error, deadline)
            self.note("!", words)
            raise Ended(words) from error
        self.handshake = self.elapsed()
        response = self._socket.response
        self.headers = list(response.headers.raw_items()) if response is not None else []
        self.subprotocol = self._socket.subprotocol
        self.extensions = [extension.name for extension in self._socket.protocol.extensions]
        self.note("<", "101 Switching Protocols")

    async def send(self, message: str) -> None:
        """Send one message.

        Raises:
            Ended: the connection is closed.
        """
        assert self._socket is not None
        self.note(">", message)
        try:
            await self._socket.send(message)
        except ConnectionClosed:
            raise self._ended() from None

    async def receive(self, deadline: float) -> str | bytes | None:
        """The next message, or None when none came within `deadline` seconds.

        Raises:
            Ended: the connection is closed.
        """
        assert self._socket is not None
        try:
            message = await asyncio.wait_for(self._socket.recv(), deadline)
        except TimeoutError:
            return None
        except ConnectionClosed:
            raise self._ended() from None
        self.note("<", message if isinstance(message, str) else f"({len(message):,} bytes)")
        return message

    async def close(self, code: int) -> None:
        """Close with a code, unless it is closed already."""
        if self._socket is None:
            return
        before = self.received_code
        await self._socket.close(code)
        if before is None:
            self.note(">", f"close {code}")
            self.note("<" if self.received_code is not None else "!", self.ending())

    @property
    def received_code(self) -> int | None:
        """The code that the service closed with; None while it has not."""
        received = self._received()
        return received.code if received is not None else None

    @property
    def closed_by_service(self) -> bool:
        """Did the service close first?"""
        return self._socket is not None and bool(self._socket.protocol.close_rcvd_then_sent)

    def ending(self) -> str:
        """How it ended, in plain words."""
        received = self._received()
        if received is None:
            sent = self._socket.protocol.close_sent if self._socket is not None else None
            if sent is not None and sent.code == 1009:
                return f"a message of more than {MAX_MESSAGE:,} bytes came, which we do not take"
            if sent is not None:
                return f"no answer to our closing with {code_words(sent.code)}"
            return "cut off without a word (1006)"
        by = "closed by the service with" if self.closed_by_service else "closed with"
        words = f"{by} {code_words(received.code)}"
        return f"{words}: {received.reason}" if received.reason else words

    def elapsed(self) -> float:
        """Milliseconds since the start."""
        return (time.perf_counter() - self._started) * 1000

    def note(self, mark: str, text: str) -> None:
        """Add a line to the transcript; of a very long one the end is only counted."""
        if len(self.transcript) < MAX_TRANSCRIPT:
            shown = text if len(text) <= 4096 else f"{text[:4096]}… ({len(text):,} characters)"
            self.transcript.append(f"{self.elapsed():9.1f} {mark} {shown}")
        else:
            self._left_out += 1

    def written(self) -> str:
        """The transcript as text."""
        more = [f"… and {self._left_out:,} lines more"] if self._left_out else []
        return "\n".join([*self.transcript, *more]) + "\n"

    def _received(self) -> Close | None:
        return self._socket.protocol.close_rcvd if self._socket is not None else None

    def _ended(self) -> Ended:
        words = self.ending()
        self.note("<" if self._received() is not None else "!", words)
        return Ended(words)


def code_words(code: int) -> str:
    """A close code with its meaning (RFC 6455, section 7.4.1, and IANA's registry).

    >>> code_words(1011), code_words(4401)
    ('1011 (internal error)', "4401 (the application's own)")
    """
    meaning = MEANINGS.get(code, "the application's own" if 3000 <= code < 5000 else "unknown")
    return f"{code} ({meaning})"


def as_text(message: object) -> str:
    """A message of the spec as it is sent: a string as it is, anything else as JSON."""
    return message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))


def _handshake_words(error: Exception, deadline: float) -> str:
    if isinstance(error, socket.gaierror):
        raise Unmeasurable(
            f"the host name cannot be resolved: {error.strerror}", "check the address of the service"
        ) from error
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return f"no answer to the handshake within {deadline:.3g} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, InvalidStatus):
        return _status_words(error)
    if isinstance(error, InvalidMessage):
        return "the connection was closed during the handshake"
    if isinstance(error, NegotiationError):
        return f"the service chose a subprotocol or an extension that was not offered: {error}"
    if isinstance(error, InvalidHeader):
        return f"a wrong {error.name} in the handshake: something in between breaks WebSockets"
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError):
        return "the connection was closed during the handshake"
    return f"no connection: {error}"


def _status_words(error: InvalidStatus) -> str:
    status = error.response.status_code
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    meaning = REFUSALS.get(status)
    if meaning is None:
        if 200 <= status < 300:
            meaning = "an ordinary answer: there is no WebSocket here"
        elif 300 <= status < 400:
            meaning = f"a redirect to {error.response.headers.get('Location', 'nowhere')}, which is not followed"
        else:
            meaning = "the service failed" if status >= 500 else "refused"
    return f"the handshake was answered with {status} {phrase}".rstrip() + f" ({meaning})"


def _quiet() -> logging.Logger:
    logger = logging.getLogger("bot.websockets")
    logger.disabled = True  # it would log every failure that is an observation here
    return logger
