"""What journeys cost: how long a suite takes beside its longest chain, a round trip over a WebSocket, an open socket.

    python -m benchmarks.journeys [--journeys 50] [--trips 2000] [--sockets 1000 5000]

The service is a process of its own. The longest chain is the journey that takes longest, alone. A round trip's cost is
processor time of this process, beside the library websockets alone; its time is shown too. Memory is what a process of
its own has more (resident) once so many sockets are open and each has answered, by socket.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from websockets.asyncio.client import connect

from benchmarks.figures import Figures
from bot.model import Subject
from bot.probes.engine import Engine
from bot.probes.journey import JourneyProbe
from bot.probes.session import Plan, Session
from bot.probes.steps.conversation import Conversation
from bot.safety.redact import Redactor

SERVER = Path(__file__).parent / "journeys_server.py"
PATIENCE = 60.0
RUNS = 3
AT_ONCE = 50
"""Sockets that are opened at the same time."""
Trip = Callable[[str], Awaitable[None]]


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The service's URL."""
    with subprocess.Popen([sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def journey(number: int) -> JourneyProbe:
    """A journey as they are: some requests, an agent that thinks for a while, one more look. From 1.3 to 3.7 s."""
    asks = [{"http": "GET /after/0.2"} for _ in range(2 + number % 3)]
    talk = {"websocket": "/ws", "send": {"after": 0.5 + number % 5 * 0.5}, "events": "done", "within": "30s"}
    return JourneyProbe.model_validate({"journey": [*asks, talk, {"http": "GET /after/0.2"}]})


async def taken(url: str, probes: dict[str, JourneyProbe]) -> float:
    """Seconds for all of them."""
    plan = Plan(
        probes=probes,
        logins={},
        identity=None,
        redactor=Redactor(),
        spec="sha256:0",
        vantage="here",
        seed=1,
        time=1.0,
    )
    subject = Subject(service="it", environment="bench", revision="one", url=url)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(plan, subject, None, Path(folder))
        began = time.perf_counter()
        await session.correctness()
        seconds = time.perf_counter() - began
        wrong = [each.reason for each in session.runs()[0].observations if each.state != "measured"]
    if wrong:
        raise SystemExit(f"a journey failed: {wrong[0]}")
    return seconds


async def suite(url: str, count: int, figures: Figures) -> None:
    """The wall time of many journeys beside their longest."""
    await taken(url, {"warm-up": journey(0)})
    probes = {f"j{number}": journey(number) for number in range(count)}
    longest = min([await taken(url, {"longest": journey(14)}) for _ in range(2)])
    whole = min([await taken(url, probes) for _ in range(2)])
    figures.say("longest chain, s", longest)
    figures.say(f"wall time of {count} journeys, s", whole)
    figures.say(f"wall time / longest chain, {count} journeys", whole / longest, "<= 1.3")


@contextlib.asynccontextmanager
async def ours(url: str, engine: Engine) -> AsyncIterator[Trip]:
    """One of our conversations."""
    talk = Conversation(f"{url}/ws", engine)
    await talk.open(headers=(), subprotocols=(), origin=None, deadline=PATIENCE)

    async def trip(message: str) -> None:
        await talk.send([message])
        assert (await talk.receive(PATIENCE)) is not None

    try:
        yield trip
    finally:
        await talk.close(1000)


@contextlib.asynccontextmanager
async def bare(url: str) -> AsyncIterator[Trip]:
    """The library websockets alone, as anybody uses it."""
    async with connect(f"ws{url.removeprefix('http')}/ws", ping_interval=None, proxy=None) as connection:

        async def trip(message: str) -> None:
            await connection.send(message)
            await connection.recv()

        yield trip


async def round_trips(url: str, count: int, figures: Figures) -> None:
    """What a round trip costs; of several runs, taken in turn, the best of each."""
    cost: dict[str, list[float]] = {"ours": [], "websockets": []}
    wall: dict[str, list[float]] = {"ours": [], "websockets": []}
    for _ in range(RUNS):
        engine = Engine()
        for name, client in (("ours", ours(url, engine)), ("websockets", bare(url))):
            async with client as trip:
                for _ in range(100):
                    await trip("warm up")
                began, used = time.perf_counter(), time.process_time()
                for number in range(count):
                    await trip(f"message {number}")
                cost[name].append((time.process_time() - used) / count * 1e6)
                wall[name].append((time.perf_counter() - began) / count * 1e6)
            await engine.close()
    for name in cost:
        figures.say(f"round trip of {name}, processor time, us", min(cost[name]))
        figures.say(f"round trip of {name}, wall time, us", min(wall[name]))
    figures.say("cost of a round trip / websockets", min(cost["ours"]) / min(cost["websockets"]), "<= 4")


async def sockets(url: str, kind: str, count: int) -> dict[str, float]:
    """What so many open sockets take, each of which still answers; in a process that has done nothing else."""
    limit = asyncio.Semaphore(AT_ONCE)
    engine = Engine()

    async def opened(stack: contextlib.AsyncExitStack) -> Trip:
        async with limit:
            return await stack.enter_async_context(bare(url) if kind == "websockets" else ours(url, engine))

    async def answered(trip: Trip) -> None:
        async with limit:
            await trip("hello")

    async with contextlib.AsyncExitStack() as stack:
        await answered(await opened(stack))  # what the first one loads is not of the sockets
        gc.collect()
        before, began = resident(), time.perf_counter()
        trips = await asyncio.gather(*(opened(stack) for _ in range(count)))
        opening = time.perf_counter() - began
        await asyncio.gather(*map(answered, trips))
        gc.collect()
        kilobytes = (resident() - before) / count / 1000
        used, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(2.0)
        share = (time.process_time() - used) / (time.perf_counter() - began)
        await asyncio.gather(*map(answered, trips))
        print(json.dumps({"kilobytes": kilobytes, "opening": opening / count * 1000, "share": share}), flush=True)
        os._exit(0)  # closing them one by one is no part of it


def memory(url: str, count: int, figures: Figures) -> None:
    """What so many open sockets take, ours and those of websockets alone."""
    found = {}
    for kind in ("ours", "websockets"):
        command = [sys.executable, "-m", "benchmarks.journeys", "--url", url, "--kind", kind, "--sockets", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[kind] = json.loads(done.stdout)
    figures.say(f"memory per open socket of {count:,}, kB", found["ours"]["kilobytes"], "<= 100")
    figures.say(f"the same of websockets alone, {count:,}, kB", found["websockets"]["kilobytes"])
    figures.say(f"opening {count:,} sockets, ms each", found["ours"]["opening"])
    figures.say(f"share of a core for {count:,} idle sockets", found["ours"]["share"], "<= 0.2")


def resident() -> int:
    """Bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journeys", type=int, default=50)
    parser.add_argument("--trips", type=int, default=2000)
    parser.add_argument("--sockets", type=int, nargs="*", default=[1000, 5000])
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the service gets the same
    if arguments.url:
        await sockets(arguments.url, arguments.kind, *arguments.sockets)
    figures = Figures()
    with serving() as url:
        await suite(url, arguments.journeys, figures)
        await round_trips(url, arguments.trips, figures)
        for count in arguments.sockets:
            memory(url, count, figures)
    figures.end()


if __name__ == "__main__":
    asyncio.run(main())
