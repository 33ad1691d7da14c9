"""Waiting until a service answers, without a client that costs more than the wait."""

import asyncio
import contextlib
import time
from collections.abc import Callable


async def wait(port: int, path: str, seconds: float, ended: Callable[[], bool]) -> tuple[float | None, str]:
    """Ask until the answer is 2xx: the milliseconds that it took, or None and what was seen last."""
    began = time.perf_counter()
    pause = 0.005
    seen = "nothing"
    while (passed := time.perf_counter() - began) < seconds:
        if ended():
            return None, "the process ended"
        try:
            status = await asyncio.wait_for(_status(port, path), min(2.0, seconds - passed))
        except TimeoutError:
            seen = "no answer within 2 s"
        except (OSError, ValueError) as error:
            seen = f"{type(error).__name__}"
        else:
            if 200 <= status < 300:
                return (time.perf_counter() - began) * 1000, str(status)
            seen = str(status)
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, 0.1)
    return None, seen


async def _status(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: stability-proof\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode())
        line = await reader.readline()
        return int(line.split()[1]) if line.startswith(b"HTTP/") and len(line.split()) > 1 else 0
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
