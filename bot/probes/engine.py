"""The thread in which time is taken: libcurl's transfers and bare connections, looked at again and again.

Nothing here waits for the event loop of the rest, and little for the interpreter's lock. While something is under way
the thread looks at it every half millisecond, later every fortieth of the time that it has been under way; so it knows
of each thing that it sees by how much the look was late, whatever the reason: it had not been there at the look before.
"""

import asyncio
import contextlib
import heapq
import itertools
import math
import os
import select
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bot.probes.probe import OUR_FAULT, Unmeasurable

if TYPE_CHECKING:
    import pycurl

TICK = 0.0005
"""Seconds between two looks, at least."""
TICK_SHARE = 0.025
"""The same as a share of the time for which the youngest thing has been under way: what is slow needs fewer looks."""
LONGEST_TICK = 0.05
CROWD = 500
"""Bare connections from which on a transfer of libcurl's may have a descriptor that `select()` cannot take (1024)."""
CONNECTIONS = 64
"""Connections that are kept for later requests, over all services."""
JOIN = 2.0
T = TypeVar("T")


class Promise(Generic[T]):
    """A future of the event loop that made it, which the engine's thread keeps."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def give(self, result: T) -> None:
        """Keep it; a second time does nothing."""

        def keep() -> None:
            if not self.future.done():
                self.future.set_result(result)

        self._later(keep)

    def fail(self, error: Exception) -> None:
        """Break it; a second time does nothing."""

        def give_up() -> None:
            if not self.future.done():
                self.future.set_exception(error)
                self.future.exception()  # seen, even if nobody waits

        self._later(give_up)

    def _later(self, work: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(work)


class Engine:
    """Starts its thread when there is work, and ends it when it is closed; after that it can be used again."""

    def __init__(self) -> None:
        self._loop: Loop | None = None

    def call(self, work: "Callable[[Loop], None]") -> None:
        """Have something done in the thread.

        Raises:
            Unmeasurable: libcurl cannot be loaded.
        """
        if self._loop is None:
            self._loop = Loop()
        self._loop.call(work)

    def tell(self, work: "Callable[[Loop], None]") -> None:
        """The same, where nobody waits for it: a thread that has ended has nothing left to let go of."""
        with contextlib.suppress(Unmeasurable):
            self.call(work)

    async def close(self) -> None:
        """Give up what is under way, and let go of all connections."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()
            # a resolver that hangs inside libcurl must not hold us up: its thread is left to end by itself
            await asyncio.to_thread(loop.thread.join, JOIN)


class Loop:
    """What the thread has. All but `call` and `stop` is for the thread alone.

    Attributes:
        now: when it last looked (`time.perf_counter`).
        lag: by how many seconds that look was later than it was meant to be after the one before.
        closers: called when the thread ends, by whoever still waits for something.
        fault: what of ours ended the thread, in words.
    """

    def __init__(self) -> None:
        self.pycurl = _pycurl()
        self.now = time.perf_counter()
        self.lag = 0.0
        self._looked = self._next = self.now
        self.closers: set[Callable[[], None]] = set()
        self.authorities = authorities()
        self._multi = self.pycurl.CurlMulti()
        self._multi.setopt(self.pycurl.M_MAXCONNECTS, CONNECTIONS)
        self._spare: list[pycurl.Curl] = []
        self._transfers: dict[pycurl.Curl, Callable[[int, str], None]] = {}
        self._watched: dict[int, Callable[[], None]] = {}
        # the kernel knows them all by one descriptor, for which select() can wait as exactly as for any other
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.youngest = self.now
        self._inbox: deque[Callable[[Loop], None]] = deque()
        self._stopped = False
        self.fault: str | None = None
        self._stirred = False
        self._due = math.inf
        self._libcurls: tuple[list[int], list[int], list[int]] = ([], [], [])
        self._receiver, self._sender = socket.socketpair()
        self._receiver.settimeout(0)
        self._sender.settimeout(0)
        self.thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.thread.start()

    def call(self, work: "Callable[[Loop], None]") -> None:
        """Have something done in the thread; from any thread.

        Raises:
            Unmeasurable: the thread has ended by a fault of ours.
        """
        self._inbox.append(work)
        if self.fault is not None:
            raise failed(self.fault)
        with contextlib.suppress(OSError):  # it is full, so the thread will wake anyway; or closed
            self._sender.send(b"\0")

    def stop(self) -> None:
        """End the thread soon; from any thread."""
        self._stopped = True
        with contextlib.suppress(Unmeasurable):  # it has ended already
            self.call(lambda _: None)

    def at(self, when: float, work: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._timers, (when, next(self._numbers), work))

    def handle(self) -> "pycurl.Curl":
        """A handle without any setting."""
        return self._spare.pop() if self._spare else self.pycurl.Curl()

    def add(self, handle: "pycurl.Curl", done: Callable[[int, str], None]) -> None:
        """Start a transfer; `done` gets libcurl's code (0: all went well) and its words."""
        self._stirred = True
        self._transfers[handle] = done
        self._multi.add_handle(handle)
        self.began()

    def drop(self, handle: "pycurl.Curl", *, reuse: bool) -> None:
        """Let go of a handle, whatever it is doing."""
        self._stirred = self._transfers.pop(handle, None) is not None or self._stirred
        with contextlib.suppress(self.pycurl.error):
            self._multi.remove_handle(handle)
        if reuse:
            handle.reset()
            self._spare.append(handle)
        else:
            handle.close()

    def watch(self, descriptor: int, ready: Callable[[], None], *, writing: bool = False) -> None:
        """Call `ready` whenever a connection can be read from (or written to)."""
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        if descriptor not in self._watched:
            self._selector.register(descriptor, wanted)
        elif self._selector.get_key(descriptor).events != wanted:
            self._selector.modify(descriptor, wanted)
        self._watched[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        """No longer."""
        if self._watched.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)

    def began(self) -> None:
        """Something has just been sent: look often."""
        self.youngest = time.perf_counter()
        self._next = min(self._next, self.youngest + TICK)

    def late(self, since: float) -> float:
        """Seconds by which we look too late at what is seen now, and was asked for at `since`."""
        return max(0.0, min(self.lag, self.now - since))

    def _tick(self) -> float:
        """Seconds until the next look."""
        return min(max(TICK, TICK_SHARE * (time.perf_counter() - self.youngest)), LONGEST_TICK)

    def _run(self) -> None:
        try:
            readable: list[Any] = []
            while not self._stopped:
                self.now = time.perf_counter()
                self.lag = max(0.0, self.now - self._next)
                meant, self._next = self._next, self._looked + self._tick()
                for descriptor in readable:
                    if descriptor in self._watched:
                        self._watched[descriptor]()
                while self._inbox:
                    self._inbox.popleft()(self)
                while self._timers and self._timers[0][0] <= time.perf_counter():
                    heapq.heappop(self._timers)[2]()
                if self._transfers and (self._stirred or time.perf_counter() >= self._due):
                    self._perform(meant)
                readable = self._wait()
        except Exception as error:  # noqa: BLE001 - whoever waits, or asks from now on, is told; nobody waits for ever
            self.fault = f"{type(error).__name__}: {error}"
        finally:
            self._end()

    def _perform(self, meant: float) -> None:
        self._stirred = False
        self._multi.perform()
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            # libcurl took the time by its own clock, at the latest now
            looked, self.now = self.now, time.perf_counter()
            self.lag = max(0.0, self.now - meant)
            for handle, code, words in [*((each, 0, "") for each in good), *bad]:
                done = self._transfers.pop(handle, None)
                if done is not None:
                    done(code, words)
            self.now = looked
        self._libcurls = self._multi.fdset()
        if len(self._watched) > CROWD:
            self._due = time.perf_counter() + TICK  # libcurl leaves out what select() cannot take: look by ourselves
            return
        wanted = self._multi.timeout()
        self._due = time.perf_counter() + (min(wanted / 1000, LONGEST_TICK) if wanted >= 0 else LONGEST_TICK)

    def _wait(self) -> list[int]:
        """Until something can be read or written, or the next look is due; what is ready of the bare connections."""
        readers, writers, _ = self._libcurls if self._transfers else ([], [], [])
        began, patience = time.perf_counter(), self._patience()
        crowd = self._selector.fileno()
        readable, writable, _ = select.select([self._receiver.fileno(), crowd, *readers], writers, [], patience)
        ready = {*readable, *writable}
        # the kernel looked then, and not when the interpreter's lock let us go on: what has come since, it has not seen
        self._looked = began if ready or patience is None else began + patience
        if self._receiver.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._receiver.recv(4096)
        self._stirred = self._stirred or not ready.isdisjoint([*readers, *writers])
        return [key.fd for key, _ in self._selector.select(0)] if crowd in ready else []

    def _patience(self) -> float | None:
        if self._inbox or self._stopped or self._stirred:
            return 0.0
        now, limits = time.perf_counter(), list[float]()
        if self._timers:
            limits.append(self._timers[0][0] - now)
        if self._transfers or self._watched:
            limits.append(self._next - now)
        if self._transfers:
            limits.append(self._due - now)
        return max(0.0, min(limits)) if limits else None

    def _end(self) -> None:
        # whoever waits for something in the inbox waits no longer than for the rest; one that fails holds up no other
        while self._inbox:
            with contextlib.suppress(Exception):
                self._inbox.popleft()(self)
        for close in list(self.closers):
            with contextlib.suppress(Exception):
                close()
        for handle in [*self._transfers, *self._spare]:
            self.drop(handle, reuse=False)
        self._multi.close()
        self._selector.close()
        self._receiver.close()
        self._sender.close()


def failed(fault: str) -> Unmeasurable:
    """The thread has ended by a fault of ours: nothing can be said of the service."""
    return Unmeasurable(f"the thread that takes time has failed: {fault}", OUR_FAULT)


def authorities() -> str:
    """The file of certificate authorities: libcurl's wheel brings none, and looks where its builder had them."""
    named = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if named:
        return named
    import certifi

    return certifi.where()


def _pycurl() -> Any:
    try:
        import pycurl
    except ImportError as error:
        raise Unmeasurable(f"samples are timed by pycurl, which cannot be loaded: {error}", "install pycurl") from error
    return pycurl
