"""Asking when time is what matters: libcurl, over one kept connection, in a thread of its own.

The time is libcurl's own, from the moment that the request could be sent (the connection is up) until the last byte of
the answer, so that neither our event loop nor the interpreter's lock is in it.
"""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

from bot.probes.probe import Unmeasurable
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


class Sampler:
    """Asks one service, one request after the other."""

    def __init__(self, url: str) -> None:
        try:
            import pycurl
        except ImportError as error:
            raise Unmeasurable(
                f"samples are timed by pycurl, which cannot be loaded: {error}", "install pycurl"
            ) from error
        self._pycurl = pycurl
        self._url = url
        self._handle: pycurl.Curl = pycurl.Curl()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sampler")
        self._stop = False
        self._checked = is_loopback(url)

    async def ask(self, request: Request, deadline: float) -> Answer:
        """Ask once; see `bot.safety.http.ask` for what is raised."""
        if not self._checked:
            await asyncio.to_thread(refuse_link_local, self._url)
            self._checked = True
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._perform, request, deadline)

    def close(self) -> None:
        """Let go; a request that is under way is given up within about a second."""
        self._stop = True
        self._thread.submit(self._handle.close)
        self._thread.shutdown(wait=False)

    def _perform(self, request: Request, deadline: float) -> Answer:
        pycurl, handle = self._pycurl, self._handle
        body, heads = io.BytesIO(), list[bytes]()
        handle.reset()  # keeps the connection
        self._prepare(request, deadline)

        def write(data: bytes) -> int:
            return body.write(data) if body.tell() + len(data) <= BODY_LIMIT else -1

        handle.setopt(pycurl.WRITEFUNCTION, write)
        handle.setopt(pycurl.HEADERFUNCTION, heads.append)
        incomplete: str | None = None
        try:
            handle.perform()
        except pycurl.error as error:
            code, message = error.args[0], str(error.args[1])
            status = handle.getinfo(pycurl.RESPONSE_CODE)
            if not status:
                raise Unanswered(_FAILURES.get(code, "garbage"), _words(code, message, deadline)) from None
            incomplete = (
                f"it is longer than {BODY_LIMIT:,} bytes" if code == _TOO_LONG else _words(code, message, deadline)
            )
        seconds = handle.getinfo(pycurl.TOTAL_TIME) - handle.getinfo(pycurl.PRETRANSFER_TIME)
        reason, headers = _parsed(heads)
        return Answer(
            status=handle.getinfo(pycurl.RESPONSE_CODE),
            reason=reason,
            headers=headers,
            body=body.getvalue(),
            seconds=max(0.0, seconds),
            incomplete=incomplete,
        )

    def _prepare(self, request: Request, deadline: float) -> None:
        pycurl, handle = self._pycurl, self._handle
        handle.setopt(pycurl.URL, request.url)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PATH_AS_IS, 1)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.TIMEOUT_MS, max(1, int(deadline * 1000)))
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(min(deadline, CONNECT_TIMEOUT) * 1000)))
        handle.setopt(pycurl.ENCODING, "gzip, deflate")
        handle.setopt(pycurl.USERAGENT, USER_AGENT)
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers] + ["Expect:"])
        handle.setopt(pycurl.NOPROGRESS, 0)
        handle.setopt(pycurl.XFERINFOFUNCTION, lambda *_: int(self._stop))
        if is_loopback(request.url):
            handle.setopt(pycurl.PROXY, "")
        if request.method == "HEAD":
            handle.setopt(pycurl.NOBODY, 1)
        elif request.method != "GET" or request.content is not None:
            handle.setopt(pycurl.POSTFIELDS, request.content or b"")
            handle.setopt(pycurl.CUSTOMREQUEST, request.method)


def _words(code: int, message: str, deadline: float) -> str:
    known = {
        7: "connection refused" if "refused" in message.lower() else "no connection",
        28: f"no whole answer within {deadline:g} s",
        52: "the connection was closed before an answer came",
        56: "the connection was closed before an answer came",
        _BROKEN_OFF: "it broke off",
    }
    return known.get(code, message or f"libcurl's error {code}")


def _parsed(lines: list[bytes]) -> tuple[str, tuple[tuple[str, str], ...]]:
    reason, headers = "", list[tuple[str, str]]()
    for raw in lines:
        line = raw.decode("utf-8", "replace").strip()
        if line.startswith("HTTP/") and ":" not in line.split(" ", 1)[0]:
            # another status line (100 Continue came before): what was collected belonged to that one
            reason, headers = line.split(" ", 2)[2] if line.count(" ") > 1 else "", []
        elif ":" in line:
            name, value = line.split(":", 1)
            headers.append((name.strip().lower(), value.strip()))
    return reason, tuple(headers)
