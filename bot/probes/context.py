"""One revision while it is observed: how it is asked, who answered, and where the evidence goes."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bot.model import Evidence, Subject, digest
from bot.probes.engine import Engine
from bot.probes.identity import Witness
from bot.probes.login import Credential, Login
from bot.probes.probe import Unmeasurable
from bot.probes.request import Request
from bot.safety.redact import Redactor

if TYPE_CHECKING:
    import httpx

    from bot.probes.sampling import Sampler
    from bot.probes.streaming import Stream
    from bot.safety.http import Answer

TEXT = "text/plain; charset=utf-8"


class Clock:
    """How much time is left of what a probe may take, from now on or from its planned time."""

    def __init__(self, seconds: float, planned: float | None = None) -> None:
        ahead = 0.0 if planned is None else max(0.0, planned - time.perf_counter())
        self.end = asyncio.get_running_loop().time() + ahead + seconds

    def left(self, at_most: float = float("inf")) -> float:
        """Seconds, never less than a moment, so that a deadline in the past still fails as a deadline does."""
        return max(0.001, min(at_most, self.end - asyncio.get_running_loop().time()))


class Context:
    """One revision while it is observed. Opened by the session, and closed by it."""

    def __init__(
        self,
        subject: Subject,
        folder: Path,
        redactor: Redactor,
        logins: Mapping[str, Login],
        witness: Witness,
        engine: Engine,
    ) -> None:
        self.subject = subject
        self.engine = engine
        self.url = subject.url.rstrip("/")
        self.redactor = redactor
        self.witness = witness
        self.evidence: dict[str, Evidence] = {}
        self._folder = folder
        self._logins = logins
        self._signing_in: dict[str, asyncio.Task[Credential]] = {}
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._sampler: Sampler | None = None

    def keep(self, text: str, media_type: str = TEXT, suffix: str = "txt") -> str:
        """Write evidence, redacted, and give its digest."""
        data = self.redactor.text(text).encode("utf-8", "backslashreplace")
        name = digest(data)
        if name not in self.evidence:
            path = f"evidence/{name.removeprefix('sha256:')}.{suffix}"
            file = self._folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            self.evidence[name] = Evidence.model_validate({"path": path, "media_type": media_type, "bytes": len(data)})
        return name

    async def ask(self, request: Request, deadline: float) -> "Answer":
        """Ask once, where time is not what matters."""
        from bot.safety import http

        if request.http2:
            return await self.time(request, deadline)  # libcurl speaks it, and httpx would need more libraries
        # an issuer may be elsewhere than the service, and then has its own rules: a proxy, and no link-local address
        near = http.is_loopback(request.url)
        if near not in self._clients:
            self._clients[near] = http.async_client(request.url if near else "")
        return await http.ask(
            self._clients[near],
            request.method,
            request.url,
            headers=request.headers,
            content=request.content,
            deadline=deadline,
            limit=request.limit or http.BODY_LIMIT,
        )

    async def time(self, request: Request, deadline: float, planned: float | None = None) -> "Answer":
        """Ask once, now or at a planned time, over a connection that is kept, by a client fit for timing."""
        return await self._timing().ask(request, deadline, planned)

    async def stream(self, request: Request, deadline: float, planned: float | None = None) -> "Stream":
        """The same, to be read as it comes; whoever has it must stop it."""
        return await self._timing().stream(request, deadline, planned)

    def _timing(self) -> "Sampler":
        from bot.probes.sampling import Sampler

        if self._sampler is None:
            self._sampler = Sampler(self.url, self.engine)
        return self._sampler

    async def credential(self, name: str, deadline: float) -> Credential:
        """The credential of a login. Signed in once for all probes of this revision, and again before it expires.

        Raises:
            Unmeasurable: the spec has no such login.
        """
        login, known = self.login(name), self._signing_in.get(name)
        if known is None or (known.done() and (known.cancelled() or known.exception() or known.result().stale())):
            lost = known is None or known.cancelled() or known.exception()
            work = login.sign_in(name, self) if lost or known is None else login.renew(name, self, known.result())
            known = self._signing_in[name] = asyncio.create_task(work)
            known.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen, even if nobody waits
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(known)
        except TimeoutError:
            return Credential(failure=f"no answer within {deadline:g} s")

    def forget(self, name: str) -> None:
        """Sign in anew the next time: the service no longer takes the credential."""
        known = self._signing_in.get(name)
        if known is not None and known.done():
            del self._signing_in[name]

    def login(self, name: str) -> Login:
        """The login of that name.

        Raises:
            Unmeasurable: the spec has none.
        """
        if name not in self._logins:
            raise Unmeasurable(f"the spec has no login {name!r}", f"declare {name} under `login:`")
        return self._logins[name]

    async def release(self) -> None:
        """Let go of connections. Credentials are kept, and it can be used again."""
        waiting = [task for task in self._signing_in.values() if not task.done()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()
