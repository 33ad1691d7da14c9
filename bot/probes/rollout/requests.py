"""A steady, open-loop stream of requests to the public URL, each over a connection of its own."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bot.probes.probe import Unmeasurable
from bot.probes.request import Body, Request

if TYPE_CHECKING:
    from bot.probes.context import Context
    from bot.safety.http import Answer

DEADLINE = 5.0
"""Seconds after which a request that has no answer is lost."""
AHEAD = 0.1
"""Seconds by which a request is handed to the engine before its planned time."""
LATE = 0.5
"""Seconds by which we may have been late ourselves with a request that has no answer; more is no fault of the service."""
FAILED = 500
"""From this status on a user's request has failed: what is below is an answer."""


class Sent(NamedTuple):
    """One request: when it was to be sent (`time.perf_counter`), who answered, and what went wrong, in words."""

    planned: float
    took: float | None
    who: str | None
    lost: str | None
    ours: bool = False


class Stream:
    """Sends one request after the other at its planned time, whatever became of those before."""

    def __init__(self, context: "Context", line: str, rate: float, who: "Callable[[Answer], str | None]") -> None:
        self.sent: list[Sent] = []
        request = Body(headers={"connection": "close"}).request(line, context.url, {})
        self._request: Request = request
        self._context, self._every, self._who = context, 1 / rate, who
        self._under_way: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send no more, and wait for the answers that are still to come."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def abandon(self) -> None:
        """Send no more, and wait for nothing."""
        for task in (self._task, *self._under_way):
            if task is not None:
                task.cancel()

    async def _run(self) -> None:
        planned = time.perf_counter() + AHEAD
        while True:
            await asyncio.sleep(max(0.0, planned - AHEAD - time.perf_counter()))
            task = asyncio.create_task(self._ask(planned))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            planned += self._every

    async def _ask(self, planned: float) -> None:
        from bot.safety.http import OURS, Unanswered

        try:
            answer = await self._context.time(self._request, DEADLINE, planned)
        except Unanswered as error:
            ours = error.failure in OURS or getattr(error, "late", 0.0) > LATE
            self.sent.append(Sent(planned, None, None, str(error), ours=ours))
        except Unmeasurable as error:
            self.sent.append(Sent(planned, None, None, str(error), ours=True))
        else:
            lost = f"status {answer.status}" if answer.status >= FAILED else answer.incomplete
            self.sent.append(Sent(planned, answer.seconds, self._who(answer), lost))
