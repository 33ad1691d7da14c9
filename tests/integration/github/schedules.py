"""Runs that publish at once, in an order that a number decides: one request at a time, without sockets and without waiting.

The stand-in answers as it does over HTTP, and holds every request and answer to GitHub's description; only the sockets and
the clock are left out, so that five hundred schedules take seconds.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests import ConnectionError as Reset

from bot.github.client import Clock
from tests.github_stand_in import StandIn

BURSTS = (1, 1, 1, 2, 4, 8, 30)
"""How many requests one run sends while the other stands still: a whole publication fits between two requests of it."""


class Turns:
    """Lets the threads of several runs send their requests one at a time, whose turn it is by lot."""

    def __init__(self, chosen: random.Random) -> None:
        self.chosen = chosen
        self.changed = threading.Condition()
        self.alive: set[int] = set()
        self.waiting: set[int] = set()
        self.order: list[str] = []

    def take(self) -> None:
        """Wait for this thread's turn."""
        me = threading.get_ident()
        with self.changed:
            if me not in self.alive:
                return
            self.waiting.add(me)
            self.changed.notify_all()
            self.changed.wait_for(lambda: me not in self.waiting)

    def run(self, works: dict[str, Callable[[], None]]) -> None:
        """Do the works at once; raises what any of them raised."""
        errors: list[BaseException] = []
        ready = threading.Barrier(len(works) + 1)

        def one(work: Callable[[], None]) -> None:
            with self.changed:
                self.alive.add(threading.get_ident())
            ready.wait()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - a thread's error is the test's
                errors.append(error)
            finally:
                with self.changed:
                    self.alive.discard(threading.get_ident())
                    self.changed.notify_all()

        threads = {name: threading.Thread(target=one, args=(work,), name=name) for name, work in works.items()}
        for each in threads.values():
            each.start()
        ready.wait()
        names = {each.ident: name for name, each in threads.items()}
        next_one, burst = 0, 0
        with self.changed:
            while self.alive:
                self.changed.wait_for(lambda: self.waiting == self.alive)
                if self.waiting:
                    if burst == 0 or next_one not in self.waiting:
                        # by name, since what a thread is called by the machine differs from run to run
                        next_one = self.chosen.choice(sorted(self.waiting, key=lambda ident: names[ident]))
                        burst = self.chosen.choice(BURSTS)
                    burst -= 1
                    self.order.append(names[next_one])
                    self.waiting.discard(next_one)
                    self.changed.notify_all()
                    self.changed.wait_for(lambda who=next_one: who in self.waiting or who not in self.alive)  # type: ignore[misc]
        for each in threads.values():
            each.join()
        if errors:
            raise errors[0]


class Time:
    """A clock that is only ever put forward."""

    def __init__(self) -> None:
        self.waited = 0.0

    def clock(self) -> Clock:
        return Clock(sleep=self._sleep, monotonic=lambda: self.waited, time=lambda: time.time() + self.waited)

    def _sleep(self, seconds: float) -> None:
        self.waited += seconds


class _Answer:
    def __init__(self, status: int, headers: dict[str, str], text: str) -> None:
        self.status, self.headers, self.text = status, headers, text

    def getheaders(self) -> Any:
        return {"content-type": "application/json; charset=utf-8", **self.headers}.items()

    def read(self) -> str:
        return self.text


@contextmanager
def without_sockets(github: StandIn, turns: Turns) -> Iterator[None]:
    """PyGithub asks the stand-in directly, each request in its turn."""

    class Direct(HTTPRequestsConnectionClass):
        def request(self, verb: str, url: str, input: Any, headers: Any, stream: bool = False) -> None:  # noqa: A002
            del stream
            self.asked = (verb, url, input or "", {name.lower(): value for name, value in headers.items()})

        def getresponse(self) -> Any:
            verb, url, body, headers = self.asked
            turns.take()
            parts = urlsplit(url)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            data = body.encode() if isinstance(body, str) else body
            headers["host"] = urlsplit(github.url).netloc
            answer = github._respond(github._interface, verb, target, headers, data)
            if answer is None:
                raise Reset("the connection was reset")
            names = {name.lower(): value for name, value in answer.headers.items()}
            return _Answer(answer.status, names, "" if answer.body is None else json.dumps(answer.body))

    Requester.injectConnectionClasses(Direct, HTTPSRequestsConnectionClass)
    try:
        yield
    finally:
        Requester.resetConnectionClasses()
