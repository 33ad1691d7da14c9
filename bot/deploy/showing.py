"""What bringing a process up, or asking one that was up, showed: the observation `deploy`."""

from bot.deploy import processes
from bot.deploy.launch import Launch, exit_check, ready_check
from bot.deploy.recipe import Recipe
from bot.deploy.state import Slot
from bot.model import Observation, Series


def started(launch: Launch) -> Observation:
    """What starting a revision showed."""
    start_up = Series(id="start-up", unit="ms", better="lower", samples=((0, launch.took, 0, True),))
    return Observation(
        probe="deploy",
        kind="deploy",
        title="Deploy",
        state="measured" if launch.reason is None else "broken",
        reason=None if launch.reason is None else f"{launch.slot.revision} is not up: {launch.reason}",
        checks=launch.checks,
        series=(start_up,) if launch.took is not None else (),
        notes=tuple(launch.evidence),
    )


def asked(recipe: Recipe, slot: Slot, seen: str, *, ok: bool) -> Observation:
    """What asking a revision that was up already showed."""
    runs = processes.alive(slot.process)
    return Observation(
        probe="deploy",
        kind="deploy",
        title="Deploy",
        state="measured" if ok else "broken",
        reason=None if ok else f"{slot.revision} is not ready: {seen}",
        checks=(
            exit_check("it runs" if runs else "it has ended", ok=runs, evidence={}),
            ready_check(recipe, seen, ok=ok, evidence={}),
        ),
    )
