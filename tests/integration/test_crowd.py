"""Many at once: more open sockets than `select()` can take, and more journeys than would wait for one another."""

import asyncio
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from bot.probes.engine import Engine
from bot.probes.request import Request
from bot.probes.sampling import Sampler
from bot.probes.session import Session
from bot.probes.steps.conversation import Conversation
from tests.debian import missing
from tests.integration.servers import HEALTH, service, sockets
from tests.integration.test_probes import plan, subject

MANY = 1100


@pytest.fixture
def descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * MANY:
        missing(f"a process may open {hard} files here: ulimit -n {4 * MANY}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * MANY), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("descriptors")
async def test_more_sockets_are_open_than_select_can_take_and_all_are_heard() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    limit = asyncio.Semaphore(50)
    engine = Engine()
    async with service(HEALTH) as web, sockets(echo, compression=None, ping_interval=None, open_timeout=60) as url:
        talks = [Conversation(f"{url}/ws", engine) for _ in range(MANY)]

        async def heard(talk: Conversation) -> str | bytes:
            async with limit:
                if talk.handshake is None:
                    await talk.open(headers=(), subprotocols=(), origin=None, deadline=30.0)
                await talk.send(["hello"])
                message = await talk.receive(30.0)
                assert message is not None
                return message.said

        assert set(await asyncio.gather(*map(heard, talks))) == {"hello"}
        assert set(await asyncio.gather(*map(heard, talks))) == {"hello"}
        began = time.perf_counter()
        answer = await Sampler(web.url, engine).ask(Request("GET", f"{web.url}/health"), 5.0)
        assert answer.status == 200
        assert time.perf_counter() - began < 2
        await engine.close()


async def test_journeys_wait_at_the_same_time(tmp_path: Path) -> None:
    async with service(HEALTH) as up:
        probes = {f"j{number}": {"journey": [{"wait": "1s"}, {"http": "GET /health"}]} for number in range(50)}
        session = Session(plan(probes), subject(up.url), None, tmp_path)
        began = time.perf_counter()
        await session.correctness()
        seconds = time.perf_counter() - began
    assert {each.state for each in session.runs()[0].observations} == {"measured"}
    assert seconds < 3, "sixteen at once would have needed four times a second"
