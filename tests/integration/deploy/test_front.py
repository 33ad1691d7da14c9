"""The front: connections reach the revision that is named, and stay with the one that they were made to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.deploy import front as program
from bot.deploy import processes, public
from bot.deploy.state import Memory


@asynccontextmanager
async def speaker(word: bytes) -> AsyncIterator[int]:
    """A server that answers each line with its word, and ends when it is told nothing more; its port."""

    speaking: set[asyncio.Task[None] | None] = set()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        speaking.add(asyncio.current_task())
        try:
            while line := await reader.readline():
                writer.write(word + b" " + line)
            writer.write(b"goodbye")  # the other side has ended, and still hears us
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        async with server:
            yield server.sockets[0].getsockname()[1]
    finally:  # a connection that outlives its loop is a warning in whatever test comes next
        tasks = [each for each in speaking if each is not None]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def front(home: Path) -> AsyncIterator[int]:
    memory = await public.ensure(home, Memory())
    assert memory.front is not None
    try:
        yield memory.front.port
    finally:
        await public.stop(memory)
        assert not processes.alive(memory.front.process)


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes = b"hello\n") -> bytes:
    writer.write(line)
    return await asyncio.wait_for(reader.readline(), 5)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the connection ends without an answer."""
    try:
        return await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        return True


async def test_a_switch_moves_new_connections_and_leaves_open_ones(tmp_path: Path) -> None:
    async with speaker(b"old") as old, speaker(b"new") as new, front(tmp_path) as port:
        public.point(tmp_path, old)
        long_lived = await asyncio.open_connection("127.0.0.1", port)
        assert await say(*long_lived) == b"old hello\n"

        public.point(tmp_path, new)

        fresh = await asyncio.open_connection("127.0.0.1", port)
        assert await say(*fresh) == b"new hello\n"
        assert await say(*long_lived) == b"old hello\n"
        for _, writer in (long_lived, fresh):
            writer.close()


async def test_an_end_on_one_side_is_passed_on_and_the_other_still_speaks(tmp_path: Path) -> None:
    async with speaker(b"any") as backend, front(tmp_path) as port:
        public.point(tmp_path, backend)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        writer.write_eof()

        assert await asyncio.wait_for(reader.read(), 5) == b"goodbye"
        writer.close()


async def test_much_is_passed_on_whole(tmp_path: Path) -> None:
    async with speaker(b"") as backend, front(tmp_path) as port:
        public.point(tmp_path, backend)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = b"".join(b"%d" % number + b"x" * 1000 + b"\n" for number in range(3000))

        writer.write(lines)
        writer.write_eof()
        heard = await asyncio.wait_for(reader.read(), 10)

        assert heard == lines.replace(b"\n", b"\n ").removesuffix(b" ").join([b" ", b""]) + b"goodbye"
        writer.close()


@pytest.mark.parametrize("backend", [None, b"", b"words", b"1"], ids=["no file", "empty", "no port", "nobody listens"])
async def test_where_nobody_serves_a_connection_is_refused_and_the_front_lives_on(
    tmp_path: Path, backend: bytes | None
) -> None:
    async with speaker(b"new") as new, front(tmp_path) as port:
        if backend is not None:
            (tmp_path / public.BACKEND).write_bytes(backend)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ended(reader)
        writer.close()

        public.point(tmp_path, new)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await say(reader, writer) == b"new hello\n"
        writer.close()


async def test_a_front_is_started_once_and_again_on_its_port_when_it_died(tmp_path: Path) -> None:
    first = await public.ensure(tmp_path, Memory())
    assert await public.ensure(tmp_path, first) is first
    await public.stop(first)

    second = await public.ensure(tmp_path, first)

    assert first.front is not None
    assert second.front is not None
    assert second.front.port == first.front.port
    assert second.front.process != first.front.process
    await public.stop(second)


async def test_a_port_that_somebody_took_meanwhile_is_given_up_unless_the_spec_insists(tmp_path: Path) -> None:
    first = await public.ensure(tmp_path, Memory())
    assert first.front is not None
    await public.stop(first)
    async with await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", first.front.port):
        second = await public.ensure(tmp_path, first)

    assert second.front is not None
    assert second.front.port != first.front.port
    await public.stop(second)


async def test_a_name_that_stands_for_another_address_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    stands_for = ["127.0.0.2"]

    async def resolved(host: str, port: None, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(None, None, None, "", (stands_for[-1], 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    monkeypatch.setattr(program, "FRESH", 3600.0)
    names = program.Names()
    async with speaker(b"here") as port:  # on 127.0.0.1 alone
        with pytest.raises(OSError, match=r"refused|failed"):
            await program._reach(names, "shop", port)
        assert asked == ["shop", "shop"]
        stands_for.append("127.0.0.1")
        for _ in range(3):
            reader, writer = await program._reach(names, "shop", port)
            assert await say(reader, writer) == b"here hello\n"
            writer.write_eof()
            assert await reader.read() == b"goodbye"
            writer.close()
        assert asked == ["shop", "shop", "shop"]
        monkeypatch.setattr(program, "FRESH", 0.0)
        assert await names.find("shop") == "127.0.0.1"
        assert await names.find("127.0.0.9") == "127.0.0.9"
        assert asked == ["shop"] * 4
