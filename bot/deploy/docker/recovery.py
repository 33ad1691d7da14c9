"""Finishing or reversing what is half-done on an engine: after a bot was killed, and whenever one leaves."""

import asyncio

from bot.deploy.docker import containers, network
from bot.deploy.docker.containers import OWNER, ROLE
from bot.deploy.docker.engine import Engine, of
from bot.deploy.docker.front import Front
from bot.deploy.docker.memory import Memory, Slot, at
from bot.deploy.remembered import heir, said

DRAIN = 1.0
"""Seconds that a revision without traffic is given to end the answers that it has begun, before it is sent SIGTERM."""


async def recover_one(engine: Engine, owner: str) -> list[str]:
    """Recover one service; what was done, in words."""
    front = await existing(engine, owner)
    if front is None:
        return await sweep(engine, owner, set())
    await front.ensure()
    _, lines = await converge(front, await front.memory())
    return lines


async def existing(engine: Engine, owner: str) -> Front | None:
    """The front that an earlier bot made; None where there is none."""
    for each in await containers.marked(engine, f"{OWNER}={owner}"):
        if (each.get("Labels") or {}).get(ROLE) == "front":
            seen = await containers.look(engine, str(each["Id"])) or {}
            networks = (seen.get("NetworkSettings") or {}).get("Networks") or {}
            return Front(engine, owner, next(iter(networks), network.BRIDGE), None, 0)
    return None


async def converge(front: Front, memory: Memory) -> tuple[Memory, list[str]]:
    """Give the traffic to whom it belongs, remove everything else, and remember that; what was done, in words.

    Doing it again, or being killed in it and doing it again, comes to the same.
    """
    engine = front.engine
    serving_up, candidate_up = await _up(engine, memory.serving), await _up(engine, memory.candidate)
    chosen = heir(memory, serving_up=serving_up, candidate_up=candidate_up)
    lines = []
    if chosen is None and (chosen := await _started_again(engine, memory)) is not None:
        serving_up = True
        lines.append(f"{chosen.revision} was not up any more: it is started again")
    lines += said(memory, chosen, serving_up=serving_up, candidate_up=candidate_up, ended="removed")
    had_traffic = memory.act in ("switch", "rollback", "settle")
    out = [each for each in (memory.candidate, memory.serving) if each is not None and each is not chosen]
    if chosen is not None and chosen.address is not None:
        chosen = await network.found(engine, chosen, front.network, front.names)
    if chosen is not None and chosen.address is not None:
        await front.share({at(chosen): 100})
    serving = chosen or (memory.serving.model_copy(update={"address": None}) if memory.serving else None)
    memory = memory.model_copy(
        update={"serving": serving, "candidate": None, "act": None, "retired": (*memory.retired, *out)}
    )
    await front.remember(memory)
    if had_traffic and chosen is not None and out:
        await asyncio.sleep(DRAIN)
    await remove(engine, memory.retired)
    memory = memory.model_copy(update={"retired": ()})
    kept = {chosen.container} if chosen else set()
    lines += await sweep(engine, front.owner, {*kept, front.name} if memory.keep else kept)
    if memory.keep and memory.serving is None:  # nobody serves, and nobody did: there is nothing to remember
        await front.remove()
    elif memory.keep:
        await front.remember(memory)
    return memory, lines


async def remove(engine: Engine, slots: tuple[Slot, ...]) -> None:
    """Remove the containers of these revisions, all at once."""
    await asyncio.gather(*(containers.remove(engine, each.container) for each in slots))


async def sweep(engine: Engine, owner: str, kept: set[str]) -> list[str]:
    """Remove what bears our mark and is in no memory: a bot was killed just when it had made it."""
    lines = []
    for each in await containers.marked(engine, f"{OWNER}={owner}"):
        names = {str(name).lstrip("/") for name in each.get("Names") or ()}
        if names & kept:
            continue
        await containers.remove(engine, str(each["Id"]), grace=1)
        if (each.get("Labels") or {}).get(ROLE) != "front":
            lines.append(f"{min(names, default=of(str(each['Id'])[:12]))} was left: it is removed")
    if not kept:
        await network.forget(engine, owner)
    return lines


async def _started_again(engine: Engine, memory: Memory) -> Slot | None:
    """The revision before, started again with all that it wrote; None where it is not to be kept, or is gone."""
    slot = memory.serving
    if slot is None or not memory.keep or not await containers.started(engine, slot.container):
        return None
    return slot


async def _up(engine: Engine, slot: Slot | None) -> bool:
    return slot is not None and await containers.runs(engine, slot.container)
