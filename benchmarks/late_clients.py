"""The clients that are compared: each sends at a fixed rate, and prints what it reports beside the truth.

    python benchmarks/late_clients.py CORE NAME PORT RATE SECONDS

The last line is a JSON list of [planned, reported, true, vouched] in seconds by the shared clock, and milliseconds.
Those of `ours` need the package, the others only what they are named after.
"""

import asyncio
import functools
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
WARM_UP = 0.5
Row = tuple[float, float, float, bool]
Ask = Callable[[float], Awaitable[tuple[float, float, bool]]]
"""Ask at a planned time: the milliseconds that are reported, the true ones, and whether the client vouches for them."""


async def at_a_rate(ask: Ask, rate: float, seconds: float, lead: float) -> list[Row]:
    """Requests at planned times, whatever becomes of those before; made ready `lead` seconds ahead."""
    rows: list[Row] = []

    async def one(planned: float) -> None:
        rows.append((planned, *await ask(planned)))

    start = time.perf_counter() + lead + 0.05
    tasks = []
    for number in range(int(rate * (seconds + WARM_UP))):
        planned = start + number / rate
        await asyncio.sleep(max(0.0, planned - lead - time.perf_counter()))
        tasks.append(asyncio.create_task(one(planned)))
    await asyncio.gather(*tasks)
    return [row for row in sorted(rows) if row[0] >= start + WARM_UP]


async def one_by_one(ask: Ask, rate: float, seconds: float) -> list[Row]:
    """The same rate by a client that waits for each answer, and then for its next turn."""
    rows: list[Row] = []
    start = time.perf_counter()
    while (planned := time.perf_counter()) < start + seconds + WARM_UP:
        rows.append((planned, *await ask(planned)))
        await asyncio.sleep(max(0.0, planned + 1 / rate - time.perf_counter()))
    return [row for row in rows if row[0] >= start + WARM_UP]


async def ours(port: int, rate: float, seconds: float, *, waits: bool) -> list[Row]:
    """The sampler that this project measures with."""
    from bot.probes.engine import Engine
    from bot.probes.lateness import undisturbed, vouched
    from bot.probes.request import Request
    from bot.probes.sampling import Sampler

    engine = Engine()
    sampler = Sampler(f"http://127.0.0.1:{port}", engine)
    request = Request("GET", f"http://127.0.0.1:{port}/")

    async def ask(planned: float) -> tuple[float, float, bool]:
        answer = await sampler.ask(request, 10.0, None if waits else planned)
        reported = answer.seconds * 1000
        return reported, float(answer.header("x-true-ms") or "nan"), vouched(answer.late * 1000, reported)

    with undisturbed():
        rows = await (one_by_one(ask, rate, seconds) if waits else at_a_rate(ask, rate, seconds, lead=0.25))
    await engine.close()
    return rows


async def with_httpx(port: int, rate: float, seconds: float) -> list[Row]:
    """httpx, as one would time it."""
    import httpx

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        async def ask(_planned: float) -> tuple[float, float, bool]:
            began = time.perf_counter()
            answer = await client.get("/")
            return (time.perf_counter() - began) * 1000, float(answer.headers["x-true-ms"]), True

        return await at_a_rate(ask, rate, seconds, lead=0.0)


async def with_aiohttp(port: int, rate: float, seconds: float) -> list[Row]:
    """aiohttp, as one would time it."""
    aiohttp = importlib.import_module("aiohttp")  # it is there in an environment of its own only

    async with aiohttp.ClientSession() as session:

        async def ask(_planned: float) -> tuple[float, float, bool]:
            began = time.perf_counter()
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                await answer.read()
                return (time.perf_counter() - began) * 1000, float(answer.headers["x-true-ms"]), True

        return await at_a_rate(ask, rate, seconds, lead=0.0)


async def ours_talking(port: int, rate: float, seconds: float) -> list[Row]:
    """A conversation as this project times it."""
    from bot.probes.engine import Engine
    from bot.probes.lateness import undisturbed, vouched
    from bot.probes.steps.conversation import Conversation, span

    engine = Engine()
    talk = Conversation(f"http://127.0.0.1:{port}/", engine)
    await talk.open(headers=[], subprotocols=[], origin=None, deadline=5.0)

    async def ask(_planned: float) -> tuple[float, float, bool]:
        sent = await talk.send(["go"])
        message = await talk.receive(5.0)
        assert message is not None
        took = span(sent, message)
        return took.value, float(message.said), vouched(took.late, took.value)

    with undisturbed():
        rows = await one_by_one(ask, rate, seconds)
    await talk.close(1000)
    await engine.close()
    return rows


async def with_websockets(port: int, rate: float, seconds: float) -> list[Row]:
    """websockets for asyncio, as one would time it."""
    from websockets.asyncio.client import connect

    async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as connection:

        async def ask(_planned: float) -> tuple[float, float, bool]:
            began = time.perf_counter()
            await connection.send("go")
            said = await connection.recv()
            return (time.perf_counter() - began) * 1000, float(said), True

        return await one_by_one(ask, rate, seconds)


CLIENTS: Mapping[str, Callable[[int, float, float], Awaitable[list[Row]]]] = {
    "ours-open": functools.partial(ours, waits=False),
    "ours-closed": functools.partial(ours, waits=True),
    "ours-websocket": ours_talking,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "websockets": with_websockets,
}


def main() -> None:
    """Run one of them."""
    core, name, port, rate, seconds = (int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *map(float, sys.argv[4:6]))
    os.sched_setaffinity(0, {core})
    client = CLIENTS[name]

    async def run() -> list[Row]:
        return await client(port, rate, seconds)

    rows = asyncio.run(run())
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
