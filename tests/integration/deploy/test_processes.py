"""Processes and ports: only what is ours is stopped, and a port in use is known."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from bot.deploy import ports, processes
from bot.deploy.processes import Known

WAIT = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]


def start(tmp_path: Path, command: list[str] = WAIT) -> Known:
    return processes.start(command, tmp_path, {}, tmp_path / "log", tmp_path / "mark")


@pytest.mark.parametrize("change", [{"born": 1}, {"boot": "another"}], ids=["recycled", "before the machine started"])
async def test_a_recycled_pid_is_another_process_and_is_never_stopped(
    tmp_path: Path, change: dict[str, object]
) -> None:
    ours = start(tmp_path)
    stranger = ours.model_copy(update=change)

    await processes.stop(stranger, tmp_path / "another-mark")

    assert not processes.alive(stranger)
    assert processes.alive(ours)
    await processes.stop(ours, tmp_path / "mark")
    assert not processes.alive(ours)


async def test_a_process_that_has_ended_is_not_alive_though_nobody_reaped_it(tmp_path: Path) -> None:
    known = start(tmp_path, ["true"])
    while Path(f"/proc/{known.pid}/stat").exists() and processes._look(known.pid) is not None:
        await asyncio.sleep(0.01)

    assert not processes.alive(known)
    assert processes.exit_code(known) == 0


async def test_children_are_stopped_when_their_parent_has_ended(tmp_path: Path) -> None:
    known = start(tmp_path, ["sh", "-c", f"{sys.executable} -c 'import time; time.sleep(600)' & exit 0"])
    while processes.alive(known):
        await asyncio.sleep(0.01)
    assert sum(map(len, processes.marked(tmp_path).values())) == 1

    await processes.stop(known, tmp_path / "mark")

    assert processes.marked(tmp_path) == {}


async def test_stopping_never_reaches_the_one_who_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(processes.MARK, str(tmp_path / "mark"))

    await processes.stop(Known(pid=os.getpid(), born=1, boot=""), tmp_path / "mark")


async def test_a_free_port_is_free_and_is_not_the_kernels_to_give_away() -> None:
    for _ in range(20):
        port = ports.free()
        assert 10_000 <= port < 32_768
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", port)
        server.close()
        await server.wait_closed()


async def test_a_port_is_drained_once_nobody_waits_for_an_answer() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await ports.drained(port, 5)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        assert not await ports.drained(port, 0.2)
        waiting = asyncio.ensure_future(ports.drained(port, 5))
        writer.write(b"go\n")
        writer.write_eof()
        assert await waiting
        writer.close()
