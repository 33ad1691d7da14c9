"""The target `process`: a revision is a process on this machine, started from its own work tree.

Users reach a small front on one stable port. The candidate is started beside the revision that serves; once it is ready
the front is switched to it, and on a rollback it is switched back: the revision before was kept up.
"""

import asyncio
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bot.deploy import processes, ready, recovery, state, trees
from bot.deploy.state import Memory, Slot
from bot.deploy.target import DeployContext, Deployed, Deployer, Evidence, Target
from bot.model import Check, Observation, Series, Subject, digest
from bot.model.duration import Duration
from bot.model.errors import DeployError

TAIL = 16_384
"""Bytes of a revision's output that are kept as evidence."""


class ProcessTarget(Target):
    """A process on this machine, one work tree a revision."""

    kind: ClassVar[str] = "process"

    command: str = Field(min_length=1)
    """What starts the service; no shell. `{port}`, `{commit}`, `{python}` and `{cache}` are filled in."""
    prepare: str | None = None
    """A command that is run before the start, to build or install; `{cache}` is a folder that revisions share."""
    checkout: str = "{commit}"
    """What is checked out, as git names it."""
    directory: str = "."
    """The folder of the work tree to run in."""
    ready: str = Field("/health", pattern="^/")
    """The path that answers 2xx once the service is ready."""
    within: Duration = 30.0
    """How long that may take (30s)."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the service, besides the bot's own environment without GitHub's variables."""
    port: int = Field(0, ge=0, le=65535)
    """The public port; 0 takes a free one."""
    keep: bool = False
    """Whether the accepted revision goes on serving after the bot has ended."""

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`."""
        home = (context.state / f"{context.service}-{context.environment}").resolve()
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
        self.memory = state.read(home) or Memory(repository=str(context.repository.resolve()))
        self.serving: Deployed | None = None

    async def previous(self, commit: str | None) -> Deployed | None:
        slot = self.memory.serving
        if slot and slot.process and processes.alive(slot.process):
            self.serving = self._deployed(slot, None, "already up", Evidence())
            return self.serving
        commit = slot.commit if slot else commit
        if commit is None:
            return None
        try:
            full = await trees.resolve(self.context.repository, commit)
        except DeployError as error:
            self.context.log(f"the previous revision cannot be brought up again: {error}")
            return None
        await recovery.stop_slot(self.memory, slot)
        self._remember(serving=None, candidate=self._slot(full), act="deploy")
        deployed = await self._start()
        if deployed.observation.state != "measured":
            await self._discard()
            return deployed
        await self._accept()
        self.serving = deployed
        return deployed

    async def deploy(self, commit: str | None) -> Deployed:
        name = self.target.checkout.replace("{commit}", commit or "HEAD")
        full = await trees.resolve(self.context.repository, name)
        self._remember(candidate=self._slot(full), act="deploy")
        deployed = await self._start()
        if deployed.observation.state == "measured":
            await self._point_front(self._candidate().port)
        return deployed

    async def rollback(self) -> Deployed | None:
        slot = self.memory.serving
        if slot is None or self.serving is None:
            return None
        if slot.process is None or not processes.alive(slot.process):
            raise DeployError(f"{slot.revision} is not up any more")
        self._point(slot.port)
        await self._discard()
        took, seen = await ready.wait(self.memory.public_port, self.target.ready, self.target.within, lambda: False)
        return self._deployed(slot, took, seen, Evidence())

    async def settle(self) -> None:
        if self.memory.candidate is not None and self.memory.candidate.process is not None:
            self._remember(act="settle")
            await self._accept()

    async def close(self) -> None:
        """Put the previous revision back unless the candidate was accepted, and stop what is not to be kept."""
        if self.memory.candidate is not None:
            if self.memory.serving is not None:
                self._point(self.memory.serving.port)
            await self._discard()
        if not self.target.keep:
            await recovery.stop_slot(self.memory, self.memory.serving)
            await processes.stop(self.memory.front)
            (self.home / state.FILE).unlink(missing_ok=True)

    def _slot(self, commit: str) -> Slot:
        revision = f"{self.context.service}-{commit[:7]}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        tree = self.home / "trees" / f"{revision}-{port}"
        return Slot(revision=revision, commit=commit, tree=str(tree), port=port)

    def _candidate(self) -> Slot:
        if self.memory.candidate is None:
            raise DeployError("nothing was deployed yet")
        return self.memory.candidate

    def _remember(self, **changes: object) -> None:
        self.memory = self.memory.model_copy(update=changes)
        state.write(self.home, self.memory)

    async def _start(self) -> Deployed:
        """Start the candidate's slot and wait until it is ready."""
        slot = self._candidate()
        tree = Path(slot.tree)
        output = tree.with_suffix(".log")
        await trees.add(self.context.repository, slot.commit, tree)
        failed = await self._prepare(slot, output)
        if failed is None:
            try:
                known = self._spawn(self.target.command, slot, output)
            except (OSError, ValueError) as error:
                failed = f"the command cannot be started: {error}"
            else:
                slot = slot.model_copy(update={"process": known})
                self._remember(candidate=slot)
        if failed is not None or slot.process is None:
            return self._deployed(slot, None, failed or "not started", self._output(output))
        process = slot.process
        took, seen = await ready.wait(
            slot.port, self.target.ready, self.target.within, lambda: not processes.alive(process)
        )
        if took is None and not processes.alive(process):
            seen = f"the process ended with exit code {processes.exit_code(process)}"
        return self._deployed(slot, took, seen, self._output(output))

    async def _prepare(self, slot: Slot, output: Path) -> str | None:
        if self.target.prepare is None:
            return None
        (self.home / "cache").mkdir(exist_ok=True)
        try:
            known = self._spawn(self.target.prepare, slot, output)
        except (OSError, ValueError) as error:
            return f"`prepare` cannot be started: {error}"
        self._remember(candidate=slot.model_copy(update={"process": known}))
        while processes.alive(known):
            await asyncio.sleep(0.02)
        code = processes.exit_code(known)
        self._remember(candidate=slot)
        return None if code == 0 else f"`prepare` ended with exit code {code}"

    def _spawn(self, command: str, slot: Slot, output: Path) -> processes.Known:
        return processes.start(self._words(command, slot), self._folder(slot), self._variables(slot), output)

    def _words(self, command: str, slot: Slot) -> list[str]:
        values = {
            "port": str(slot.port),
            "commit": slot.commit,
            "python": sys.executable,
            "cache": str(self.home / "cache"),
        }
        words = shlex.split(command)
        for name, value in values.items():
            words = [word.replace(f"{{{name}}}", value) for word in words]
        return words

    def _folder(self, slot: Slot) -> Path:
        folder = (Path(slot.tree) / self.target.directory).resolve()
        if not folder.is_dir():
            raise NotADirectoryError(f"{slot.commit[:7]} has no folder {self.target.directory!r}")
        return folder

    def _variables(self, slot: Slot) -> Mapping[str, str]:
        return {**self.target.environment, "REVISION": slot.revision, "COMMIT": slot.commit, "PORT": str(slot.port)}

    def _output(self, output: Path) -> Evidence:
        if not output.exists():
            return {}
        with output.open("rb") as file:
            file.seek(max(0, output.stat().st_size - TAIL))
            text = self.context.redactor.data(file.read())
        return {digest(text): (text, "text/plain")} if text else {}

    def _point(self, port: int) -> None:
        state.replace(self.home / "backend", str(port).encode())

    async def _point_front(self, port: int) -> None:
        """Point the front, and start it where it is not up."""
        self._point(port)
        if self.memory.front is not None and processes.alive(self.memory.front):
            return
        words = [sys.executable, "-m", "bot.deploy.front", str(self.home / "backend"), str(self.target.port)]
        said = self.home / "front.log"
        said.unlink(missing_ok=True)
        known = processes.start(words, Path(__file__).resolve().parents[2], {}, said)
        self._remember(front=known)
        while not (said.exists() and said.read_bytes().endswith(b"\n")):
            if not processes.alive(known):
                text = said.read_text(errors="replace").strip().splitlines()
                raise DeployError(
                    f"the public port {self.target.port} cannot be had: {text[-1] if text else 'no reason said'}"
                )
            await asyncio.sleep(0.01)
        self._remember(public_port=int(said.read_text().split()[0]))

    async def _accept(self) -> None:
        """The candidate becomes the revision that serves; the one before is stopped."""
        candidate, old = self._candidate(), self.memory.serving
        await self._point_front(candidate.port)
        self._remember(serving=candidate, candidate=None, act=None, retired=old)
        await recovery.stop_slot(self.memory, old)
        self._remember(retired=None)

    async def _discard(self) -> None:
        await recovery.stop_slot(self.memory, self.memory.candidate)
        self._remember(candidate=None, act=None)

    def _deployed(self, slot: Slot, took: float | None, seen: str, evidence: Evidence) -> Deployed:
        up = took is not None or seen == "already up"
        subject = Subject(
            service=self.context.service,
            environment=self.context.environment,
            revision=slot.revision,
            commit=slot.commit,
            url=f"http://127.0.0.1:{slot.port}",
        )
        name = next(iter(evidence), None)
        check = Check(
            id="ready",
            ok=up,
            expected=f"2xx from {self.target.ready} within {self.target.within:g} s",
            actual=seen,
            evidence=name,
        )
        start_up = (
            Series(id="start-up", unit="ms", better="lower", samples=((0, took, 0, True),))
            if took is not None
            else None
        )
        observation = Observation(
            probe="deploy",
            kind="deploy",
            title="Deploy",
            state="measured" if up else "broken",
            reason=None if up else f"{slot.revision} never became ready: {seen}",
            checks=(check,),
            series=(start_up,) if start_up else (),
            notes=tuple(evidence),
        )
        return Deployed(subject, observation, f"http://127.0.0.1:{self.memory.public_port}", evidence)
