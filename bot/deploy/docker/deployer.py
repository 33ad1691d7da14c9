"""What the target `docker` does: containers beside one another, and a front that shares users out among them."""

import re
import secrets
import time
from dataclasses import replace

from pydantic import JsonValue

from bot.deploy import trees
from bot.deploy.docker import containers, images, network, recovery
from bot.deploy.docker.containers import name_of
from bot.deploy.docker.engine import Engine
from bot.deploy.docker.front import Front
from bot.deploy.docker.launch import Launcher, url_of
from bot.deploy.docker.memory import Memory, Slot, at
from bot.deploy.docker.recipe import Recipe
from bot.deploy.docker.showing import Started, asked, started
from bot.deploy.docker.target import DockerTarget, owner
from bot.deploy.target import Abilities, DeployContext, Deployed, Intent, Urls
from bot.model import Observation, Subject
from bot.model.errors import DeployError

SAID = 500
"""Characters that are kept of a reason."""


class DockerDeployer:
    """An open target. What it does is remembered in the front's container, before it is done."""

    abilities = Abilities(shadow=True, splits=True, fresh=True)

    def __init__(self, recipe: Recipe, context: DeployContext, engine: Engine, front: Front, memory: Memory) -> None:
        self.recipe = recipe
        self.target = recipe.target
        self.context = context
        self.engine = engine
        self.front = front
        self.memory = memory
        self.launcher = Launcher(recipe, context, engine, front)

    @classmethod
    async def made(cls, target: DockerTarget, context: DeployContext, engine: Engine) -> "DockerDeployer":
        """Find the network, see that the front is up, and read what it remembers."""
        own = await network.own(engine)
        net = await network.chosen(engine, target.network, own)
        front = Front(engine, owner(context), net, target.front or (own.image if own else None), target.publish)
        if target.front is not None:
            await images.have(engine, target.front, pull=False, seconds=target.build_within)
        await front.ensure()
        memory = (await front.memory()).model_copy(update={"keep": target.keep})
        return cls(Recipe(target, owner(context), net), context, engine, front, memory)

    async def plan(self, commit: str | None) -> Intent:
        serving = self.memory.serving.revision if self.memory.serving else None
        return Intent(self._named(await self._full(commit)), serving)

    async def previous(self, commit: str | None) -> Deployed | None:
        slot = self.memory.serving
        if slot is not None and (slot := await self.launcher.revive(slot)) is not None:
            await self._remember(serving=slot)
            await self.front.share({at(slot): 100})
            took, seen = await self.launcher.ready(slot, time.perf_counter())
            return self._deployed(slot, asked(self.target, slot.revision, self._said(seen), ok=took is not None))
        commit = self.memory.serving.commit if self.memory.serving else commit
        if commit is None:
            await self._forget()
            return None
        try:
            full = await trees.resolve(self.context.repository, commit)
        except DeployError as error:
            self.context.log(f"the previous revision cannot be brought up again: {error}")
            await self._forget()
            return None
        found = await self._launch(full)
        if found.took is None:
            await self._discard()
            await self._forget()
        else:
            await self._accept()
        return self._launched(found)

    async def deploy(self, commit: str | None) -> Deployed:
        if self.memory.candidate is not None:
            raise DeployError(f"{self.memory.candidate.revision} is on trial already; accept it or roll it back first")
        found = await self._launch(await self._full(commit))
        if found.took is None:
            await self._discard()
        return self._launched(found)

    async def urls(self) -> Urls:
        candidate, previous = (url_of(each) for each in (self.memory.candidate, self.memory.serving))
        return Urls(self.front.url, candidate, previous)

    async def traffic(self) -> dict[str, int]:
        slots = [each for each in (self.memory.candidate, self.memory.serving) if each is not None and each.address]
        named = {at(each): each.revision for each in slots}
        return {named.get(address, address): share for address, share in (await self.front.shares()).items()}

    async def promote(self, percent: int) -> None:
        candidate, previous = self.memory.candidate, self.memory.serving
        if candidate is None:
            raise DeployError("there is no candidate on trial that could be given traffic; deploy one first")
        if percent and not await containers.runs(self.engine, candidate.container):
            raise DeployError(f"{candidate.revision} has ended, so it is given no users: see what it printed last")
        if previous is not None and not await containers.runs(self.engine, previous.container):
            previous = await self._again(previous) if percent < 100 else None
        if previous is None and percent < 100:
            raise DeployError(f"no revision is up to have the other {100 - percent} % of the traffic")
        if percent:
            await self._remember(act="switch")
        rest = {at(previous): 100 - percent} if previous else {}
        await self.front.share({at(candidate): percent} | rest)
        if not percent:
            await self._remember(act="deploy")

    async def rollback(self) -> Deployed | None:
        slot = self.memory.serving
        if slot is None:
            if self.memory.act in ("switch", "rollback"):
                self.context.log("there is no previous revision to give the traffic back to: the candidate keeps it")
                await self.settle()
            return None
        if self.memory.candidate is not None:
            await self._remember(act="rollback")
        revived = await self._again(slot)
        if revived is None:
            raise DeployError(
                f"{slot.revision} is not up any more, and its image is gone; the candidate keeps the traffic"
            )
        await self.front.share({at(revived): 100})
        took, seen = await self.launcher.ready(revived, time.perf_counter())
        await self._discard()
        return self._deployed(revived, asked(self.target, revived.revision, self._said(seen), ok=took is not None))

    async def lost(self) -> str | None:
        """As `MayLosePrevious.lost`."""
        slot = self.memory.serving
        if slot is None or not self.memory.keep or self.memory.act not in (None, "deploy"):
            return None
        return None if await containers.runs(self.engine, slot.container) else slot.revision

    async def describe(self) -> dict[str, JsonValue]:
        slot = self.memory.candidate or self.memory.serving
        seen = await containers.look(self.engine, slot.container) if slot else None
        if slot is None or seen is None:
            return {}
        host, config = seen.get("HostConfig") or {}, seen.get("Config") or {}
        image = await self.engine.get(f"/images/{seen['Image']}/json")
        return {
            "revision": slot.revision,
            "image": slot.image,
            "digest": slot.digest,
            "image bytes": image.get("Size"),
            "memory bytes": host.get("Memory") or None,
            "cpus": (host.get("NanoCpus") or 0) / 1e9 or None,
            "health check": (config.get("Healthcheck") or {}).get("Test"),
            "user": config.get("User") or None,
            "network": self.recipe.network,
        }

    async def logs(self, since: float) -> bytes:
        slot = self.memory.candidate or self.memory.serving
        found = await containers.printed(self.engine, slot.container, since=since) if slot else b""
        return self.context.redactor.data(found)

    async def fresh_start(self) -> float | None:
        return await self.launcher.fresh(self.memory.candidate)

    async def fresh_start_of_previous(self) -> float | None:
        """As `fresh_start`, of the previous revision."""
        return await self.launcher.fresh(self.memory.serving)

    async def settle(self) -> None:
        candidate = self.memory.candidate
        if self.memory.act in ("switch", "rollback"):  # one that never had traffic gets it from nobody
            if candidate is not None and not await containers.runs(self.engine, candidate.container):
                raise DeployError(f"{candidate.revision} has ended, so it is not accepted: see what it printed last")
            await self._remember(act="settle")
            await self._accept()

    async def cleanup(self) -> list[str]:
        return []

    async def close(self) -> None:
        """Leave nothing half-done: the previous revision has the traffic unless the candidate was accepted."""
        on_trial = self.memory.candidate is not None
        if self.memory.serving is not None and await self.lost() and await self._again(self.memory.serving) is None:
            self.context.log(f"{self.memory.serving.revision} does not come up again: nothing serves")
        self.memory, lines = await recovery.converge(self.front, self.memory)
        for line in lines if on_trial else ():
            self.context.log(line)

    async def _again(self, slot: Slot) -> Slot | None:
        """The revision before, up; one that had ended is waited for until it is ready, since users come to it then."""
        up = await containers.runs(self.engine, slot.container)
        revived = await self.launcher.revive(slot)
        if revived is not None:
            await self._remember(serving=revived)
            if not up:
                await self.launcher.ready(revived, time.perf_counter())
        return revived

    async def _forget(self) -> None:
        """The revision before does not come up: there is none to go back to. What is left of it is swept."""
        await self._remember(serving=None)

    async def _full(self, commit: str | None) -> str | None:
        """The commit's SHA. An image that is given needs no repository to know it."""
        if self.target.image is not None and (commit is None or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit)):
            return commit
        return await trees.resolve(self.context.repository, commit or "HEAD")

    def _named(self, commit: str | None) -> str:
        return f"{self.context.service}-{commit[:7]}" if commit else self.context.service

    async def _launch(self, commit: str | None) -> Started:
        """Bring a revision up in the candidate's place."""
        revision = self._named(commit)
        container = name_of(self.front.owner, f"{revision}-{secrets.token_hex(3)}")
        slot = Slot(revision=revision, container=container, image="", commit=commit)
        await self._remember(candidate=slot, act="deploy")

        async def save(known: Slot) -> None:
            await self._remember(candidate=known)

        return await self.launcher.launch(slot, save)

    async def _accept(self) -> None:
        """The candidate becomes the revision that serves; the one before is removed."""
        candidate, old = self.memory.candidate, self.memory.serving
        assert candidate is not None
        await self.front.share({at(candidate): 100})
        if self.target.keep:  # not before: one that crashes on trial must not look as if it had not
            await containers.restart_always(self.engine, candidate.container)
        out = (*self.memory.retired, old) if old else self.memory.retired
        await self._remember(serving=candidate, candidate=None, act=None, retired=out)
        await self._remove_retired()

    async def _discard(self) -> None:
        """Whoever is in the candidate's place is removed."""
        slot = self.memory.candidate
        out = (*self.memory.retired, slot) if slot else self.memory.retired
        await self._remember(candidate=None, act=None, retired=out)
        await self._remove_retired()

    async def _remove_retired(self) -> None:
        await recovery.remove(self.engine, self.memory.retired)
        await self._remember(retired=())

    async def _remember(self, **changed: object) -> None:
        self.memory = self.memory.model_copy(update=changed)
        await self.front.remember(self.memory)

    def _said(self, text: str) -> str:
        """What a build or a health check printed: the service's own word, which may hold anything."""
        return self.context.redactor.text(text)[:SAID]  # in this order: half a secret is not known for one

    def _launched(self, found: Started) -> Deployed:
        reason = None if found.reason is None else self._said(found.reason)
        observation, evidence = started(self.target, replace(found, reason=reason))
        return replace(self._deployed(found.slot, observation), evidence=evidence)

    def _deployed(self, slot: Slot, observation: Observation) -> Deployed:
        subject = Subject(
            service=self.context.service,
            environment=self.context.environment,
            revision=slot.revision,
            commit=slot.commit,
            image=slot.digest,
            url=url_of(slot) or self.front.url,
        )
        return Deployed(subject, observation, self.front.url)
