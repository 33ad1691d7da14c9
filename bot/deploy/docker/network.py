"""Where the bot itself is: in which container, on which network, so that what it deploys can be reached from there."""

import asyncio
import contextlib
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.deploy.docker.containers import OWNER, name_of
from bot.deploy.docker.engine import Engine, Gone, Taken, of
from bot.deploy.docker.memory import Slot
from bot.model.errors import DeployError

BRIDGE = "bridge"
PATIENCE = 5.0
"""Seconds that a network may take to be left by the last container."""
_ID = re.compile(r"/(?:docker|containers)/([0-9a-f]{64})/")


@dataclass(frozen=True)
class Own:
    """The container that the bot runs in: the image that it was made from, and the networks that it is on."""

    image: str
    networks: tuple[str, ...]


async def own(engine: Engine) -> Own | None:
    """The bot's own container; None where it runs in none, or in one of another engine.

    An action's container is told by what the kernel mounts for it, and by its host name, which Docker sets to the
    first twelve digits of its id.
    """
    name = await own_name(engine)
    if name is not None:
        found = await engine.get(f"/containers/{of(name)}/json")
        networks = tuple((found.get("NetworkSettings") or {}).get("Networks") or ())
        return Own(str(found["Image"]), networks)
    return None


async def own_name(engine: Engine) -> str | None:
    """What the engine knows the bot's own container by; None where it knows none."""
    for name in _names():
        try:
            await engine.get(f"/containers/{of(name)}/json")
        except Gone:
            continue
        return name
    return None


def _names() -> list[str]:
    if not Path("/.dockerenv").exists():
        return []
    try:
        mounted = _ID.search(Path("/proc/self/mountinfo").read_text())
    except OSError:
        mounted = None
    return [*([mounted[1]] if mounted else []), socket.gethostname()]


async def chosen(engine: Engine, wanted: str | None, found: Own | None) -> str:
    """The network for what is deployed: the one that the spec names, the job's own, or the engine's default one.

    Raises:
        DeployError: there is no such network.
    """
    if wanted is not None:
        try:
            await engine.get(f"/networks/{of(wanted)}")
        except Gone:
            raise DeployError(f"the engine has no network {wanted!r}; make it, or leave `network` out") from None
        return wanted
    mine = found.networks if found else ()
    return next((each for each in mine if each not in (BRIDGE, "host", "none")), BRIDGE)


def naming(network: str, owner: str) -> str:
    """The network on which containers find one another by name: this one, or one of our own beside the default one.

    Docker's DNS server (127.0.0.11) is there on networks that somebody made, and not on the default one. It knows a
    container by the first twelve digits of its id.
    """
    return network if network != BRIDGE else name_of(owner, "names")


async def made(engine: Engine, network: str, owner: str) -> None:
    """See that there is such a network; one that is missing is made, and bears our mark."""
    try:
        await engine.get(f"/networks/{of(network)}")
    except Gone:
        with contextlib.suppress(Taken):  # another bot made it just now
            await engine.post("/networks/create", {"Name": network, "CheckDuplicate": True, "Labels": {OWNER: owner}})


async def forget(engine: Engine, owner: str) -> None:
    """Take away the network that was made for a service; one that somebody is on stays.

    A container that was removed just now may be on it for a moment still.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(DeployError):
            await engine.delete(f"/networks/{of(naming(BRIDGE, owner))}")
            return
        await asyncio.sleep(0.1)


async def introduced(engine: Engine, container: str, names: str) -> None:
    """See that the front can find the container by name: one that is on the default network alone is put on `names`."""
    if {*_networks(await engine.get(f"/containers/{of(container)}/json"))} <= {BRIDGE}:
        await connected(engine, container, names)


async def connected(engine: Engine, container: str, network: str) -> None:
    """See that the container is on the network."""
    if network not in _networks(await engine.get(f"/containers/{of(container)}/json")):
        await engine.post(f"/networks/{of(network)}/connect", {"Container": container})


async def joined(engine: Engine, container: str, network: str) -> str:
    """The container's address on the network, which it is put on if it is not yet.

    Raises:
        DeployError: it gets none there.
    """
    await connected(engine, container, network)
    address = _address(await engine.get(f"/containers/{of(container)}/json"), network)
    if address is None:
        raise DeployError(f"{container} has no address on the network {network}: does it still run?")
    return address


async def placed(engine: Engine, slot: Slot, network: str, port: int) -> Slot:
    """The slot of a container that runs, with its address on the network and its name.

    Raises:
        DeployError: it has no address there.
    """
    address = await joined(engine, slot.container, network)
    seen = await engine.get(f"/containers/{of(slot.container)}/json")
    return slot.model_copy(update={"address": f"{address}:{port}", "name": str(seen["Id"])[:12]})


async def found(engine: Engine, slot: Slot, network: str, names: str) -> Slot:
    """The slot as it is now: an engine that was started anew gives its containers other addresses."""
    host, _, port = (slot.address or "").rpartition(":")
    await introduced(engine, slot.container, names)
    seen = await engine.get(f"/containers/{of(slot.container)}/json")
    slot = slot.model_copy(update={"name": str(seen["Id"])[:12]})
    addresses = {name: _address(seen, name) for name in _networks(seen)}
    now = addresses.get(network) or next((each for each in addresses.values() if each), None)
    if now is None or host in addresses.values():
        return slot
    return slot.model_copy(update={"address": f"{now}:{port}"})


def _networks(seen: dict[str, Any]) -> dict[str, Any]:
    return (seen.get("NetworkSettings") or {}).get("Networks") or {}


def _address(seen: dict[str, Any], network: str) -> str | None:
    return (_networks(seen).get(network) or {}).get("IPAddress") or None
