"""A stable public address: `python front.py FILE PORT [HOST]` forwards new connections to where FILE says.

It imports nothing of ours, so that it starts at once. It is a process of its own and outlives the bot, so that a bot
that is killed takes nobody's service away. FILE has a line for each revision, its port on this machine (or `host:port`)
and its share of the connections in percent; switching is one atomic rewrite of it, and it is read for each connection.
One that is open stays with the revision it was made to.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path


async def serve(file: Path, port: int, host: str = "127.0.0.1") -> None:
    """Listen on the port (0: a free one) of this host, say which on standard output, and forward until SIGTERM."""
    backends = Backends(file)
    server = await asyncio.start_server(
        lambda reader, writer: _forward(backends, reader, writer), host, port, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


class Backends:
    """The revisions by their addresses, and whose turn it is.

    Turns are taken by smooth weighted round robin (as nginx does): of any hundred connections in a row each revision
    gets its share, evenly spread.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._owed: dict[tuple[str, int], int] = {}

    def text(self) -> str:
        """What the file says now."""
        return self._file.read_text()

    def turn(self, text: str) -> tuple[str, int]:
        """The address whose turn it is: host and port.

        Raises:
            ValueError: none is named, or what is named is none.
        """
        shares = {
            _address(each): int(share or 100) for each, _, share in (line.partition(" ") for line in text.split("\n"))
        }
        self._owed = {each: self._owed.get(each, 0) + share for each, share in shares.items()}
        chosen = max(self._owed, key=lambda each: self._owed[each])
        self._owed[chosen] -= sum(shares.values())
        return chosen


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


async def _forward(backends: Backends, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        backend_reader, backend_writer = await _connect(backends)
    except (OSError, ValueError):
        writer.transport.abort()
        return
    await asyncio.gather(_pump(reader, backend_writer), _pump(backend_reader, writer))
    for each in (writer, backend_writer):
        each.close()


async def _connect(backends: Backends) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the revision whose turn it is; one that has gone since it was named is looked up again."""
    tried = None
    while (named := backends.text()) != tried:
        tried = named
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(*backends.turn(named))
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
        asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4]))
    except OSError as error:
        sys.exit(error.strerror or str(error))
