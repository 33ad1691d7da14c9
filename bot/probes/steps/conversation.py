"""One WebSocket, from the handshake to its end, with everything that went wrong said in plain words.

Only a code that was received is the service's word: a 1006 was never sent by anybody, and a 1011 after an unanswered
ping would be our own (RFC 6455, section 7.4; that is why no pings are sent here: the deadlines are the judge of life).

This module loads websockets; import it where it is used.
"""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.extensions.permessage_deflate import enable_client_permessage_deflate
from websockets.headers import validate_subprotocols
from websockets.uri import parse_uri

from bot.probes.engine import Engine, Promise
from bot.probes.probe import Unmeasurable
from bot.probes.steps.line import Line, Message, Pong, Stamp, Unconnected, quiet
from bot.probes.steps.step import Time
from bot.probes.steps.traffic import Traffic
from bot.probes.steps.words import code_words, handshake_words
from bot.safety.http import USER_AGENT, Unanswered, is_loopback, refuse_link_local

if TYPE_CHECKING:
    from websockets.frames import Close
    from websockets.typing import Subprotocol

MAX_MESSAGE = 16 * 1024 * 1024
SILENCE = 0.5
"""Seconds without a word after which a cut is called one of an idle socket."""
CLOSE_TIMEOUT = 2.0
MAX_TRANSCRIPT = 1000


class Ended(Exception):
    """The conversation cannot go on; the message says why, in plain words."""


class Conversation:
    """One WebSocket. `transcript` is everything that was said, with milliseconds since the start.

    `spent` are the times in which the service was to act: until it was open, from what was sent until the last message,
    and for closing.
    """

    def __init__(self, url: str, engine: Engine, max_message: int = MAX_MESSAGE) -> None:
        self.url = "ws" + url.removeprefix("http")
        self.transcript: list[str] = []
        self.handshake: Time | None = None
        self.subprotocol: str | None = None
        self.extensions: list[str] = []
        self.headers: Sequence[tuple[str, str]] = ()
        self.spent: list[Time] = []
        self.started = time.perf_counter()
        self.traffic = Traffic()
        self._max_message = max_message
        self._engine = engine
        self._line: Line | None = None
        self._sent: float | None = None
        self._last: Message | None = None
        self._closing = False
        self._left_out = 0
        self._touched = 0.0
        self._cut_at: float | None = None

    async def open(
        self,
        *,
        headers: Sequence[tuple[str, str]],
        subprotocols: Sequence["Subprotocol"],
        origin: str | None,
        deadline: float,
        planned: float | None = None,
    ) -> None:
        """Connect and shake hands, now or at the `planned` time.

        Raises:
            Ended: the service did not.
            Unmeasurable: the address is wrong, or may not be asked.
        """
        web = "http" + self.url.removeprefix("ws")
        loopback = is_loopback(web)
        if not loopback:
            try:
                await asyncio.to_thread(refuse_link_local, web)
            except Unanswered as error:
                raise Unmeasurable(str(error), "check the address of the service") from error
        self.note(">", f"handshake with {self.url}")
        try:
            line = self._new_line(web, headers, subprotocols, origin, deadline, direct=loopback)
            opened = await self._opened(line, planned)
        except (OSError, ValueError, Unconnected, WebSocketException) as error:
            words = handshake_words(error, deadline)
            if isinstance(error, InvalidStatus) and error.response.body:
                self.note("<", bytes(error.response.body).decode("utf-8", "backslashreplace"))
            self.note("!", words)
            raise Ended(words) from error
        self._line = line
        self.started = line.started
        late = 0.0 if planned is None else line.started - planned
        self.handshake = span(planned or line.started, Stamp(opened.at, max(late, opened.late)))
        self.spent.append(self.handshake)
        response = line.response
        self.headers = list(response.headers.raw_items()) if response is not None else []
        self._touched = opened.at
        self.subprotocol = line.protocol.subprotocol
        self.extensions = [extension.name for extension in line.protocol.extensions]
        self.note("<", "101 Switching Protocols", opened.at)

    async def _opened(self, line: Line, planned: float | None) -> Stamp:
        self._engine.call(lambda loop: line.begin(loop, planned))
        try:
            return await line.opened.future
        except asyncio.CancelledError:
            self._engine.tell(lambda _: line.drop())
            raise

    def _new_line(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        subprotocols: Sequence["Subprotocol"],
        origin: str | None,
        deadline: float,
        *,
        direct: bool,
    ) -> Line:
        validate_subprotocols(subprotocols)
        protocol = ClientProtocol(
            parse_uri(self.url),
            origin=origin,  # type: ignore[arg-type]
            extensions=enable_client_permessage_deflate(None),
            subprotocols=list(subprotocols) or None,
            max_size=self._max_message,
            logger=quiet(),
        )
        request = protocol.connect()
        request.headers.update(list(headers))
        request.headers.setdefault("User-Agent", USER_AGENT)
        return Line(url, protocol, request, deadline, direct=direct)

    async def send(self, messages: Sequence[str | bytes]) -> float:
        """Send messages; the moment at which the first one left (`time.perf_counter`).

        Raises:
            Ended: the connection is closed.
        """
        assert self._line is not None
        line, sent = self._line, Promise[Stamp]()
        for message in messages:
            self.note(">", said_text(message))
            self.traffic.sent(message)
        self._spend()
        self._engine.call(lambda _: line.send(messages, sent))
        self._sent = self._touched = (await sent.future).at
        return self._sent

    async def reply(self, message: str) -> None:
        """Send what is no message of the spec, but asked for by the protocol on top: it counts as no question."""
        assert self._line is not None
        line, sent = self._line, Promise[Stamp]()
        self.note(">", message)
        self._engine.call(lambda _: line.send([message], sent))
        await sent.future

    async def ping(self, deadline: float) -> Time | None:
        """The round trip of a ping, or None when no answer came within `deadline` seconds.

        Raises:
            Ended: the connection is closed.
        """
        assert self._line is not None
        line, pong, data = self._line, Promise[Pong](), os.urandom(4)
        self.note(">", "ping")
        self._engine.call(lambda _: line.ping(data, pong))
        try:
            async with asyncio.timeout(deadline):
                found = await pong.future
        except TimeoutError:
            return None
        except ConnectionResetError:
            raise self._ended(Stamp(time.perf_counter(), 0.0)) from None
        self.note("<", "pong", found.came.at)
        self._touched = found.came.at
        self.spent.append(span(found.sent, found.came))
        return self.spent[-1]

    async def receive(self, deadline: float) -> Message | None:
        """The next message, or None when none came within `deadline` seconds.

        Raises:
            Ended: the connection is closed.
        """
        assert self._line is not None
        line = self._line
        try:
            async with asyncio.timeout(deadline):
                item = await line.messages.get()
        except TimeoutError:
            if line.messages.empty():
                return None
            item = line.messages.get_nowait()  # it was there, and only the event loop was slow
        if isinstance(item, Stamp):
            line.messages.put_nowait(item)  # it stays over, however often one asks
            raise self._ended(item)
        if line.took(item):
            self._engine.tell(line.resume)
        said = item.said
        self.note("<", said_text(said), item.at)
        self.traffic.received(said)
        self._last = item
        self._touched = item.at
        return item

    async def close(self, code: int) -> None:
        """Close with a code, unless it is closed already."""
        if self._line is None or self._closing:
            return
        self._closing = True
        line, closed, before = self._line, Promise[Stamp](), self.received_code
        self._spend()
        self._engine.call(lambda _: line.close(code, closed, CLOSE_TIMEOUT))
        began = time.perf_counter()
        ended = await closed.future
        if before is None:
            self.spent.append(span(began, ended))
            self.note(">", f"close {code}", began)
            self.note("<" if self.received_code is not None else "!", self.ending(), ended.at)

    @property
    def received_code(self) -> int | None:
        """The code that the service closed with; None while it has not."""
        received = self._received()
        return received.code if received is not None else None

    @property
    def closed_by_service(self) -> bool:
        """Did the service close first?"""
        return self._line is not None and bool(self._line.protocol.close_rcvd_then_sent)

    def ending(self) -> str:
        """How it ended, in plain words."""
        received = self._received()
        if received is None:
            sent = self._line.protocol.close_sent if self._line is not None else None
            if sent is not None and sent.code == 1009:
                return f"a message of more than {self._max_message:,} bytes came, which we do not take"
            if sent is not None and sent.reason:  # we give a reason only where the protocol was broken
                return f"the service broke the protocol, so that we closed with {code_words(sent.code)}: {sent.reason}"
            if sent is not None:
                return f"no answer to our closing with {code_words(sent.code)}"
            return self._cut_words()
        if received.code == 1005:
            return "closed by the service without a code (1005)" if self.closed_by_service else "closed without a code"
        by = "closed by the service with" if self.closed_by_service else "closed with"
        words = f"{by} {code_words(received.code, self.subprotocol)}"
        return f"{words}: {received.reason}" if received.reason else words

    @property
    def reason(self) -> str:
        """The reason that the service gave with its code."""
        received = self._received()
        return received.reason if received is not None else ""

    def note(self, mark: str, text: str, at: float | None = None) -> None:
        """Add a line to the transcript; of a very long one the end is only counted."""
        if len(self.transcript) < MAX_TRANSCRIPT:
            shown = text if len(text) <= 4096 else f"{text[:4096]}… ({len(text):,} characters)"
            elapsed = max(0.0, (time.perf_counter() if at is None else at) - self.started) * 1000
            self.transcript.append(f"{elapsed:9.1f} {mark} {shown}")
        else:
            self._left_out += 1

    def written(self) -> str:
        """The transcript as text."""
        more = [f"… and {self._left_out:,} lines more"] if self._left_out else []
        return "\n".join([*self.transcript, *more]) + "\n"

    def _spend(self) -> None:
        if self._sent is not None and self._last is not None:
            self.spent.append(span(self._sent, self._last))
        self._sent = self._last = None

    def _cut_words(self) -> str:
        how = "reset" if self._line is not None and self._line.was_reset else "cut off"
        words = f"{how} without a word (1006)"
        silence = (self._cut_at or self._touched) - self._touched
        if silence < SILENCE:
            return words
        return f"{words} after {silence:.1f} s of silence: something in between, or the service, cuts idle sockets"

    def _received(self) -> "Close | None":
        return self._line.protocol.close_rcvd if self._line is not None else None

    def _ended(self, stamp: Stamp) -> Ended:
        self._cut_at = self._cut_at or stamp.at
        words = self.ending()
        self.note("<" if self._received() is not None else "!", words, stamp.at)
        return Ended(words)


def span(began: float, ended: Message | Stamp) -> Time:
    """From one moment to another, in milliseconds."""
    return Time(max(0.0, ended.at - began) * 1000, ended.late * 1000)


def said_text(message: str | bytes) -> str:
    """A message as the transcript has it."""
    return message if isinstance(message, str) else f"({len(message):,} bytes)"


def as_text(message: object) -> str:
    """A message of the spec as it is sent: a string as it is, anything else as JSON."""
    return message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))
