"""Docker Engine's API over its socket: what is used of it, with what it refuses as one message.

Source: docs.docker.com, Engine API v1.41, which Docker 20.10 speaks, and v1.44, the oldest that Docker 29.0 still does.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bot.model.errors import DeployError

if TYPE_CHECKING:
    import httpx

OLD, NEW = (1, 41), (1, 44)
"""The two versions that are spoken: the same to what is used here."""
SOCKET = "/var/run/docker.sock"
PATIENCE = 60.0
"""Seconds that one answer may take; building and pulling have their own."""


class Gone(DeployError):
    """There is no such container, image or network."""


class Taken(DeployError):
    """The name is taken, or what is asked for is under way already."""


class Engine:
    """An open connection to the engine. `buildkit` is whether it builds with BuildKit."""

    def __init__(self, http: "httpx.AsyncClient") -> None:
        self._http = http
        self._version = OLD
        self.buildkit = False

    async def greet(self) -> None:
        """Ask which version it speaks, and what it builds with.

        Raises:
            DeployError: it does not answer.
        """
        import httpx

        try:
            answer = await self._http.get("/_ping")
        except httpx.HTTPError as error:
            raise _broken(error) from None
        if answer.status_code >= 400:
            raise _refusal(answer, "/_ping")
        self._version = spoken(answer.headers.get("api-version", ""))
        self.buildkit = has_buildkit(answer.headers.get("builder-version", ""), answer.headers.get("ostype", ""))

    async def get(self, path: str, /, **query: str | int) -> Any:
        """What the engine answers to a question."""
        return await self._asked("GET", path, query=query)

    async def post(self, path: str, /, body: Any = None, **query: str | int) -> Any:
        """What the engine answers to an act."""
        return await self._asked("POST", path, query=query, body=body)

    async def delete(self, path: str, /, **query: str | int) -> None:
        """Take something away; what is not there is fine."""
        try:
            await self._asked("DELETE", path, query=query)
        except Gone:
            return

    async def put(self, path: str, /, data: bytes, **query: str | int) -> None:
        """Put an archive into a container."""
        await self._asked("PUT", path, query=query, data=data, media_type="application/x-tar")

    async def raw(self, path: str, /, **query: str | int) -> bytes:
        """An answer that is not JSON: an archive, a log."""
        answer = await self._answer("GET", path, query=query)
        return answer.content

    async def progress(
        self,
        path: str,
        *,
        seconds: float,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str],
    ) -> AsyncIterator[dict[str, Any]]:
        """The lines of JSON that building or pulling prints, as they come.

        Raises:
            DeployError: the engine refuses, breaks off, or takes longer than `seconds` between two lines.
        """
        import httpx

        sent = {"content-type": "application/x-tar", **(headers or {})} if data is not None else dict(headers or {})
        try:
            async with self._http.stream(
                "POST", f"{self._prefix}{path}", params=dict(query), content=data, headers=sent, timeout=seconds
            ) as answer:
                if answer.status_code >= 400:
                    await answer.aread()
                    raise _refusal(answer, path)
                async for line in answer.aiter_lines():
                    if line.strip():
                        yield _object(line)
        except httpx.HTTPError as error:
            raise _broken(error) from None

    @property
    def _prefix(self) -> str:
        return "/v{}.{}".format(*self._version)

    async def _asked(self, method: str, path: str, **more: Any) -> Any:
        answer = await self._answer(method, path, **more)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            return None

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int],
        body: Any = None,
        data: bytes | None = None,
        media_type: str = "application/json",
    ) -> "httpx.Response":
        import httpx

        content = data if data is not None else (json.dumps(body).encode() if body is not None else None)
        headers = {"content-type": media_type} if content is not None else {}
        try:
            answer = await self._http.request(
                method, f"{self._prefix}{path}", params=dict(query), content=content, headers=headers
            )
        except httpx.HTTPError as error:
            raise _broken(error) from None
        if answer.status_code >= 400:
            raise _refusal(answer, path)
        return answer


@asynccontextmanager
async def opened() -> AsyncIterator[Engine]:
    """A connection to the engine that `DOCKER_HOST` names, or to the socket that every runner mounts.

    Raises:
        DeployError: there is none, or it does not answer.
    """
    from bot.safety.http import socket_client

    where = os.environ.get("DOCKER_HOST", f"unix://{SOCKET}")
    if not where.startswith("unix://"):
        raise DeployError(f"DOCKER_HOST is {where.partition('://')[0]}://…; only a unix:// socket is spoken to here")
    path = where.removeprefix("unix://")
    async with socket_client(path, timeout=PATIENCE) as http:
        engine = Engine(http)
        try:
            await engine.greet()
        except DeployError as error:
            raise DeployError(f"Docker Engine does not answer at {path}: {error}") from None
        yield engine


def spoken(newest: str) -> tuple[int, int]:
    """The version to speak with an engine that speaks up to this one.

    >>> spoken("1.41"), spoken("1.52"), spoken("")
    ((1, 41), (1, 44), (1, 41))
    """
    major, _, minor = newest.partition(".")
    known = (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else OLD
    return NEW if known >= NEW else OLD


def has_buildkit(builder: str, system: str) -> bool:
    """Whether it builds with BuildKit, from the headers `Builder-Version` and `OSType`.

    One that does not say builds with either (Docker 20.10); only one whose owner has turned BuildKit off says `1`.

    >>> has_buildkit("2", "linux"), has_buildkit("", "linux"), has_buildkit("1", "linux"), has_buildkit("", "")
    (True, True, False, False)
    """
    return builder != "1" and system == "linux"


def of(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _refusal(answer: "httpx.Response", path: str) -> DeployError:
    try:
        said = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        said = answer.text
    message = f"Docker Engine answered {answer.status_code}: {said.strip()[:500]}"
    if answer.status_code == 404:
        return Gone(message)
    if answer.status_code == 409:
        return Taken(message)
    if answer.status_code in (401, 403):
        message += f" ({path.partition('?')[0]}); see that this job may use the engine"
    return DeployError(message)


def _broken(error: Exception) -> DeployError:
    return DeployError(f"Docker Engine is out of reach: {type(error).__name__}: {str(error)[:200] or 'no answer'}")


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"stream": line}
