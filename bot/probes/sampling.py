"""Asking when time is what matters: libcurl in the engine's thread, over kept connections, several at once.

The time is libcurl's own. A request without a plan is timed from the moment that it could be sent (the connection is
up) until the last byte of the answer. One with a planned time is timed from that, whatever came in between, a new
connection too: a stall of the service is felt by every request that was to be sent in it.
"""

import asyncio
import errno
import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.probes.engine import Engine, Loop, Promise, failed
from bot.probes.request import Request
from bot.safety.http import (
    BODY_LIMIT,
    CONNECT_TIMEOUT,
    USER_AGENT,
    Answer,
    Failure,
    Unanswered,
    is_loopback,
    refuse_link_local,
)

if TYPE_CHECKING:
    import pycurl

    from bot.probes.streaming import Stream

_FAILURES: dict[int, Failure] = {
    5: "unknown host",
    6: "unknown host",
    7: "refused",
    28: "hang",
    35: "tls",
    60: "tls",
    52: "closed",
    55: "closed",
    56: "closed",
}
"""libcurl's error codes (`libcurl-errors(3)`); any other is garbage."""
_TOO_LONG = 23
_BROKEN_OFF = 18


class Phases(NamedTuple):
    """Milliseconds: until the first byte came, counted as the whole is; and what a new connection took, if it was new."""

    first_byte: float | None = None
    dns: float | None = None
    connect: float | None = None
    tls: float | None = None


NO_PHASES = Phases()


@dataclass(frozen=True)
class Timed(Answer):
    """An answer with its times. `sent` is when it was sent, or was to be; `late` how late we may have been, in seconds."""

    sent: float = 0.0
    late: float = 0.0
    phases: Phases = NO_PHASES


class Unheard(Unanswered):
    """There was no answer, and we waited for `waited` seconds, of which `late` may be our own."""

    def __init__(self, failure: Failure, message: str, *, sent: float, waited: float, late: float) -> None:
        super().__init__(failure, message)
        self.sent = sent
        self.waited = waited
        self.late = late


class Sampler:
    """Asks one service; connections are kept from one request to the next, but for one that says `connection: close`."""

    def __init__(self, url: str, engine: Engine) -> None:
        self._url = url
        self._engine = engine
        self._near = is_loopback(url)
        self._checked = self._near

    async def ask(self, request: Request, deadline: float, planned: float | None = None) -> Timed:
        """Ask once, now or at the `planned` time (`time.perf_counter`); see `bot.safety.http.ask` for what is raised."""
        await self._allowed()
        transfer = Transfer(request, deadline, planned, direct=self._near)
        self._engine.call(transfer.begin)
        try:
            return await transfer.answer.future
        finally:
            if not transfer.over:
                self._engine.tell(transfer.give_up)

    async def stream(self, request: Request, deadline: float, planned: float | None = None) -> "Stream":
        """The same, to be read as it comes; whoever has it must stop it."""
        from bot.probes.streaming import Stream

        await self._allowed()
        stream = Stream(request, deadline, planned, direct=self._near)
        self._engine.call(stream.begin)
        return stream

    async def _allowed(self) -> None:
        if not self._checked:
            await asyncio.to_thread(refuse_link_local, self._url)
            self._checked = True


class Transfer:
    """One request on its way; made in the event loop, and then the engine's."""

    def __init__(self, request: Request, deadline: float, planned: float | None, *, direct: bool) -> None:
        self.answer = Promise[Timed]()
        self.over = False
        self._request, self._deadline, self._planned, self._direct = request, deadline, planned, direct
        self._limit = request.limit or BODY_LIMIT
        self._body, self._heads = io.BytesIO(), list[bytes]()
        self._handle: pycurl.Curl | None = None
        self._begun = 0.0

    def begin(self, loop: Loop) -> None:
        """Send it, or wait for its time."""
        self._loop = loop
        loop.closers.add(self._stopped)
        self._handle = loop.handle()
        try:
            self._prepare(self._handle)
        except (UnicodeError, ValueError, TypeError) as error:
            self._fail("unknown host", f"{self._request.url} cannot be asked: {error}")
            return
        if self._planned is not None and self._planned > time.perf_counter():
            loop.at(self._planned, self._send)
        else:
            self._send()

    def give_up(self, _loop: Loop) -> None:
        """Nobody waits for it any more."""
        self._finish()

    def _stopped(self) -> None:
        if self._loop.fault is not None:
            self._finish()
            self.answer.fail(failed(self._loop.fault))  # a fault of ours is no failure of the service
            return
        self._fail("closed", "given up before an answer came")

    def _send(self) -> None:
        if self.over or self._handle is None:
            return
        self._begun = time.perf_counter()
        self._loop.add(self._handle, self._done)

    def _prepare(self, handle: "pycurl.Curl") -> None:
        pycurl, request, deadline = self._loop.pycurl, self._request, self._deadline
        handle.setopt(pycurl.URL, request.url)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PATH_AS_IS, 1)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.CAINFO, self._loop.authorities)
        handle.setopt(pycurl.TIMEOUT_MS, max(1, int(deadline * 1000)))
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(min(deadline, CONNECT_TIMEOUT) * 1000)))
        handle.setopt(pycurl.ENCODING, "gzip, deflate")
        handle.setopt(pycurl.USERAGENT, USER_AGENT)
        handle.setopt(
            pycurl.HTTPHEADER, [f"{name}: {value}".encode() for name, value in request.headers] + [b"Expect:"]
        )
        handle.setopt(pycurl.WRITEFUNCTION, self._write)
        handle.setopt(pycurl.HEADERFUNCTION, self._heads.append)
        handle.setopt(pycurl.HTTP_VERSION, _version(pycurl, request))
        if ("connection", "close") in ((name.lower(), value.lower()) for name, value in request.headers):
            # who asks for `close` sends nothing more on that connection (RFC 9112, 9.6); libcurl heeds the answer alone
            handle.setopt(pycurl.FRESH_CONNECT, 1)
            handle.setopt(pycurl.FORBID_REUSE, 1)
        if self._direct:
            handle.setopt(pycurl.PROXY, "")
        if request.method == "HEAD":
            handle.setopt(pycurl.NOBODY, 1)
        elif request.method != "GET" or request.content is not None:
            handle.setopt(pycurl.POSTFIELDS, request.content or b"")
            handle.setopt(pycurl.CUSTOMREQUEST, request.method)

    def _write(self, data: bytes) -> int:
        return self._body.write(data) if self._body.tell() + len(data) <= self._limit else -1

    def _done(self, code: int, message: str) -> None:
        assert self._handle is not None
        status = self._handle.getinfo(self._loop.pycurl.RESPONSE_CODE)
        refused = self._handle.getinfo(self._loop.pycurl.OS_ERRNO) == errno.ECONNREFUSED
        if code and not status:
            words = "connection refused" if code == 7 and refused else self._words(code, message)
            self._fail(_FAILURES.get(code, "garbage"), words)
            return
        incomplete = self._words(code, message) if code else None
        version, _, reason, headers = parsed(self._heads)
        seconds, phases = self._times(self._handle)
        answer = Timed(
            status=status,
            reason=reason,
            headers=headers,
            body=self._body.getvalue(),
            seconds=seconds,
            version=version,
            incomplete=incomplete,
            sent=self._origin(),
            late=self._late(),
            phases=phases,
        )
        self._finish()
        self.answer.give(answer)

    def _words(self, code: int, message: str) -> str:
        known = {
            7: "no connection",
            16: "it does not speak HTTP/2",
            28: f"no whole answer within {self._deadline:g} s",
            52: "the connection was closed before an answer came",
            56: "the connection was closed before an answer came",
            _BROKEN_OFF: "it broke off",
            _TOO_LONG: f"it is longer than {self._limit:,} bytes",
        }
        return known.get(code, message or f"libcurl's error {code}")

    def _times(self, handle: "pycurl.Curl") -> tuple[float, Phases]:
        pycurl = self._loop.pycurl
        total, first = handle.getinfo(pycurl.TOTAL_TIME), handle.getinfo(pycurl.STARTTRANSFER_TIME)
        ready, dns, connect, tls = self._ready(handle), None, None, None
        if handle.getinfo(pycurl.NUM_CONNECTS):
            looked_up, connected = handle.getinfo(pycurl.NAMELOOKUP_TIME), handle.getinfo(pycurl.CONNECT_TIME)
            shaken = handle.getinfo(pycurl.APPCONNECT_TIME)
            dns, connect = _ms(looked_up), _ms(connected - looked_up)
            tls = _ms(shaken - connected) if shaken else None
        # not libcurl's own mark for it, which it makes only when the kernel has had the request, and may have run others
        shift = -ready if self._planned is None else self._begun - self._planned
        return max(0.0, total + shift), Phases(_ms(first + shift) if first else None, dns, connect, tls)

    def _ready(self, handle: "pycurl.Curl") -> float:
        """Seconds until the connection was up; none for one that was kept."""
        pycurl = self._loop.pycurl
        if not handle.getinfo(pycurl.NUM_CONNECTS):
            return 0.0
        return float(handle.getinfo(pycurl.APPCONNECT_TIME) or handle.getinfo(pycurl.CONNECT_TIME))

    def _origin(self) -> float:
        return self._begun if self._planned is None else self._planned

    def _late(self) -> float:
        """Both ends are looked at, each by itself: when it was sent, and when its end was seen."""
        sent_late = 0.0 if self._planned is None or not self._begun else self._begun - self._planned
        return max(sent_late, self._loop.late(self._begun))

    def _fail(self, failure: Failure, words: str) -> None:
        waited = time.perf_counter() - self._origin() if self._begun else 0.0
        error = Unheard(failure, words, sent=self._origin(), waited=waited, late=self._late() if self._begun else 0.0)
        self._finish()
        self.answer.fail(error)

    def _finish(self) -> None:
        self.over = True
        self._loop.closers.discard(self._stopped)
        if self._handle is not None:
            self._loop.drop(self._handle, reuse=True)
            self._handle = None


def _ms(seconds: float) -> float:
    return max(0.0, seconds * 1000)


def _version(pycurl: Any, request: Request) -> int:
    """What both clients speak, or HTTP/2: offered in TLS, and without it spoken from the first byte on."""
    if not request.http2:
        return int(pycurl.CURL_HTTP_VERSION_1_1)
    tls = request.url.startswith("https:")
    return int(pycurl.CURL_HTTP_VERSION_2TLS if tls else pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)


def parsed(lines: list[bytes]) -> tuple[str, int, str, tuple[tuple[str, str], ...]]:
    """Version, status, reason and headers out of the lines of a head, or of several."""
    version, status, reason, headers = "HTTP/1.1", 0, "", list[tuple[str, str]]()
    for raw in lines:
        line = raw.decode("utf-8", "replace").strip()
        if line.startswith("HTTP/") and ":" not in line.split(" ", 1)[0]:
            # another status line (100 Continue came before): what was collected belonged to that one
            version, _, rest = line.partition(" ")
            code, _, reason = rest.partition(" ")
            status, headers = int(code) if code.isascii() and code.isdigit() else 0, []
        elif ":" in line:
            name, value = line.split(":", 1)
            headers.append((name.strip().lower(), value.strip()))
    return version, status, reason, tuple(headers)
