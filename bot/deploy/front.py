"""A stable public address: `python front.py FILE PORT` forwards new connections to the port named in FILE.

It imports nothing of ours, so that it starts at once. It is a process of its own and outlives the bot, so that a bot
that is killed takes nobody's service away. Switching is one atomic rewrite of FILE, which is read for each connection;
one that is open stays with the revision it was made to.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path


async def serve(file: Path, port: int) -> None:
    """Listen on the port (0: a free one), say which on standard output, and forward until SIGTERM."""
    server = await asyncio.start_server(
        lambda reader, writer: _forward(file, reader, writer), "127.0.0.1", port, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


async def _forward(file: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        backend_reader, backend_writer = await _connect(file)
    except (OSError, ValueError):
        writer.transport.abort()
        return
    await asyncio.gather(_pump(reader, backend_writer), _pump(backend_reader, writer))
    for each in (writer, backend_writer):
        each.close()


async def _connect(file: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the revision that is named now; one that has gone since it was read is looked up again."""
    tried = None
    while (port := int(file.read_text())) != tried:
        tried = port
        with contextlib.suppress(OSError):
            return await asyncio.open_connection("127.0.0.1", port)
    raise ConnectionRefusedError


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        return
    writer.transport.abort()


if __name__ == "__main__":
    try:
        asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
    except OSError as error:
        sys.exit(error.strerror or str(error))
