"""The target `process`: a revision is a process on this machine, started from its own work tree.

Users reach a small front on one stable port. The candidate is started beside the revision that serves, and has no users
until it is promoted: then the front gives it its share of new connections. On a rollback they all go back: the revision
before was kept up.
"""

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from pydantic import Field, JsonValue

from bot.deploy import output, ports, processes, public, ready, recovery, showing, state, trees
from bot.deploy.finishing import finished
from bot.deploy.launch import Launch, Launcher
from bot.deploy.recipe import Recipe
from bot.deploy.state import Memory, Slot
from bot.deploy.target import Abilities, DeployContext, Deployed, Deployer, Intent, Urls
from bot.model import Subject
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
                await finished(deployer.close())


class _Deployer:
    abilities = Abilities(shadow=True, splits=True, fresh=True)

    def __init__(self, target: ProcessTarget, context: DeployContext, home: Path) -> None:
        self.target = target
        self.context = context
        self.home = home
        known = state.read(home) or Memory()
        self.memory = known.model_copy(update={"keep": target.keep})
        self.launcher = Launcher(target, home / "cache", context.redactor)

    async def plan(self, commit: str | None) -> Intent:
        full = await self._resolved(commit)
        return Intent(self._name(full), self.memory.serving.revision if self.memory.serving else None)

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
        full = await self._resolved(commit)
        await self._open_front()
        launch = await self._launch(full)
        if launch.reason is not None:
            await self._discard()
        return self._launched(launch)

    async def urls(self) -> Urls:
        candidate, previous = (self._subject(each).url if each else None for each in self._slots())
        return Urls(self._url(), candidate, previous)

    async def traffic(self) -> dict[str, int]:
        named = {each.port: each.revision for each in self._slots() if each is not None}
        found = Counter[str]()  # the same commit may be there twice
        for port, share in public.shares(self.home).items():
            found[named.get(port, f"port {port}")] += share
        return dict(found)

    async def promote(self, percent: int) -> None:
        candidate, previous = self._slots()
        if candidate is None:
            raise DeployError("there is no candidate on trial that could be given traffic; deploy one first")
        if percent and not processes.alive(candidate.process):
            raise DeployError(f"{candidate.revision} has ended, so it is given no users: see what it printed last")
        if previous is not None and not processes.alive(previous.process):
            previous = await self._revive(previous) if percent < 100 else None
        if previous is None and percent < 100:
            raise DeployError(f"no revision is up to have the other {100 - percent} % of the traffic")
        if percent:
            self._remember(act="switch")
        rest = {previous.port: 100 - percent} if previous else {}
        public.share(self.home, {candidate.port: percent} | rest)
        if not percent:
            self._remember(act="deploy")

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

    async def lost(self) -> str | None:
        """As `MayLosePrevious.lost`."""
        slot = self.memory.serving
        if slot is None or not self.memory.keep or self.memory.act not in (None, "deploy"):
            return None
        return None if processes.alive(slot.process) else slot.revision

    async def describe(self) -> dict[str, JsonValue]:
        slot = self.memory.candidate or self.memory.serving
        if slot is None:
            return {}
        known = slot.process
        return {
            "revision": slot.revision,
            "commit": slot.commit,
            "port": slot.port,
            "pid": known.pid if known else None,
        }

    async def logs(self, since: float) -> bytes:
        slot = self.memory.candidate or self.memory.serving
        if slot is None or not slot.output.exists() or slot.output.stat().st_mtime < since:
            return b""
        return output.tail(slot.output, self.context.redactor)

    async def fresh_start(self) -> float | None:
        return await self._again(self.memory.candidate or self.memory.serving)

    async def fresh_start_of_previous(self) -> float | None:
        return await self._again(self.memory.serving)

    async def cleanup(self) -> list[str]:
        return await recovery.sweep(self.home, recovery.belongings(self.memory))

    async def settle(self) -> None:
        if self.memory.act == "switch":  # one that never was ready never had the public URL, and gets it from nobody
            candidate = self.memory.candidate
            if candidate is not None and not processes.alive(candidate.process):
                raise DeployError(f"{candidate.revision} has ended, so it is not accepted: see what it printed last")
            await self._settle()

    async def close(self) -> None:
        """Leave nothing half-done: the previous revision has the URL unless the candidate was accepted."""
        on_trial = self.memory.candidate is not None
        if self.memory.serving is not None and await self.lost():
            try:
                await self._revive(self.memory.serving)
            except DeployError as error:  # whoever leaves because of another error is not to hear of this one instead
                self.context.log(str(error))
        self.memory, lines = await recovery.converge(self.home, self.memory)
        for line in lines if on_trial else ():
            self.context.log(line)

    async def _go_back(self, slot: Slot) -> tuple[float | None, str]:
        """Give the public URL to the previous revision, if it is up, and ask there whether it is ready."""
        if not processes.alive(slot.process):
            return None, "it has ended"
        if self.memory.candidate is not None and self.memory.act != "deploy":  # in shadow it has nothing to give back
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

    def _slots(self) -> tuple[Slot | None, Slot | None]:
        return self.memory.candidate, self.memory.serving

    async def _again(self, slot: Slot | None) -> float | None:
        return await self.launcher.again(slot) if slot and processes.alive(slot.process) else None

    async def _resolved(self, commit: str | None) -> str:
        name = self.target.checkout.replace("{commit}", commit or "HEAD")
        return await trees.resolve(self.context.repository, name)

    def _name(self, commit: str) -> str:
        return f"{self.context.service}-{commit[:7]}"

    def _slot(self, commit: str) -> Slot:
        revision = self._name(commit)
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
        return Deployed(self._subject(launch.slot), showing.started(launch), self._url(), launch.evidence)

    def _seen(self, slot: Slot, seen: str, *, ok: bool) -> Deployed:
        return Deployed(self._subject(slot), showing.asked(self.target, slot, seen, ok=ok), self._url())

    def _url(self) -> str:
        return f"http://127.0.0.1:{self._public_port()}"
