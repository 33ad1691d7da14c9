"""A stable public address: `python front.py FILE PORT [HOST]` forwards new connections to where FILE says.

It imports nothing of ours, so that it starts at once. It is a process of its own and outlives the bot, so that a bot
that is killed takes nobody's service away. FILE has a line for each revision, its port on this machine (or `host:port`)
and its share of the connections in percent; switching is one atomic rewrite of it, and it is read for each connection.
One that is open stays with the revision it was made to. A host may be a name: what it stands for is asked for again and
again, because a container that is started anew may have another address.
"""

import asyncio
import contextlib
import signal
import socket
import sys
import time
from pathlib import Path

FRESH = 1.0
"""Seconds for which what a name stood for is taken to be so still; a connection that fails asks at once."""


async def serve(file: Path, port: int, host: str = "127.0.0.1") -> None:
    """Listen on the port (0: a free one) of this host, say which on standard output, and forward until SIGTERM."""
    backends, names = Backends(file), Names()
    server = await asyncio.start_server(
        lambda reader, writer: _forward(backends, names, reader, writer), host, port, backlog=1024
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


class Names:
    """What hosts' names stand for."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float]] = {}

    async def find(self, host: str, *, anew: bool = False) -> str:
        """The host's IPv4 address, as it was a second ago at most, or as it is now.

        Raises:
            OSError: nobody is called so.
        """
        if _is_address(host):
            return host
        now = time.monotonic()
        known, since = self._known.get(host, ("", -FRESH))
        if known and not anew and now - since < FRESH:
            return known
        if known:  # whoever comes meanwhile does not ask as well
            self._known[host] = known, now
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        self._known[host] = address, now
        return address


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True


async def _forward(
    backends: Backends, names: Names, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        backend_reader, backend_writer = await _connect(backends, names)
    except (OSError, ValueError):
        writer.transport.abort()
        return
    await asyncio.gather(_pump(reader, backend_writer), _pump(backend_reader, writer))
    for each in (writer, backend_writer):
        each.close()


async def _connect(backends: Backends, names: Names) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the revision whose turn it is; one that has gone since it was named is looked up again."""
    tried = None
    while (named := backends.text()) != tried:
        tried = named
        host, port = backends.turn(named)
        with contextlib.suppress(OSError):
            return await _reach(names, host, port)
    raise ConnectionRefusedError


async def _reach(names: Names, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a host, and once more where its name stands for another address by now."""
    address = await names.find(host)
    try:
        return await asyncio.open_connection(address, port)
    except OSError:
        now = await names.find(host, anew=True)
        if now == address:
            raise
        return await asyncio.open_connection(now, port)


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
