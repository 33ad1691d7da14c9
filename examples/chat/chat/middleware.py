"""What happens to every answer: it says which revision gave it, and it is logged."""

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat import logs

ANSWERS = {"http.response.start", "websocket.accept"}


class RevisionHeader:
    """Puts `x-revision` on every answer, the WebSocket handshake's too."""

    def __init__(self, app: ASGIApp, revision: str) -> None:
        self.app = app
        self.revision = revision

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def send_with_revision(message: Message) -> None:
            if message["type"] in ANSWERS:
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["x-revision"] = self.revision
            await send(message)

        await self.app(scope, receive, send_with_revision)


class RequestLog:
    """Logs each HTTP request once, when it was answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            took = round((time.perf_counter() - started) * 1000, 3)
            logs.write("request", method=scope["method"], path=scope["path"], status=status, ms=took)
