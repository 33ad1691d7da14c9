"""Containers of a service: made, started, watched until they are ready, looked into, removed."""

import asyncio
import contextlib
import io
import struct
import tarfile
import time
from collections.abc import Mapping
from typing import Any

from bot.deploy.docker.engine import Engine, Gone, of
from bot.model.errors import DeployError

OWNER = "dev.stability-proof.service"
ROLE = "dev.stability-proof.role"
REVISION = "dev.stability-proof.revision"
GRACE = 10
"""Seconds between SIGTERM and SIGKILL, as `docker stop` gives them."""


def name_of(owner: str, what: str) -> str:
    """A container's name: letters that Docker takes, and the same for the same service."""
    plain = "".join(each if each.isalnum() or each in "_.-" else "-" for each in owner)
    return f"stability-proof-{plain}-{what}"


async def create(engine: Engine, name: str, body: Mapping[str, Any]) -> None:
    """Make a container, not started yet; one of that name that an earlier try left is replaced."""
    await engine.delete(f"/containers/{of(name)}", force="1", v="1")
    await engine.post("/containers/create", dict(body), name=name)


async def start(engine: Engine, name: str) -> None:
    """Start it; one that runs is fine."""
    await engine.post(f"/containers/{of(name)}/start")


async def started(engine: Engine, name: str) -> bool:
    """Start it where it is still there; whether the engine could."""
    with contextlib.suppress(DeployError):
        await start(engine, name)
        return True
    return False


async def restart_always(engine: Engine, name: str) -> None:
    """Have the engine start it again whenever it ends, or the machine does."""
    await engine.post(f"/containers/{of(name)}/update", {"RestartPolicy": {"Name": "unless-stopped"}})


async def look(engine: Engine, name: str) -> dict[str, Any] | None:
    """All that the engine knows of it; None where there is no such container."""
    try:
        found = await engine.get(f"/containers/{of(name)}/json")
    except Gone:
        return None
    return found if isinstance(found, dict) else None


async def runs(engine: Engine, name: str) -> bool:
    """Whether it is there and runs."""
    seen = await look(engine, name)
    return seen is not None and bool((seen.get("State") or {}).get("Running"))


async def remove(engine: Engine, name: str, grace: int = GRACE) -> None:
    """Stop it and take it away, with the volumes that nobody named; one that is gone is fine."""
    with contextlib.suppress(Gone):
        # 304 is that it does not run; the engine waits for `t` seconds before it kills
        await engine.post(f"/containers/{of(name)}/stop", t=grace)
    await engine.delete(f"/containers/{of(name)}", force="1", v="1")


async def marked(engine: Engine, label: str) -> list[dict[str, Any]]:
    """Every container that bears the label (`name=value`, or a name alone), running or not."""
    import json

    found = await engine.get("/containers/json", all="1", filters=json.dumps({"label": [label]}))
    return [each for each in found or () if isinstance(each, dict)]


async def printed(engine: Engine, name: str, *, since: float = 0.0, tail: int | None = None) -> bytes:
    """What it printed on both streams.

    The answer is frames: a byte for the stream, three of nothing, four for the length (Engine API, "Attach to a
    container", stream format).
    """
    query: dict[str, str | int] = {"stdout": 1, "stderr": 1, "since": int(since)}
    if tail is not None:
        query["tail"] = tail
    try:
        raw = await engine.raw(f"/containers/{of(name)}/logs", **query)
    except Gone:
        return b""
    found = bytearray()
    at = 0
    while at + 8 <= len(raw):
        kind, length = struct.unpack(">BxxxL", raw[at : at + 8])
        if kind > 2:
            return raw  # a terminal's output has no frames
        found += raw[at + 8 : at + 8 + length]
        at += 8 + length
    return bytes(found)


async def healthy(engine: Engine, name: str, seconds: float, began: float) -> tuple[bool, str]:
    """Wait for the image's own health check, where it has one: whether it says yes, and what was seen last."""
    while True:
        seen = await look(engine, name)
        state = (seen or {}).get("State") or {}
        if not state.get("Running"):
            return False, f"it ended with exit code {state.get('ExitCode')}"
        health = state.get("Health")
        if not health or health.get("Status") == "none":
            return True, "it has no health check"
        status = str(health.get("Status"))
        if status == "healthy":
            return True, status
        if status == "unhealthy":
            last = (health.get("Log") or [{}])[-1]
            return False, f"unhealthy: {str(last.get('Output', '')).strip()}"
        if time.perf_counter() - began > seconds:
            return False, status
        await asyncio.sleep(0.05)


async def write(engine: Engine, name: str, folder: str, file: str, data: bytes) -> None:
    """Put a file into a container that runs, whole or not at all: beside its place first, and then renamed.

    Raises:
        DeployError: it does not run, or there is no room.
    """
    await engine.put(f"/containers/{of(name)}/archive", archive({f".{file}.new": data}), path=folder)
    await execute(engine, name, ["mv", "-f", f"{folder}/.{file}.new", f"{folder}/{file}"])


async def read(engine: Engine, name: str, path: str) -> bytes | None:
    """A file of a container; None where it is not there."""
    try:
        raw = await engine.raw(f"/containers/{of(name)}/archive", path=path)
    except Gone:
        return None
    with tarfile.open(fileobj=io.BytesIO(raw)) as packed:
        member = packed.next()
        opened = packed.extractfile(member) if member else None
        return opened.read() if opened else None


async def execute(engine: Engine, name: str, words: list[str]) -> None:
    """Run a program in a container, to its end.

    Raises:
        DeployError: it fails.
    """
    made = await engine.post(f"/containers/{of(name)}/exec", {"Cmd": words, "AttachStdout": True, "AttachStderr": True})
    await engine.post(f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False})
    seen = await engine.get(f"/exec/{made['Id']}/json")
    if seen.get("ExitCode") != 0:
        raise DeployError(f"{words[0]} failed in {name}: exit code {seen.get('ExitCode')}")


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files as the engine takes them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o644
            packed.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
