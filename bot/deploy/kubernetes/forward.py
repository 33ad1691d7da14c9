"""A port on this machine behind which a pod answers: every connection is carried through the API server.

The protocol is the kubelet's for WebSockets, `v4.channel.k8s.io`: each message begins with the number of its channel, 0
for the data of the first port and 1 for its errors, and the first message of each names the port in two bytes (k8s.io/
kubelet, pkg/cri/streaming/portforward/websocket.go; Kubernetes' Python client speaks it too). One WebSocket carries one
connection. It cannot say that only one direction has ended, so both end together.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bot.deploy.kubernetes import objects
from bot.deploy.kubernetes.api import Api
from bot.deploy.kubernetes.objects import Object

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

DATA, ERROR = 0, 1
CHUNK = 65_536
OPEN = 10.0
"""Seconds that opening may take."""

Pick = Callable[[], Awaitable[list[Object]]]
"""Which pods may answer now."""


class Forward:
    """Listens on 127.0.0.1 while it is open. Connections go to the pods in turn."""

    def __init__(self, api: Api, port: int, pick: Pick, log: Callable[[str], None]) -> None:
        self.api = api
        self.port = port
        self.pick = pick
        self.log = log
        self.url = ""
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._said: set[str] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        assert self._server is not None
        self._server.close()
        for each in self._open:
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def tried(self) -> None:
        """See whether a connection can be carried at all, where there is a pod to carry one to.

        A Role without the right to would look like a service that closes every connection.

        Raises:
            DeployError: the API server refuses.
        """
        if await self.pick():
            async with await self._connected():
                pass

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from websockets.exceptions import WebSocketException

        from bot.model.errors import DeployError

        try:
            async with await self._connected() as socket:
                ways = [asyncio.create_task(_out(reader, socket)), asyncio.create_task(self._back(socket, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in ways:
                        each.cancel()
                    for done in await asyncio.gather(*ways, return_exceptions=True):
                        if isinstance(done, Exception) and not isinstance(done, OSError | WebSocketException):
                            raise done
        except (OSError, TimeoutError, WebSocketException, DeployError) as error:
            # whoever connected sees a connection that closes, as from a service that is not up
            self._say(f"the port-forward to {self.api.namespace} carries nothing: {self.api.said(str(error))}")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connected(self) -> "ClientConnection":
        from websockets.exceptions import InvalidStatus

        from bot.model.errors import DeployError

        pods = await self.pick()
        if not pods:
            raise DeployError("there is no ready pod")
        pod = pods[self._turn % len(pods)]
        self._turn += 1
        header = await self.api.access.credential.header(self.api.redactor)
        path = self.api.path("pods", objects.name(pod), "portforward")
        try:
            return await self._handshake(path, header)
        except InvalidStatus as error:
            response = error.response
            raise self.api.refused("GET", path, response.status_code, bytes(response.body or b"")) from error

    async def _handshake(self, path: str, header: str | None) -> "ClientConnection":
        from websockets.asyncio.client import connect
        from websockets.typing import Subprotocol

        from bot.safety.http import is_loopback

        access = self.api.access
        return await connect(
            f"ws{access.server.removeprefix('http')}{path}?ports={self.port}",
            subprotocols=[Subprotocol("v4.channel.k8s.io")],
            additional_headers={"Authorization": header} if header else None,
            ssl=access.tls,
            proxy=None if is_loopback(access.server) else True,
            compression=None,
            open_timeout=OPEN,
            close_timeout=1.0,
            ping_interval=None,
            max_size=None,
        )

    async def _back(self, socket: "ClientConnection", writer: asyncio.StreamWriter) -> None:
        begun: set[int] = set()
        async for message in socket:
            if not isinstance(message, bytes) or not message:
                continue
            channel, payload = message[0], message[1:]
            if channel not in begun:  # the port, in two bytes
                begun.add(channel)
                payload = payload[2:]
            if channel == ERROR and payload:
                self._say(f"the kubelet ends a connection: {self.api.said(payload.decode(errors='replace'))}")
                return
            if channel == DATA and payload:
                writer.write(payload)
                await writer.drain()

    def _say(self, line: str) -> None:
        if line not in self._said:  # once: a load test opens thousands
            self._said.add(line)
            self.log(line)


async def _out(reader: asyncio.StreamReader, socket: "ClientConnection") -> None:
    while chunk := await reader.read(CHUNK):
        await socket.send(bytes((DATA,)) + chunk)
