"""Long-lived WebSockets on the public URL: which of them are closed while traffic moves, how, and when each is back."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.probes.probe import Unmeasurable
from bot.probes.steps.step import Result, Run
from bot.probes.steps.websocket import WebSocketStep

if TYPE_CHECKING:
    from bot.probes.context import Context
    from bot.probes.steps.conversation import Conversation
    from bot.probes.steps.opening import Opening

HANDSHAKE = 2.0
"""Seconds that one handshake may take."""
STAYS = 0.25
"""Seconds that a socket has to stay open to count as open again."""
PAUSES = (0.01, 0.02, 0.05, 0.1, 0.25)
"""Seconds between one try to open a socket again and the next; the last is kept to."""
ANEW = 0.5
"""Seconds between one new signing in and the next."""
CUT = 1006
"""What stands for an end without a close frame (RFC 6455, section 7.1.5)."""
FIRST = 3.0
"""Seconds that the sockets have to open before the traffic moves."""


@dataclass
class Closed:
    """One end that a socket had: when (`time.perf_counter`), with which code, and after how many seconds it was back."""

    at: float
    code: int
    back: float | None = None


@dataclass
class Socket:
    """One of the sockets."""

    open: bool = False
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    ends: list[Closed] = field(default_factory=list)
    why_not: str | None = None
    signed_in_again: bool = False


class Sockets:
    """Keeps sockets open, and opens each again as soon as it is closed."""

    def __init__(self, context: "Context", step: WebSocketStep, count: int) -> None:
        self.sockets = [Socket() for _ in range(count)]
        self._context, self._step = context, step
        self._tasks: list[asyncio.Task[None]] = []
        self._forgot = time.perf_counter()

    async def start(self) -> None:
        """Open them all, as far as they can be."""
        self._tasks = [asyncio.create_task(self._keep(each)) for each in self.sockets]
        waiting = [asyncio.create_task(each.tried.wait()) for each in self.sockets]
        await asyncio.wait(waiting, timeout=FIRST)
        for task in waiting:
            task.cancel()

    def opened(self) -> int:
        """How many are open now."""
        return sum(each.open for each in self.sockets)

    async def stop(self) -> None:
        """Close them all."""
        self.abandon()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def abandon(self) -> None:
        """Have them closed, and wait for nothing."""
        for task in self._tasks:
            task.cancel()

    async def _keep(self, socket: Socket) -> None:
        from bot.probes.steps.conversation import Conversation

        tries = 0
        while True:
            began = time.perf_counter()
            talk = Conversation(self._context.url + self._step.websocket, self._context.engine)
            try:
                why = await self._live(talk, socket)
            finally:
                socket.open = False
                await talk.close(1000)
            if why is None:
                tries = 0
                continue
            socket.why_not = self._context.redactor.text(why)
            socket.tried.set()
            self._sign_in_again(socket, began)
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    def _sign_in_again(self, socket: Socket, began: float) -> None:
        """As a user's client does that is refused: a new revision may not know the tokens of the one before."""
        if self._step.login is None:
            return
        socket.signed_in_again = bool(socket.ends)
        if began > self._forgot + ANEW:  # the others have tried with the same credential, and one new one is enough
            self._forgot = time.perf_counter()
            self._context.forget(self._step.login)

    async def _live(self, talk: "Conversation", socket: Socket) -> str | None:
        """Open it, and wait until it ends; in words why it could not be opened, or did not stay."""
        from bot.probes.steps.conversation import Ended, as_text

        try:
            opening = await self._opening()
            if isinstance(opening, str):
                return opening
            talk.url = "ws" + opening.url.removeprefix("http")
            await talk.open(
                headers=opening.headers,
                subprotocols=opening.subprotocols,  # type: ignore[arg-type]
                origin=opening.origin,
                deadline=HANDSHAKE,
            )
            opened = time.perf_counter()
            if self._step.token_message is not None and opening.token is not None:
                from bot.probes.templates import fill_all

                await talk.send([as_text(fill_all(self._step.token_message, {"token": opening.token}))])
            await self._silent(talk, STAYS)
        except (Ended, Unmeasurable) as error:
            return str(error)
        socket.open, socket.why_not = True, None
        if socket.ends and socket.ends[-1].back is None:
            socket.ends[-1].back = opened - socket.ends[-1].at
        socket.tried.set()
        try:
            while True:
                await talk.receive(3600.0)
        except Ended:
            socket.ends.append(Closed(time.perf_counter(), talk.received_code or CUT))
        return None

    async def _silent(self, talk: "Conversation", seconds: float) -> None:
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            await talk.receive(left)

    async def _opening(self) -> "Opening | str":
        from bot.probes.context import Clock

        result = Result()
        run = Run("rollout", self._context, Clock(HANDSHAKE + 5.0), {})
        opening = await self._step.opening(run, result)
        return opening if opening is not None else f"signing in failed: {result.failure}"
