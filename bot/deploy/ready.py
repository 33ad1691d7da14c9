"""Waiting until a service answers, without a client that costs more than the wait."""

import asyncio
import contextlib
import time
from collections.abc import Callable

PAUSE = 0.005
"""Seconds between two looks in the first `EAGER` seconds: what a start-up time is accurate to."""
EAGER = 3.0
LATER = 0.025
ANSWER = 2.0
"""Seconds that one answer may take."""


async def wait(
    port: int,
    path: str,
    seconds: float,
    ended: Callable[[], bool],
    began: float | None = None,
    host: str = "127.0.0.1",
) -> tuple[float | None, str]:
    """Ask until the answer is 2xx: the milliseconds since `began`, or None, and what was seen last.

    `began` is a moment of `time.perf_counter`; now when absent.
    """
    began = time.perf_counter() if began is None else began
    seen = "nothing"
    while (passed := time.perf_counter() - began) < seconds:
        if ended():
            return None, "the process ended"
        try:
            async with asyncio.timeout(min(ANSWER, seconds - passed)):
                status = await _status(host, port, path)
        except TimeoutError:
            seen = "a connection, but no answer"
        except ConnectionRefusedError:
            seen = "nothing listens"
        except (OSError, ValueError) as error:
            seen = f"no HTTP answer ({type(error).__name__})"
        else:
            if 200 <= status < 300:
                return (time.perf_counter() - began) * 1000, str(status)
            seen = str(status)
        await asyncio.sleep(PAUSE if passed < EAGER else LATER)
    return None, seen


async def _status(host: str, port: int, path: str) -> int:
    """The status of one answer.

    Raises:
        OSError: nothing listens, or the connection broke.
        ValueError: the answer is not HTTP.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: stability-proof\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode())
        line = await reader.readline()
        words = line.split()
        if not line.startswith(b"HTTP/") or len(words) < 2:
            raise ValueError("not HTTP")
        return int(words[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
