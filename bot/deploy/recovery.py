"""Finishing or reversing what is half-done: after a bot was killed, and whenever one leaves."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from bot.deploy import launch, ports, processes, public, state, trees
from bot.deploy.remembered import heir, said
from bot.deploy.state import Memory, Slot

DRAIN = 1.0
"""Seconds that a revision is given to end the answers that it has begun, before it is sent SIGTERM."""


async def recover(folder: Path) -> list[str]:
    """Recover every service that is remembered below the folder; what was done, in words.

    Raises:
        DeployError: another bot is at work there, or what is remembered cannot be understood.
    """
    lines: list[str] = []
    # not only where something is remembered: a bot may be killed just after the first thing that it started
    for file in sorted(folder.glob(f"*/{state.LOCK}")):
        home = file.parent.resolve()
        with state.locked(home):
            lines += await recover_one(home)
    return lines or ["nothing was left half-done"]


async def recover_one(home: Path) -> list[str]:
    """Recover one service whose folder is held by the caller."""
    memory = state.read(home)
    if memory is None:
        return await sweep(home, set())
    _, lines = await converge(home, memory)
    return lines


async def converge(home: Path, memory: Memory) -> tuple[Memory, list[str]]:
    """Give the public URL to whom it belongs, stop everything else, and remember that; what was done, in words.

    Doing it again, or being killed in it and doing it again, comes to the same.
    """
    serving_up, candidate_up = _up(memory.serving), _up(memory.candidate)
    chosen = heir(memory, serving_up=serving_up, candidate_up=candidate_up)
    lines = said(memory, chosen, serving_up=serving_up, candidate_up=candidate_up, ended="stopped")
    if chosen is not None:
        public.point(home, chosen.port)
        fresh = await public.ensure(home, memory)
        lines += ["the front was down: it is up again"] if fresh is not memory else []
        memory = fresh
    had_traffic = memory.act != "deploy"
    out = [each for each in (memory.candidate, memory.serving) if each is not None and each is not chosen]
    # where nobody serves, the commit of the one that did is how the next deploy brings it up again
    serving = chosen or (memory.serving.model_copy(update={"process": None}) if memory.serving else None)
    memory = memory.model_copy(
        update={"serving": serving, "candidate": None, "act": None, "retired": (*memory.retired, *out)}
    )
    state.write(home, memory)
    if chosen is None:
        public.forget(home)
        await asyncio.gather(public.stop(memory), stop(memory.retired))
    else:
        await stop(memory.retired, drain=DRAIN if had_traffic else 0.0)
    memory = memory.model_copy(update={"retired": ()})
    lines += await sweep(home, belongings(memory) if chosen else set())
    if memory.keep:
        state.write(home, memory)
    else:
        (home / state.FILE).unlink(missing_ok=True)
    return memory, lines


async def stop(slots: Iterable[Slot], drain: float = 0.0) -> None:
    """Stop revisions with all that they started, and remove their work trees and what they printed."""
    slots = tuple(slots)
    await asyncio.gather(*(_stop_one(each, drain) for each in slots))
    for each in slots:
        await trees.remove(Path(each.repository), each.folder)
        each.output.unlink(missing_ok=True)


async def _stop_one(slot: Slot, drain: float) -> None:
    if drain and _up(slot):
        await ports.drained(slot.port, drain)
    await processes.stop(slot.process, slot.folder)


async def sweep(home: Path, kept: set[Path]) -> list[str]:
    """Stop what bears a mark of ours and is in no memory: a bot was killed just when it had started it."""
    strays = [mark for mark in processes.marked(home) if mark not in kept]
    await asyncio.gather(*(processes.stop(None, mark) for mark in strays))
    for printed in (home / "trees").glob(f"*{launch.FRESH}*.log"):
        printed.unlink(missing_ok=True)
    return [f"{mark.name} was left running: it is stopped" for mark in strays]


def belongings(memory: Memory) -> set[Path]:
    """The marks of all that is remembered to run."""
    slots = {each.folder for each in (memory.serving, memory.candidate) if each is not None}
    return slots | ({Path(memory.front.mark)} if memory.front else set())


def _up(slot: Slot | None) -> bool:
    return slot is not None and processes.alive(slot.process)
