"""Seeing work through that must not be left half-done."""

import asyncio
from collections.abc import Coroutine


async def finished(work: Coroutine[object, object, None]) -> None:
    """See the work through, also when this task is cancelled meanwhile; the cancellation comes after it."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
