"""The rules of the protocol, held by a good library, and broken by a service that takes everything."""

import asyncio
import struct
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from tests.integration import servers
from tests.integration.servers import Asked, sockets
from tests.integration.test_probes import failed, observed

STEP = {"websocket": "/ws", "conformance": "basic"}


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def test_an_echo_service_of_a_good_library_keeps_all_rules(tmp_path: Path) -> None:
    async with sockets(echo) as url:
        found = await observed(tmp_path, url, {"journey": [STEP]})
    assert failed(found) == {}
    assert sum("conformance" in check.id for check in found.checks) == 8
    assert found.state == "measured"


async def sloppy(asked: Asked, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
    """Sends every frame back as it is, unmasked; only closing it does well, and a ping it answers with nothing in it."""
    writer.write(servers.upgraded(asked.headers["sec-websocket-key"]))
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", await reader.readexactly(2))[0]
        mask = await reader.readexactly(4) if second & 0x80 else b"\0\0\0\0"
        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(await reader.readexactly(size)))
        opcode = first & 0x0F
        if opcode == 9:
            writer.write(b"\x8a\x00")
        else:
            writer.write(bytes([first & 0x8F if opcode != 3 else 0x81, len(data)]) + data)
        await writer.drain()
        if opcode == 8:
            return


async def test_a_sloppy_service_fails_the_right_ones(tmp_path: Path) -> None:
    async with servers.talking(sloppy) as url:
        found = await observed(tmp_path, url, {"journey": [STEP]})
    names = {check.removeprefix("step 1: conformance ") for check in failed(found)}
    assert names == {
        "unmasked frame", "reserved bits", "unknown opcode", "control frame too long", "bad UTF-8", "ping"
    }  # fmt: skip
    assert failed(found)["step 1: conformance unmasked frame"] == "a frame of type text, as if nothing was wrong"
    assert failed(found)["step 1: conformance ping"] == "a frame of type pong, as if nothing was wrong"


async def test_a_service_that_closes_without_a_code_or_hangs_up_is_told_apart(tmp_path: Path) -> None:
    async def hangs_up(asked: Asked, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        writer.write(servers.upgraded(asked.headers["sec-websocket-key"]))
        head = await reader.readexactly(2)
        writer.write(b"\x88\x02\x03\xe8" if head[0] == 0x88 else b"")

    async with servers.talking(hangs_up) as url:
        found = await observed(tmp_path, url, {"journey": [STEP]})
    assert failed(found)["step 1: conformance unmasked frame"].endswith("without a word")
    assert "step 1: conformance close" not in failed(found)


@pytest.mark.parametrize("step", [{"conformance": "all"}, {"conformance": True}])
def test_only_what_there_is_can_be_asked_for(step: dict[str, object]) -> None:
    from bot.probes.registry import PROBES

    with pytest.raises(ValueError, match="basic"):
        PROBES["journey"].model_validate({"journey": [{"websocket": "/ws", **step}]})


async def test_another_code_than_the_right_one_is_said(tmp_path: Path) -> None:
    async def polite(asked: Asked, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        writer.write(servers.upgraded(asked.headers["sec-websocket-key"]))
        await reader.readexactly(2)
        writer.write(b"\x88\x02\x03\xe8")

    async with servers.talking(polite) as url:
        found = await observed(tmp_path, url, {"journey": [STEP]})
    assert failed(found)["step 1: conformance bad UTF-8"] == "closed with 1000 (normal)"
    assert len(failed(found)) == 7
