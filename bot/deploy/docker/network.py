"""Where the bot itself is: in which container, on which network, so that what it deploys can be reached from there."""

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.deploy.docker.engine import Engine, Gone, of
from bot.deploy.docker.memory import Slot
from bot.model.errors import DeployError

BRIDGE = "bridge"
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


async def joined(engine: Engine, container: str, network: str) -> str:
    """The container's address on the network, which it is put on if it is not yet.

    Raises:
        DeployError: it gets none there.
    """
    for _ in range(2):
        seen = await engine.get(f"/containers/{of(container)}/json")
        address = _address(seen, network)
        if address:
            return address
        if network not in _networks(seen):
            await engine.post(f"/networks/{of(network)}/connect", {"Container": container})
    raise DeployError(f"{container} has no address on the network {network}: does it still run?")


async def found(engine: Engine, slot: Slot, network: str) -> Slot:
    """The slot with the address that it has now: an engine that was started anew gives its containers others."""
    host, _, port = (slot.address or "").rpartition(":")
    seen = await engine.get(f"/containers/{of(slot.container)}/json")
    addresses = {name: _address(seen, name) for name in _networks(seen)}
    now = addresses.get(network) or next((each for each in addresses.values() if each), None)
    if now is None or host in addresses.values():
        return slot
    return slot.model_copy(update={"address": f"{now}:{port}"})


def _networks(seen: dict[str, Any]) -> dict[str, Any]:
    return (seen.get("NetworkSettings") or {}).get("Networks") or {}


def _address(seen: dict[str, Any], network: str) -> str | None:
    return (_networks(seen).get(network) or {}).get("IPAddress") or None
