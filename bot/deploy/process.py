"""The target `process`: a revision is a process on this machine, started from its own work tree.

Users reach a small front on one stable port. The candidate is started beside the revision that serves; once it is ready
the front is switched to it, and on a rollback it is switched back: the revision before was kept up.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bot.deploy import ports, processes, public, ready, recovery, state, trees
from bot.deploy.launch import Launch, Launcher, exit_check, ready_check
from bot.deploy.recipe import Recipe
from bot.deploy.state import Memory, Slot
from bot.deploy.target import DeployContext, Deployed, Deployer
from bot.model import Observation, Series, Subject
from bot.model.errors import DeployError


class ProcessTarget(Recipe):
    """A process on this machine, one work tree a revision."""

    kind: ClassVar[str] = "process"
    lasts: ClassVar[bool] = False

    port: int = Field(0, ge=0, le=65535)
    """The public port on 127.0.0.1; 0 takes a free one, and the same one again."""
    keep: bool = False
    """Whether the accepted revision goes on serving after the bot has ended."""

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`. What an earlier bot left half-done is made good first.

        Raises:
            DeployError: another bot deploys this service, or this is not Linux.
        """
        if not Path("/proc/self/stat").exists():
            raise DeployError("the target `process` needs Linux: it reads /proc; use the target `url` here")
        home = state.home(context.state, context.service, context.environment)
        with state.locked(home):
            for line in await recovery.recover_one(home):
                context.log(line)
            deployer = _Deployer(self, context, home)
            try:
                yield deployer
            finally:
                await _finished(deployer.close())


async def _finished(work: Coroutine[object, object, None]) -> None:
    """See the work through, also when this task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


class _Deployer:
    def __init__(self, target: ProcessTarget, context: DeployContext, home: Path) -> None:
        self.target = target
        self.context = context
        self.home = home
        known = state.read(home) or Memory()
        self.memory = known.model_copy(update={"keep": target.keep})
        self.launcher = Launcher(target, home / "cache", context.redactor)

    async def previous(self, commit: str | None) -> Deployed | None:
        slot = self.memory.serving
        await self._open_front()
        if slot is not None and processes.alive(slot.process):
            public.point(self.home, slot.port)
            took, seen = await self._asked(slot, slot.port)
            return self._seen(slot, seen, ok=took is not None)
        commit = slot.commit if slot else commit
        if commit is None:
            return None
        try:
            full = await trees.resolve(self.context.repository, commit)
        except DeployError as error:
            self.context.log(f"the previous revision cannot be brought up again: {error}")
            await self._forget()
            return None
        launch = await self._launch(full)
        if launch.reason is None:
            await self._accept()
        else:
            await self._discard()
            await self._forget()
        return self._launched(launch)

    async def deploy(self, commit: str | None) -> Deployed:
        if self.memory.candidate is not None:
            raise DeployError(f"{self.memory.candidate.revision} is on trial already; accept it or roll it back first")
        name = self.target.checkout.replace("{commit}", commit or "HEAD")
        full = await trees.resolve(self.context.repository, name)
        await self._open_front()
        launch = await self._launch(full)
        if launch.reason is None:
            self._remember(act="switch")
            public.point(self.home, launch.slot.port)
        else:
            await self._discard()
        return self._launched(launch)

    async def rollback(self) -> Deployed | None:
        slot = self.memory.serving
        if slot is None:
            await self._stay()
            return None
        took, seen = await self._go_back(slot)
        if took is None and not processes.alive(slot.process):
            slot = await self._revive(slot)
            took, seen = await self._go_back(slot)
        await self._discard()
        return self._seen(slot, seen, ok=took is not None)

    async def settle(self) -> None:
        if self.memory.act == "switch":  # one that never was ready never had the public URL, and gets it from nobody
            await self._settle()

    async def close(self) -> None:
        """Leave nothing half-done: the previous revision has the URL unless the candidate was accepted."""
        on_trial = self.memory.candidate is not None
        self.memory, lines = await recovery.converge(self.home, self.memory)
        for line in lines if on_trial else ():
            self.context.log(line)

    async def _go_back(self, slot: Slot) -> tuple[float | None, str]:
        """Give the public URL to the previous revision, if it is up, and ask there whether it is ready."""
        if not processes.alive(slot.process):
            return None, "it has ended"
        if self.memory.candidate is not None:
            self._remember(act="rollback")
        public.point(self.home, slot.port)
        return await self._asked(slot, self._public_port())

    async def _stay(self) -> None:
        """There is nothing to go back to: a candidate that has the URL keeps it."""
        if self.memory.act in ("switch", "rollback"):
            self.context.log("there is no previous revision to give the public URL back to: the candidate keeps it")
            await self._settle()
        else:
            self.context.log("there is no previous revision, and the candidate never had the public URL")

    async def _revive(self, slot: Slot) -> Slot:
        """Bring the previous revision, which has ended meanwhile, up again.

        Raises:
            DeployError: it does not come up; a candidate that has the URL keeps it.
        """
        self.context.log(f"{slot.revision} is not up any more: it is brought up again")
        fresh = self._slot(slot.commit)
        self._remember(serving=fresh, retired=(*self.memory.retired, slot))
        launch = await self.launcher.launch(fresh, lambda each: self._remember(serving=each))
        if launch.reason is None:
            return launch.slot
        on_trial = self.memory.act in ("switch", "rollback")
        after = "the candidate keeps the public URL" if on_trial else "nothing serves"
        await self._forget()
        await self._stay()
        raise DeployError(f"{slot.revision} had ended, and does not come up again: {launch.reason}; {after}")

    async def _launch(self, commit: str) -> Launch:
        """Bring a revision up in the candidate's place."""
        slot = self._slot(commit)
        self._remember(candidate=slot, act="deploy")
        return await self.launcher.launch(slot, lambda each: self._remember(candidate=each))

    async def _settle(self) -> None:
        self._remember(act="settle")
        await self._accept()

    async def _accept(self) -> None:
        """The candidate becomes the revision that serves; the one before is stopped."""
        candidate, old = self.memory.candidate, self.memory.serving
        assert candidate is not None
        public.point(self.home, candidate.port)
        out = (*self.memory.retired, old) if old else self.memory.retired
        self._remember(serving=candidate, candidate=None, act=None, retired=out)
        await self._stop_retired()

    async def _discard(self) -> None:
        """Whoever is in the candidate's place is stopped."""
        slot = self.memory.candidate
        out = (*self.memory.retired, slot) if slot else self.memory.retired
        self._remember(candidate=None, act=None, retired=out)
        await self._stop_retired()

    async def _forget(self) -> None:
        """The revision before does not come up: there is none to go back to."""
        slot = self.memory.serving
        out = (*self.memory.retired, slot) if slot else self.memory.retired
        self._remember(serving=None, retired=out)
        await self._stop_retired()

    async def _stop_retired(self) -> None:
        await recovery.stop(self.memory.retired, drain=recovery.DRAIN)
        self._remember(retired=())

    async def _open_front(self) -> None:
        self.memory = await public.ensure(self.home, self.memory, self.target.port)
        self._remember()

    async def _asked(self, slot: Slot, port: int) -> tuple[float | None, str]:
        return await ready.wait(port, self.target.ready, self.target.within, lambda: not processes.alive(slot.process))

    def _remember(self, **changes: object) -> None:
        self.memory = self.memory.model_copy(update=changes)
        state.write(self.home, self.memory)

    def _public_port(self) -> int:
        return self.memory.front.port if self.memory.front else 0

    def _slot(self, commit: str) -> Slot:
        revision = f"{self.context.service}-{commit[:7]}"
        return Slot(
            revision=revision,
            commit=commit,
            repository=str(self.context.repository.resolve()),
            tree=str(self.home / "trees" / f"{revision}-{secrets.token_hex(4)}"),
            port=ports.free(),
        )

    def _subject(self, slot: Slot) -> Subject:
        return Subject(
            service=self.context.service,
            environment=self.context.environment,
            revision=slot.revision,
            commit=slot.commit,
            url=f"http://127.0.0.1:{slot.port}",
        )

    def _launched(self, launch: Launch) -> Deployed:
        """What starting a revision showed."""
        start_up = Series(id="start-up", unit="ms", better="lower", samples=((0, launch.took, 0, True),))
        observation = Observation(
            probe="deploy",
            kind="deploy",
            title="Deploy",
            state="measured" if launch.reason is None else "broken",
            reason=None if launch.reason is None else f"{launch.slot.revision} is not up: {launch.reason}",
            checks=launch.checks,
            series=(start_up,) if launch.took is not None else (),
            notes=tuple(launch.evidence),
        )
        return Deployed(self._subject(launch.slot), observation, self._url(), launch.evidence)

    def _seen(self, slot: Slot, seen: str, *, ok: bool) -> Deployed:
        """What asking a revision that was up already showed."""
        runs = processes.alive(slot.process)
        observation = Observation(
            probe="deploy",
            kind="deploy",
            title="Deploy",
            state="measured" if ok else "broken",
            reason=None if ok else f"{slot.revision} is not ready: {seen}",
            checks=(
                exit_check("it runs" if runs else "it has ended", ok=runs, evidence={}),
                ready_check(self.target, seen, ok=ok, evidence={}),
            ),
        )
        return Deployed(self._subject(slot), observation, self._url())

    def _url(self) -> str:
        return f"http://127.0.0.1:{self._public_port()}"
