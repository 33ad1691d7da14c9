"""A steady, open-loop stream of requests to the public URL, each over a connection of its own."""

import asyncio
import time
from collections.abc import Callable, Sequence
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
"""From this status on a user's request has failed."""
LIMITED = 429
"""We ask too often (RFC 6585, section 4): our own doing, as far as it was so before anything moved."""
_REDIRECTED, _REFUSED = 3, 4


class Sent(NamedTuple):
    """One request: when it was to be sent (`time.perf_counter`), who answered, and what went wrong, in words.

    `ours` says that it went wrong by our own fault; `status` is absent where there was no answer.
    """

    planned: float
    took: float | None
    who: str | None
    lost: str | None
    ours: bool = False
    status: int | None = None


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
            status = answer.status
            lost = f"status {status}" if status >= FAILED or status == LIMITED else answer.incomplete
            self.sent.append(Sent(planned, answer.seconds, self._who(answer), lost, status == LIMITED, status))


def with_losses(sent: Sequence[Sent], moved: float) -> list[Sent]:
    """The requests; one is lost as well whose answer since `moved` is worse than what users got before.

    That is a redirect or a refusal where none had so bad a status before: where some had, the request is one that is
    answered so as a rule (a page that wants a login, or is not there). It is a 429 where nobody was limited before;
    where some were, the judge holds how many against how many.
    """
    before = [each for each in sent if each.planned < moved and each.status is not None]
    worst = max((_kind(each) for each in before if not each.ours and _kind(each) <= _REFUSED), default=_REDIRECTED)
    if not any(not each.ours for each in before):
        return [*sent]
    limited = any(each.status == LIMITED for each in before)
    return [_lost(each, worst, limited=limited) if each.planned >= moved else each for each in sent]


def _kind(sent: Sent) -> int:
    """The class of a status (RFC 9110, section 15); 0 where there was no answer."""
    return (sent.status or 0) // 100


def _lost(sent: Sent, worst: int, *, limited: bool) -> Sent:
    if sent.status == LIMITED:
        return sent if limited else sent._replace(ours=False)
    return sent._replace(lost=f"status {sent.status}") if sent.lost is None and _kind(sent) > worst else sent
