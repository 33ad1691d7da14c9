"""A service that takes a given time for everything, for the benchmark of journeys.

    python benchmarks/journeys_server.py

`GET /after/SECONDS` is answered after so many seconds; a WebSocket gives every message back, `{"after": SECONDS}` after so
many seconds as the event `done`. It prints its port, and ends with its input.
"""

import asyncio
import json
import logging
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response


async def answer(connection: ServerConnection, request: Request) -> Response | None:
    """Anything but a WebSocket."""
    if not request.path.startswith("/after/"):
        return None
    await asyncio.sleep(float(request.path.removeprefix("/after/")))
    return connection.respond(200, "{}\n")


async def talk(connection: ServerConnection) -> None:
    """A WebSocket."""
    async for message in connection:
        if isinstance(message, str) and message.startswith("{"):
            await asyncio.sleep(json.loads(message)["after"])
            message = '{"type": "done"}'
        await connection.send(message)


async def main() -> None:
    """Serve until the input ends."""
    logging.disable()
    async with serve(
        talk, "127.0.0.1", 0, process_request=answer, ping_interval=None, open_timeout=120, backlog=4096
    ) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
