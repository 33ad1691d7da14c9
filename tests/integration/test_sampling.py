"""How time is taken: by libcurl in a thread of its own, several requests at once, from the plan, and with its own doubts."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.probes.engine import Engine
from bot.probes.lateness import vouched
from bot.probes.probe import Unmeasurable
from bot.probes.request import Request
from bot.probes.sampling import Sampler, Unheard
from bot.probes.steps.conversation import Conversation, Ended
from bot.safety.http import BODY_LIMIT, Unanswered
from tests.integration import servers
from tests.integration.servers import HEALTH, answers, plain, service, sockets

LATE_SERVER = Path(__file__).parents[2] / "benchmarks" / "late_server.py"


def get(url: str, path: str = "/it", method: str = "GET") -> Request:
    return Request(method, f"{url}{path}")


async def test_requests_are_under_way_at_the_same_time() -> None:
    most = now = 0

    async def counting(_asked: servers.Asked, _writer: asyncio.StreamWriter) -> bytes:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1
        return plain(200, b"")

    async with service({"GET /it": counting}) as up:
        engine = Engine()
        sampler = Sampler(up.url, engine)
        found = await asyncio.gather(*(sampler.ask(get(up.url), 5.0) for _ in range(8)))
        await engine.close()
    assert most == 8
    assert all(each.seconds >= 0.1 for each in found)


async def test_time_counts_from_the_plan_even_where_we_send_too_late_ourselves() -> None:
    async with service(HEALTH) as up:
        engine = Engine()
        sampler = Sampler(up.url, engine)
        late = await sampler.ask(get(up.url, "/health"), 5.0, time.perf_counter() - 0.2)
        await engine.close()
    assert late.seconds >= 0.2
    assert late.late >= 0.2
    assert not vouched(late.late * 1000, late.seconds * 1000)


@pytest.mark.parametrize(("headers", "connections"), [((), 1), ((("connection", "close"),), 4)])
async def test_a_request_that_closes_its_connection_has_one_of_its_own(
    headers: tuple[tuple[str, str], ...], connections: int
) -> None:
    """Whether the service says `close` as well, or keeps the connection open as this one does."""
    clients = set()

    async def noting(_asked: servers.Asked, writer: asyncio.StreamWriter) -> bytes:
        clients.add(writer.get_extra_info("peername"))
        return plain(200, b"")

    async with service({"GET /it": noting}) as up:
        engine = Engine()
        sampler = Sampler(up.url, engine)
        for _ in range(4):
            await sampler.ask(Request("GET", f"{up.url}/it", headers), 5.0)
        await engine.close()
    assert len(clients) == connections


async def test_each_request_has_its_own_deadline() -> None:
    async with service({"GET /it": servers.slowly(plain(200, b""), 0.1), "GET /never": servers.never}) as up:
        engine = Engine()
        sampler = Sampler(up.url, engine)
        late, fine = await asyncio.gather(
            sampler.ask(get(up.url, "/never"), 0.2), sampler.ask(get(up.url), 10.0), return_exceptions=True
        )
        await engine.close()
    assert isinstance(late, Unheard)
    assert late.failure == "hang"
    assert 0.15 < late.waited < 5
    assert not isinstance(fine, BaseException)


@pytest.mark.parametrize(
    ("route", "failure", "said"),
    [
        (servers.never, "hang", "no whole answer within 0.3 s"),
        (servers.hangs_up, "closed", "the connection was closed before an answer came"),
        (servers.garbage, "garbage", ""),
        (servers.drip, None, "no whole answer within 0.3 s"),
        (servers.breaks_off, None, "it broke off"),
        (servers.endless, None, f"it is longer than {BODY_LIMIT:,} bytes"),
        (answers(plain(302, b"", extra="location: /elsewhere\r\n")), None, None),
    ],
)
async def test_a_service_that_misbehaves_ends_its_own_request_only(
    route: servers.Route, failure: str | None, said: str | None
) -> None:
    async with service({"GET /it": route, **HEALTH}) as up:
        engine = Engine()
        sampler = Sampler(up.url, engine)
        deadline = 5.0 if route is servers.endless else 0.3
        wrong, fine = await asyncio.gather(
            sampler.ask(get(up.url), deadline), sampler.ask(get(up.url, "/health"), 5.0), return_exceptions=True
        )
        await engine.close()
    if failure is not None:
        assert isinstance(wrong, Unanswered)
        assert wrong.failure == failure
        assert said is not None
        assert said in str(wrong)
    else:
        assert not isinstance(wrong, BaseException)
        assert wrong.incomplete == said
        assert len(wrong.body) <= BODY_LIMIT
    assert not isinstance(fine, BaseException)
    assert fine.status == 200
    assert sum(asked.target == "/elsewhere" for asked in up.asked) == 0


async def test_what_may_not_be_asked_or_is_not_there_is_told_apart() -> None:
    engine = Engine()
    with pytest.raises(Unanswered) as forbidden:
        await Sampler("http://169.254.169.254", engine).ask(get("http://169.254.169.254"), 1.0)
    url = servers.unused_url()
    with pytest.raises(Unanswered) as refused:
        await Sampler(url, engine).ask(get(url), 1.0)
    await engine.close()
    assert forbidden.value.failure == "forbidden address"
    assert (refused.value.failure, str(refused.value)) == ("refused", "connection refused")


async def test_loopback_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with service(HEALTH) as up, sockets(servers.plays("done")) as url:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, servers.unused_url())
        engine = Engine()
        answer = await Sampler(up.url, engine).ask(get(up.url, "/health"), 5.0)
        talk = Conversation(url + "/ws", engine)
        await talk.open(headers=[], subprotocols=[], origin=None, deadline=5.0)
        await talk.close(1000)
        await engine.close()
    assert answer.status == 200


async def test_closing_gives_up_what_is_under_way_at_once_and_more_can_be_asked_afterwards() -> None:
    async with service({"GET /never": servers.never, **HEALTH}) as up, servers.silent() as silent:
        engine = Engine()
        sampler = Sampler(up.url, engine)
        hanging = [asyncio.create_task(sampler.ask(get(up.url, "/never"), 30.0)) for _ in range(3)]
        planned = asyncio.create_task(sampler.ask(get(up.url, "/health"), 30.0, time.perf_counter() + 20))
        opening = asyncio.create_task(
            Conversation(silent + "/ws", engine).open(headers=[], subprotocols=[], origin=None, deadline=30.0)
        )
        await asyncio.sleep(0.2)
        async with asyncio.timeout(5):
            await engine.close()
            ended = await asyncio.gather(*hanging, planned, opening, return_exceptions=True)
        answer = await sampler.ask(get(up.url, "/health"), 5.0)
        await engine.close()
    assert all(isinstance(each, Exception) for each in ended)
    assert answer.status == 200


async def test_a_request_that_nobody_waits_for_is_dropped() -> None:
    gone = asyncio.Event()

    async def watched(_asked: servers.Asked, writer: asyncio.StreamWriter) -> bytes | None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            gone.set()
        return None

    async with service({"GET /it": watched}) as up:
        engine = Engine()
        asking = asyncio.create_task(Sampler(up.url, engine).ask(get(up.url), 30.0))
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(5):
            await gone.wait()
        await engine.close()


def hold_the_lock() -> None:
    """Keep the interpreter's lock for some tens of milliseconds, as no thread switch can end."""
    re.fullmatch(r"(a|aa)+", "a" * 27 + "b")


async def hold_it_all_the_time() -> None:
    while True:
        hold_the_lock()
        await asyncio.sleep(0.01)


@contextlib.contextmanager
def elsewhere() -> Iterator[str]:
    """A service in a process of its own, which answers after 20 ms whatever becomes of us."""
    command = [sys.executable, str(LATE_SERVER), str(min(os.sched_getaffinity(0))), "0.02"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


async def test_a_sample_is_not_vouched_for_while_we_were_held_up_ourselves() -> None:
    began = time.perf_counter()
    hold_the_lock()
    lock = time.perf_counter() - began
    assert lock > 0.01
    with elsewhere() as url:
        engine = Engine()
        sampler = Sampler(url, engine)
        fine = [await sampler.ask(get(url), 5.0) for _ in range(20)]
        holding = asyncio.create_task(hold_it_all_the_time())
        held = [await sampler.ask(get(url), 5.0) for _ in range(10)]
        late = [await sampler.ask(get(url), 5.0, time.perf_counter() + 0.02) for _ in range(10)]
        holding.cancel()
        await engine.close()
    assert any(vouched(each.late * 1000, each.seconds * 1000) for each in fine)
    assert sum(vouched(each.late * 1000, each.seconds * 1000) for each in held) <= 5
    assert sum(vouched(each.late * 1000, each.seconds * 1000) for each in late) <= 5
    assert all(each.seconds >= 0.02 for each in (*fine, *held, *late))


async def test_a_service_that_is_slow_by_itself_is_vouched_for() -> None:
    """Time that it sleeps away, or works away in another process, is none that we were late."""
    async with service({"GET /it": servers.slowly(plain(200, b""), 0.1)}) as up:
        engine = Engine()
        found = [await Sampler(up.url, engine).ask(get(up.url), 5.0) for _ in range(10)]
        await engine.close()
    assert any(each.late < 0.01 and vouched(each.late * 1000, each.seconds * 1000) for each in found)


def test_the_rule_is_relative_for_what_is_slow() -> None:
    assert vouched(0.9, 2.0)
    assert not vouched(1.1, 2.0)
    assert vouched(24.0, 500.0)
    assert not vouched(26.0, 500.0)
    assert not vouched(1.1, None)


async def test_a_flood_of_messages_is_taken_in_order_and_not_all_at_once() -> None:
    async def flood(connection: Any) -> None:
        for number in range(5000):
            await connection.send(f"{number}")
        await connection.close()

    async with sockets(flood) as url, servers.silent() as silent:
        engine = Engine()
        hanging = asyncio.create_task(Sampler(silent, engine).ask(get(silent), 30.0))  # the engine has to look on
        talk = Conversation(url + "/ws", engine)
        await talk.open(headers=[], subprotocols=[], origin=None, deadline=5.0)
        await asyncio.sleep(0.3)
        found = [each for _ in range(5000) if (each := await talk.receive(5.0)) is not None]
        with pytest.raises(Ended, match="closed by the service with 1000"):
            await talk.receive(5.0)
        await talk.close(1000)
        await engine.close()
        with pytest.raises(Unanswered):
            await hanging
    assert [each.said for each in found] == [str(number) for number in range(5000)]
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert max(each.late for each in found) > 0.15  # what was held back is not vouched for


async def test_a_fault_of_the_thread_is_told_at_once_to_whoever_waits_and_to_whoever_asks_later() -> None:
    async with service({"GET /it": servers.never}) as up:
        engine = Engine()
        sampler = Sampler(up.url, engine)
        waiting = asyncio.create_task(sampler.ask(get(up.url), 30.0))
        await asyncio.sleep(0.1)

        def broken(_loop: Any) -> None:
            raise ZeroDivisionError("a fault of ours")

        engine.call(broken)
        began = time.perf_counter()
        with pytest.raises(Unmeasurable, match="ZeroDivisionError"):
            await waiting
        with pytest.raises(Unmeasurable, match="ZeroDivisionError"):
            await sampler.ask(get(up.url), 30.0)
        assert time.perf_counter() - began < 10
        await engine.close()
