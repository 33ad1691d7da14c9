"""The Admin API v2 over HTTP: one call with its retries, and operations that take their time.

https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from bot.deploy.cloud_run.refusals import Refused, Unsure, refused
from bot.deploy.cloud_run.tokens import Tokens
from bot.model.errors import DeployError

if TYPE_CHECKING:
    import httpx

    from bot.safety.http import Answer

PATIENCE = 60.0
"""Seconds for which an act is tried again when the API is busy or down."""
PAUSE = 0.5
"""Seconds before the first new try; each further one takes twice as long, up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 16.0
DEADLINE = 30.0
"""Seconds that one answer may take."""
BUSY = frozenset({429, 500, 502, 503, 504})


class Api:
    """Calls to one API below `endpoint`; open it with `async with`."""

    def __init__(self, endpoint: str, tokens: Tokens, log: Callable[[str], None]) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.tokens = tokens
        self.log = log
        self._stack = AsyncExitStack()
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        from bot.safety import http

        self._http = await self._stack.enter_async_context(http.async_client(self.endpoint, timeout=DEADLINE))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """What is there; None where nothing is (404).

        Raises:
            DeployError: it was refused, or the API is down for longer than `PATIENCE`.
        """
        status, body = await self._tried("GET", path, query, None, again=BUSY)
        if status == 404:
            return None
        return _object(f"GET {path}", status, body)

    async def act(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> dict[str, Any]:
        """Change something.

        Raises:
            Unsure: no answer came, or one that leaves open whether it was done: look before it is tried again.
            DeployError: it was refused. A 429 is tried again first: nothing was done.
        """
        status, answer = await self._tried(method, path, query, body, again=frozenset({429}))
        if status in BUSY - {429}:
            raise Unsure(str(refused(f"{method} {path}", status, answer)))
        return _object(f"{method} {path}", status, answer)

    async def ask(self, path: str, body: object) -> dict[str, Any]:
        """Ask a question that has to be a POST, and changes nothing."""
        return _object(f"POST {path}", *await self._tried("POST", path, None, body, again=BUSY))

    async def operation(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """The operation as it is now.

        One that the API has forgotten, or that we may not read (the role was given on the service alone, and operations
        belong to the project), counts as done: the service itself says what came of it.
        """
        name = operation.get("name")
        if operation.get("done") or not isinstance(name, str) or not name:
            return dict(operation)
        try:
            return await self.get(f"/v2/{quote(name)}") or {"done": True}
        except Refused as error:
            if error.status != 403:
                raise
            return {"done": True}

    async def _tried(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        again: frozenset[int],
    ) -> tuple[int, Any]:
        from bot.safety import http

        until = time.monotonic() + PATIENCE
        pauses = Pauses(PAUSE, LONGEST_PAUSE)
        refreshed = False
        while True:
            wait: float | None = None
            try:
                answer = await self._once(method, path, query, body)
            except http.Unanswered as error:
                text = f"{method} {self.endpoint}{path}: {error}"
                if error.failure in http.OURS:
                    raise DeployError(f"{text}; mend the network of this machine, or `endpoint`") from None
                if method != "GET" and not (again >= BUSY) and error.failure != "refused":
                    raise Unsure(text) from None
                if time.monotonic() + pauses.next >= until:
                    raise DeployError(f"{text}; it was tried for {PATIENCE:g} s; try again later") from None
            else:
                if answer.status == 401 and not refreshed and self.tokens.forget():
                    refreshed = True
                    continue
                wait = _retry_after(answer)
                given_up = time.monotonic() + max(pauses.next, wait or 0.0) >= until
                if answer.status not in again or given_up:
                    return answer.status, _json(answer)
                self.log(f"Cloud Run answered {answer.status} to {method}; it is tried again")
            await pauses.pass_by(until, at_least=wait or 0.0)

    async def _once(self, method: str, path: str, query: Mapping[str, str] | None, body: object) -> "Answer":
        from bot.safety import http

        assert self._http is not None
        words = "&".join(f"{key}={quote(value, safe='')}" for key, value in (query or {}).items())
        headers = [("authorization", f"Bearer {await self.tokens.token()}"), ("accept", "application/json")]
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers.append(("content-type", "application/json"))
        url = f"{self.endpoint}{path}" + (f"?{words}" if words else "")
        return await http.ask(self._http, method, url, headers=headers, content=content, deadline=DEADLINE)


class Pauses:
    """Pauses that grow, with a little chance in them, so that several bots do not come back at once."""

    def __init__(self, first: float, longest: float) -> None:
        self.next = first
        self._longest = longest

    async def pass_by(self, until: float, at_least: float = 0.0) -> None:
        """Pause, but not for long past `until`, a moment of `time.monotonic`."""
        wanted = max(at_least, self.next * random.uniform(0.8, 1.2))  # noqa: S311 -- chance, not secrecy
        self.next = min(self.next * 2, self._longest)
        await asyncio.sleep(max(0.01, min(wanted, until - time.monotonic())))


def _object(what: str, status: int, body: Any) -> dict[str, Any]:
    if not 200 <= status < 300:
        raise refused(what, status, body)
    if not isinstance(body, dict):
        raise DeployError(f"{what}: the answer is no JSON object; is `endpoint` the Cloud Run Admin API?")
    return body


def _json(answer: "Answer") -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _retry_after(answer: "Answer") -> float | None:
    text = answer.header("retry-after") or ""
    return min(float(text), PATIENCE) if text.isdecimal() else None
