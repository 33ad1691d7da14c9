"""The public address of a service: the front's process, and which revisions it forwards to."""

import asyncio
import contextlib
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from bot.deploy import processes, state
from bot.deploy.state import Front, Memory
from bot.model.errors import DeployError

BACKEND = "backend"
"""The file that names the ports of the revisions that serve, each with its share in percent."""
PATIENCE = 10.0
"""Seconds that the front may take to listen."""


def point(home: Path, port: int) -> None:
    """Send new connections to the revision on this port, from the next one on.

    Raises:
        DeployError: it cannot be written; what served before goes on serving.
    """
    share(home, {port: 100})


def share(home: Path, shares: Mapping[int, int]) -> None:
    """Share new connections out among the revisions on these ports, in percent, from the next one on.

    Raises:
        DeployError: it cannot be written; what served before goes on serving.
    """
    lines = [f"{port} {percent}" for port, percent in shares.items() if percent]
    state.replace(home / BACKEND, "\n".join(lines).encode())


def shares(home: Path) -> dict[int, int]:
    """The share of new connections in percent that each port has, as the front reads it; none where nobody serves."""
    with contextlib.suppress(OSError, ValueError):
        lines = (line.split() for line in (home / BACKEND).read_text().splitlines())
        return {int(port): int(percent) for port, percent in lines}
    return {}


def forget(home: Path) -> None:
    """Send new connections nowhere."""
    (home / BACKEND).unlink(missing_ok=True)


async def ensure(home: Path, memory: Memory, wanted: int = 0) -> Memory:
    """See that the front is up, on the wanted port; 0 takes the one that it had, or a free one.

    Raises:
        DeployError: the port cannot be had.
    """
    front = memory.front
    if front is not None and processes.alive(front.process):
        if wanted in (0, front.port):
            return memory
        await stop(memory)
    had = front.port if front else 0
    if not wanted and had:
        try:
            return memory.model_copy(update={"front": await _start(home, had)})
        except DeployError:  # somebody else took it meanwhile, and the spec does not insist on it
            pass
    return memory.model_copy(update={"front": await _start(home, wanted)})


async def stop(memory: Memory) -> None:
    """Stop the front; its port is remembered."""
    if memory.front is not None:
        await processes.stop(memory.front.process, Path(memory.front.mark))


async def _start(home: Path, port: int) -> Front:
    mark = home / f"front-{secrets.token_hex(4)}"
    said = home / "front.log"
    said.unlink(missing_ok=True)
    program = Path(__file__).with_name("front.py")
    words = [sys.executable, "-I", "-S", str(program), str(home / BACKEND), str(port)]
    known = processes.start(words, home, {}, said, mark)
    try:
        async with asyncio.timeout(PATIENCE):
            while not (text := said.read_text(errors="replace")).endswith("\n"):
                await asyncio.sleep(0.005)
    except TimeoutError:
        await processes.stop(known, mark)
        raise DeployError(f"the front did not listen within {PATIENCE:g} s; the machine is too busy") from None
    if not text.strip().isdecimal():
        await processes.stop(known, mark)
        remedy = "stop what listens there, or name another `port`"
        raise DeployError(f"the public port {port} cannot be had: {text.strip().splitlines()[-1]}; {remedy}")
    return Front(process=known, port=int(text), mark=str(mark))
