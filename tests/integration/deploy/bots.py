"""A bot in a process of its own, which is killed by SIGKILL at a given moment: before or after any of its acts."""

import asyncio
import functools
import inspect
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from bot.deploy import processes, recovery, state, trees
from tests.integration.deploy.ground import Ground, target

Plan = Literal["accept", "roll back", "recover", "steps", "withheld", "step back", "direct back", "drill", "start"]
STRATEGIES: dict[Plan, tuple[str, ...]] = {
    "accept": ("deploy", "100", "settle"),
    "roll back": ("deploy", "100", "roll back"),
    "steps": ("deploy", "10", "50", "100", "settle"),
    "withheld": ("deploy",),
    "step back": ("deploy", "10", "roll back"),
    "direct back": ("deploy", "roll back"),
    "drill": ("deploy", "100", "roll back", "deploy", "100", "settle"),
    "start": ("deploy", "start", "100", "settle"),
}
"""What a bot does with its candidate, one act after the other; a number is a share of the users' traffic."""
ACTS = ((state, "replace"), (trees, "add"), (trees, "remove"), (processes, "start"), (processes, "stop"))
"""All that touches the world: what is remembered and forwarded to, work trees, processes."""
PATIENCE = 90
"""Seconds; a bot takes about one, and a busy machine may be many times slower."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def killed(
    ground: Ground,
    plan: Plan,
    moment: int,
    *,
    commit: str = "",
    previous: str | None = None,
    keep: bool,
    since: int = 0,
) -> bool:
    """Run a bot and kill it at the moment; False when it came to its end before.

    Moments are counted from the start, or from the act of the strategy that `since` numbers (from 1).
    """
    arguments = (ground.folder, plan, moment, commit, previous, keep, since)
    process = _context.Process(target=_bot, args=arguments)
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"the bot had not ended after {PATIENCE} s, at moment {moment}")
    code, _ = process.exitcode, process.close()
    assert code in (0, -signal.SIGKILL), f"the bot ended with {code}"
    return code != 0


def accepting(ground: Ground) -> Path:
    """Is there once the bot has begun to accept its candidate."""
    return ground.folder / "accepting"


def _bot(folder: Path, plan: Plan, moment: int, commit: str, previous: str | None, keep: bool, since: int) -> None:
    os.setsid()
    ground = object.__new__(Ground)  # it is there already
    ground.folder, ground.logged = folder, []
    if not since:
        _count(moment)
    asyncio.run(_work(ground, plan, commit, previous, keep=keep, arm=lambda act: act == since and _count(moment)))


async def _work(
    ground: Ground, plan: Plan, commit: str, previous: str | None, *, keep: bool, arm: Callable[[int], object]
) -> None:
    if plan == "recover":
        await recovery.recover(ground.state)
        return
    async with target(keep=keep).open(ground.context()) as deployer:
        await deployer.previous(previous)
        for number, act in enumerate(STRATEGIES[plan], start=1):
            arm(number)
            if act == "deploy":
                deployed = await deployer.deploy(commit)
                assert deployed.observation.state == "measured", deployed.observation
            elif act == "start":
                assert await deployer.fresh_start() is not None
            elif act == "settle":
                accepting(ground).touch()
                await deployer.settle()
            elif act == "roll back":
                await deployer.rollback()
            else:
                await deployer.promote(int(act))


def _count(moment: int) -> None:
    """See that the process is killed at the moment: an act has two, before and after it."""
    left = iter(range(moment, -1, -1))

    def pass_by() -> None:
        if next(left, -1) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(act)
        async def later(*words: Any, **more: Any) -> Any:
            pass_by()
            result = await act(*words, **more)
            pass_by()
            return result

        @functools.wraps(act)
        def now(*words: Any, **more: Any) -> Any:
            pass_by()
            result = act(*words, **more)
            pass_by()
            return result

        return later if inspect.iscoroutinefunction(act) else now

    for module, name in ACTS:
        setattr(module, name, counted(getattr(module, name)))
