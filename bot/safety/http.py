"""The one place that makes HTTP clients, and the one way of asking with a bounded answer.

Redirects are not followed, no cookies are kept, loopback never goes through a proxy, link-local addresses (where clouds
keep their credentials) are refused, a body ends at a limit, and an answer as a whole has a deadline.

This module loads httpx; import it where it is used.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal

import httpx

BODY_LIMIT = 8 * 1024 * 1024
CONNECT_TIMEOUT = 2.5
"""Seconds until a host that answers no SYN counts as down: time for one retransmission, after 1 s (RFC 6298)."""
USER_AGENT = "stability-proof"

Failure = Literal["refused", "hang", "closed", "garbage", "tls", "unknown host", "forbidden address", "unreachable"]
OURS: frozenset[Failure] = frozenset({"unknown host", "forbidden address"})
"""Failures that say something about the machine we are on or about the spec, and nothing about the service."""


@dataclass(frozen=True)
class Answer:
    """What came back. `seconds` is from just before the request until the last byte that was read.

    `incomplete` says in words why the body is not whole (`None` when it is).
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float
    version: str = "HTTP/1.1"
    incomplete: str | None = None

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Unanswered(Exception):
    """There was no answer. `failure` is the class, the message says it in plain words."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class AddressRefused(httpx.ConnectError):
    """The host is, or resolves to, a link-local address."""


def async_client(
    base_url: str = "",
    *,
    timeout: float = 30.0,
    headers: Mapping[str, str] | None = None,
    link_local: bool = False,
    tls: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """A client for many requests.

    `link_local` allows a cloud's metadata server, for targets that need it. `tls` is for a server whose authority is its
    own, or that wants to see a certificate.
    """

    async def guard(request: httpx.Request) -> None:
        await asyncio.to_thread(_refuse_once, request.url, seen)

    seen: set[str] = set()
    return httpx.AsyncClient(
        base_url=base_url,
        verify=tls or True,
        timeout=_timeout(timeout),
        headers={"user-agent": USER_AGENT, **(headers or {})},
        cookies=_no_cookies(),
        follow_redirects=False,
        trust_env=not is_loopback(base_url),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
        event_hooks={"request": [] if link_local or is_loopback(base_url) else [guard]},
    )


def socket_client(path: str, *, timeout: float = 30.0) -> httpx.AsyncClient:
    """A client that speaks to a socket of this machine."""
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=path),
        base_url="http://socket",
        timeout=_timeout(timeout),
        headers={"user-agent": USER_AGENT},
        cookies=_no_cookies(),
        follow_redirects=False,
        trust_env=False,
    )


def client(
    base_url: str = "", *, timeout: float = 30.0, headers: Mapping[str, str] | None = None, link_local: bool = False
) -> httpx.Client:
    """The same, for code that is not asynchronous."""

    def guard(request: httpx.Request) -> None:
        _refuse_once(request.url, seen)

    seen: set[str] = set()
    return httpx.Client(
        base_url=base_url,
        timeout=_timeout(timeout),
        headers={"user-agent": USER_AGENT, **(headers or {})},
        cookies=_no_cookies(),
        follow_redirects=False,
        trust_env=not is_loopback(base_url),
        event_hooks={"request": [] if link_local or is_loopback(base_url) else [guard]},
    )


async def ask(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    content: bytes | None = None,
    deadline: float = 10.0,
    limit: int = BODY_LIMIT,
) -> Answer:
    """Ask once, and read at most `limit` bytes within `deadline` seconds, all included.

    Raises:
        Unanswered: nothing came that could be called an answer.
    """
    started = time.perf_counter()
    body = bytearray()
    head: httpx.Response | None = None
    incomplete: str | None = None
    try:
        async with asyncio.timeout(deadline):
            raw = [(name.encode(), value.encode()) for name, value in headers]  # as the samples send them
            request = http.build_request(method, url, headers=raw, content=content, timeout=_timeout(deadline))
            head = await http.send(request, stream=True)
            try:
                async for chunk in head.aiter_bytes():
                    body += chunk
                    if len(body) > limit:
                        incomplete = f"it is longer than {limit:,} bytes"
                        break
            finally:
                await head.aclose()
    except TimeoutError:
        if head is None:
            raise Unanswered("hang", f"no answer within {deadline:g} s") from None
        incomplete = f"it had not ended after {deadline:g} s, {len(body):,} bytes long"
    except httpx.HTTPError as error:
        if head is None:
            raise _unanswered(error, deadline) from error
        incomplete = f"it broke off after {len(body):,} bytes: {_words(error)}"
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Unanswered("unknown host", f"{url} is no URL: {error}") from error
    assert head is not None
    return Answer(
        status=head.status_code,
        reason=head.reason_phrase,
        headers=tuple((_latin(key), _latin(value)) for key, value in head.headers.raw),
        body=bytes(body[:limit]),
        seconds=time.perf_counter() - started,
        version=head.http_version,
        incomplete=incomplete,
    )


def is_loopback(url: str) -> bool:
    """Does the URL name this very machine?"""
    host = _host(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return ""


def _no_cookies() -> CookieJar:
    """A jar that takes none: a cookie that one probe was given would go with the others', whichever came first."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT))


def refuse_link_local(url: str) -> None:
    """Look a URL's host up, and refuse it if it is link-local. It blocks: call it in a thread.

    Raises:
        Unanswered: of the failure `forbidden address`.
    """
    try:
        _refuse_once(httpx.URL(url), set())
    except (AddressRefused, httpx.InvalidURL) as error:
        raise Unanswered("forbidden address", str(error)) from error


def _refuse_once(url: httpx.URL, seen: set[str]) -> None:
    if url.host in seen:
        return
    try:
        found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # connecting will say it better
    for *_, address in found:
        if ipaddress.ip_address(str(address[0]).split("%")[0]).is_link_local:
            raise AddressRefused(f"{url.host} is the link-local address {address[0]}, which is never asked")
    seen.add(url.host)


def _unanswered(error: httpx.HTTPError, deadline: float) -> Unanswered:
    causes = tuple(_chain(error))
    if isinstance(error, AddressRefused):
        return Unanswered("forbidden address", str(error))
    if isinstance(error, httpx.ConnectTimeout):
        return Unanswered("unreachable", f"no connection within {min(deadline, CONNECT_TIMEOUT):g} s")
    if isinstance(error, httpx.TimeoutException):
        return Unanswered("hang", f"no answer within {deadline:g} s")
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError):
            return Unanswered("refused", "connection refused")
        if isinstance(cause, socket.gaierror):
            return Unanswered("unknown host", f"the host name cannot be resolved: {cause.strerror or cause}")
        if isinstance(cause, ssl.SSLError):
            return Unanswered("tls", f"TLS failed: {cause.reason or cause}")
    if isinstance(error, httpx.ConnectError):
        return Unanswered("unreachable", f"no connection: {_words(causes[-1])}")
    if isinstance(error, httpx.ReadError | httpx.WriteError | httpx.CloseError):
        return Unanswered("closed", "the connection was closed before an answer came")
    if isinstance(error, httpx.RemoteProtocolError):
        if "disconnected without" in str(error):
            return Unanswered("closed", "the connection was closed before an answer came")
        return Unanswered("garbage", f"what came is not HTTP: {_words(error)}")
    return Unanswered("garbage", _words(error))


def _chain(error: BaseException) -> Iterable[BaseException]:
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop(0)
        if each is not None:
            yield each
            todo += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
            todo.append(each.__cause__ or each.__context__)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _latin(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
