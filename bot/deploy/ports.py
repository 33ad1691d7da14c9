"""Ports on this machine: one that is free, and whether anybody still talks to one."""

import asyncio
import random
import socket
import time
from pathlib import Path

from bot.model.errors import DeployError

OPEN = frozenset({"01", "04", "05"})
"""ESTABLISHED, FIN_WAIT1 and FIN_WAIT2 in the column `st` of /proc/net/tcp: somebody still waits for an answer."""
QUIET = 3
"""How many looks in a row must find nobody."""


def free() -> int:
    """A port that nothing listens on, below those that the kernel gives to outgoing connections.

    A port of the kernel's own range may be taken by anybody's outgoing connection before the service binds it.

    Raises:
        DeployError: there is none.
    """
    for port in random.sample(range(10_000, _ephemeral()), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DeployError("no port is free on 127.0.0.1; stop what listens on them")


async def drained(port: int, seconds: float) -> bool:
    """Wait until nobody has a connection open to the port, at most so long; whether that came true."""
    until = time.monotonic() + seconds
    quiet = 0
    while time.monotonic() < until:
        quiet = quiet + 1 if not _talked_to(port) else 0
        if quiet == QUIET:
            return True
        await asyncio.sleep(0.015)
    return False


def _talked_to(port: int) -> bool:
    end = f":{port:04X}"
    try:
        rows = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(fields[2].endswith(end) and fields[3] in OPEN for fields in map(str.split, rows))


def _ephemeral() -> int:
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        low = 32_768
    return max(low, 12_000)
