"""Reading an answer as it comes: each piece is stamped in the engine's thread."""

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from bot.probes.engine import Engine, Loop, Promise
from bot.probes.request import Request
from bot.probes.sampling import Transfer, parsed
from bot.safety.http import Failure

if TYPE_CHECKING:
    import pycurl


class Head(NamedTuple):
    """The beginning of an answer."""

    status: int
    version: str
    reason: str
    headers: tuple[tuple[str, str], ...]


class Piece(NamedTuple):
    """Some bytes of the body, when they came (`time.perf_counter`), and by how many seconds that may be late."""

    data: bytes
    at: float
    late: float


class Over(NamedTuple):
    """The answer has ended, by itself when there are no `words` for why."""

    words: str | None
    at: float
    late: float


class Sent(NamedTuple):
    """When the request could be sent (`time.perf_counter`), and by how many seconds that was too late."""

    at: float
    late: float


class Stream(Transfer):
    """One answer on its way. `incoming` gives its head, its pieces, and that it is over; without a head, see `answer`."""

    def __init__(self, request: Request, deadline: float, planned: float | None, *, direct: bool) -> None:
        super().__init__(request, deadline, planned, direct=direct)
        self.incoming: asyncio.Queue[Head | Piece | Over] = asyncio.Queue()
        self._events = asyncio.get_running_loop()
        self._begun_at = Promise[Sent]()
        self._taken = 0
        self._headed = False

    async def stop(self, engine: Engine) -> Sent:
        """Let go of it; when the request was sent."""
        engine.tell(self._stop)
        return await self._begun_at.future

    def _stop(self, _loop: Loop) -> None:
        self._settle()
        self._finish()

    def _settle(self) -> None:
        """Once, while the handle is there: what the connection took is no part of the service's time."""
        ready = self._ready(self._handle) if self._handle is not None and self._begun else 0.0
        planned = self._planned
        at = planned if planned is not None else self._begun + ready
        self._begun_at.give(Sent(at, 0.0 if planned is None or not self._begun else self._begun - planned))

    def _prepare(self, handle: "pycurl.Curl") -> None:
        super()._prepare(handle)
        handle.setopt(self._loop.pycurl.HEADERFUNCTION, self._header)

    def _header(self, line: bytes) -> None:
        self._heads.append(line)
        if not line.strip() and parsed(self._heads)[1] >= 200:
            self._give_head()  # now, and not with the first event, which may be long in coming

    def _write(self, data: bytes) -> int:
        self._give_head()
        self._taken += len(data)
        if self._taken > self._limit:
            return -1
        now = time.perf_counter()
        self._give(Piece(data, now, self._lateness(now)))
        return len(data)

    def _done(self, code: int, message: str) -> None:
        self._settle()
        assert self._handle is not None
        if code and not self._handle.getinfo(self._loop.pycurl.RESPONSE_CODE):
            super()._done(code, message)
            return
        self._give_head()
        now = time.perf_counter()
        self._give(Over(self._words(code, message) if code else None, now, self._lateness(now)))
        self._finish()

    def _fail(self, failure: Failure, words: str) -> None:
        self._settle()
        super()._fail(failure, words)
        self._give(Over(words, time.perf_counter(), 0.0))

    def _stopped(self) -> None:
        self._settle()
        super()._stopped()
        self._give(Over("given up", time.perf_counter(), 0.0))

    def _lateness(self, now: float) -> float:
        return self._loop.late(self._begun) + (now - self._loop.now)

    def _give_head(self) -> None:
        if not self._headed:
            self._headed = True
            version, status, reason, headers = parsed(self._heads)
            self._give(Head(status, version, reason, headers))

    def _give(self, item: Head | Piece | Over) -> None:
        if not self._events.is_closed():
            self._events.call_soon_threadsafe(self.incoming.put_nowait, item)
