"""Finishing or reversing what a killed bot left half-done."""

import contextlib
from pathlib import Path

from bot.deploy import processes, state, trees
from bot.deploy.state import Memory, Slot
from bot.model.errors import DeployError


async def recover(folder: Path) -> list[str]:
    """Recover every service that is remembered below the folder; what was done, in words.

    Raises:
        DeployError: another bot is at work there, or what is remembered cannot be understood.
    """
    lines: list[str] = []
    for file in sorted(folder.glob(f"*/{state.FILE}")):
        with state.locked(file.parent):
            lines += await recover_one(file.parent.resolve())
    return lines or ["nothing was left half-done"]


async def recover_one(home: Path) -> list[str]:
    """Recover one service whose folder is held by the caller."""
    memory = state.read(home)
    if memory is not None and memory.retired is not None:
        await stop_slot(memory, memory.retired)
        memory = memory.model_copy(update={"retired": None})
        state.write(home, memory)
    if memory is None or memory.candidate is None:
        return []
    candidate, serving = memory.candidate, memory.serving
    if memory.act == "settle" and candidate.process and processes.alive(candidate.process):
        state.replace(home / "backend", str(candidate.port).encode())
        state.write(home, memory.model_copy(update={"serving": candidate, "candidate": None, "act": None}))
        await stop_slot(memory, serving)
        return [f"{candidate.revision} had been accepted: it serves now"]
    if serving is not None:
        state.replace(home / "backend", str(serving.port).encode())
    await stop_slot(memory, candidate)
    up = serving is not None and serving.process is not None and processes.alive(serving.process)
    state.write(home, memory.model_copy(update={"candidate": None, "act": None, "serving": serving if up else None}))
    said = f"{candidate.revision} was never accepted: it is stopped"
    return [f"{said}, and {serving.revision} serves again" if up and serving else f"{said}; nothing else was up"]


async def stop_slot(memory: Memory, slot: Slot | None) -> None:
    """Stop a revision with all that runs in its work tree, and remove the tree."""
    if slot is None:
        return
    tree = Path(slot.tree)
    await processes.stop(slot.process, tree)
    with contextlib.suppress(DeployError):  # git is gone: the folder is left, and does no harm
        await trees.remove(Path(memory.repository), tree)
    tree.with_suffix(".log").unlink(missing_ok=True)
