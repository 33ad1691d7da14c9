"""The target `process`: a revision is a process on this machine, started from its own work tree.

Users reach a small front on one stable port. The candidate is started beside the revision that serves, and has no users
until it is promoted: then the front gives it its share of new connections. On a rollback they all go back: the revision
before was kept up.
"""

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from pydantic import Field, JsonValue

from bot.deploy import output, ports, processes, public, ready, recovery, showing, state, trees
from bot.deploy.finishing import finished
from bot.deploy.launch import Launcher
from bot.deploy.recipe import Recipe
from bot.deploy.state import Memory, Slot
from bot.deploy.target import Abilities, DeployContext, Deployed, Deployer, Intent, Urls
from bot.deploy.trial import Trial
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


class _Deployer(Trial[Slot]):
    abilities = Abilities(shadow=True, splits=True, fresh=True)
    memory: Memory

    def __init__(self, target: ProcessTarget, context: DeployContext, home: Path) -> None:
        super().__init__(context, (state.read(home) or Memory()).model_copy(update={"keep": target.keep}))
        self.target = target
        self.home = home
        self.launcher = Launcher(target, home / "cache", context.redactor)

    async def plan(self, commit: str | None) -> Intent:
        full = await self._full(commit)
        return Intent(self._name(full), self.memory.serving.revision if self.memory.serving else None)

    async def urls(self) -> Urls:
        candidate, previous = (self._subject(each).url if each else None for each in self._slots())
        return Urls(self._url(), candidate, previous)

    async def traffic(self) -> dict[str, int]:
        named = {each.port: each.revision for each in self._slots() if each is not None}
        found = Counter[str]()  # the same commit may be there twice
        for port, share in public.shares(self.home).items():
            found[named.get(port, f"port {port}")] += share
        return dict(found)

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
        return await self._timed(self.memory.candidate or self.memory.serving)

    async def fresh_start_of_previous(self) -> float | None:
        return await self._timed(self.memory.serving)

    async def cleanup(self) -> list[str]:
        return await recovery.sweep(self.home, recovery.belongings(self.memory))

    async def _up(self, slot: Slot) -> bool:
        return processes.alive(slot.process)

    async def _still(self, slot: Slot) -> Slot | None:
        await self._open_front()
        return slot if processes.alive(slot.process) else None

    async def _bring_up(self, slot: Slot) -> Slot:
        if processes.alive(slot.process):
            return slot
        self.context.log(f"{slot.revision} is not up any more: it is brought up again")
        fresh = self._slot(slot.commit)
        self._write(serving=fresh, retired=(*self.memory.retired, slot))
        launch = await self.launcher.launch(fresh, lambda each: self._write(serving=each))
        if launch.reason is not None:
            raise DeployError(launch.reason)
        return launch.slot

    async def _launch(self, commit: str | None) -> Deployed:
        assert commit is not None  # here each revision is one
        await self._open_front()
        slot = self._slot(commit)
        self._write(candidate=slot, act="deploy")
        launch = await self.launcher.launch(slot, lambda each: self._write(candidate=each))
        return Deployed(self._subject(launch.slot), showing.started(launch), self._url(), launch.evidence)

    async def _asked(self, slot: Slot) -> Deployed:
        took, seen = await ready.wait(
            self._public_port(), self.target.ready, self.target.within, lambda: not processes.alive(slot.process)
        )
        observation = showing.asked(self.target, slot, seen, ok=took is not None)
        return Deployed(self._subject(slot), observation, self._url())

    async def _share(self, shares: Mapping[Slot, int]) -> None:
        public.share(self.home, {slot.port: percent for slot, percent in shares.items()})

    async def _end(self, slots: tuple[Slot, ...]) -> None:
        await recovery.stop(slots, drain=recovery.DRAIN)

    async def _converge(self) -> list[str]:
        self.memory, lines = await recovery.converge(self.home, self.memory)
        return lines

    async def _open_front(self) -> None:
        self.memory = await public.ensure(self.home, self.memory, self.target.port)
        self._write()

    async def _remember(self, **changes: object) -> None:
        self._write(**changes)

    def _write(self, **changes: object) -> None:
        self.memory = self.memory.model_copy(update=changes)
        state.write(self.home, self.memory)

    def _public_port(self) -> int:
        return self.memory.front.port if self.memory.front else 0

    def _slots(self) -> tuple[Slot | None, Slot | None]:
        return self.memory.candidate, self.memory.serving

    async def _timed(self, slot: Slot | None) -> float | None:
        return await self.launcher.again(slot) if slot and processes.alive(slot.process) else None

    async def _full(self, commit: str | None) -> str:
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

    def _url(self) -> str:
        return f"http://127.0.0.1:{self._public_port()}"
