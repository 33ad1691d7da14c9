"""What the target `docker` does: containers beside one another, and a front that shares users out among them."""

import re
import secrets
import time
from collections.abc import Mapping
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
from bot.deploy.docker.showing import asked, started
from bot.deploy.docker.target import DockerTarget, owner
from bot.deploy.target import Abilities, DeployContext, Deployed, Intent, Urls
from bot.deploy.trial import Trial
from bot.model import Observation, Subject
from bot.model.errors import DeployError

SAID = 500
"""Characters that are kept of a reason."""


class DockerDeployer(Trial[Slot]):
    """An open target. What it does is remembered in the front's container, before it is done."""

    abilities = Abilities(shadow=True, splits=True, fresh=True)
    memory: Memory

    def __init__(self, recipe: Recipe, context: DeployContext, engine: Engine, front: Front, memory: Memory) -> None:
        super().__init__(context, memory)
        self.recipe = recipe
        self.target = recipe.target
        self.engine = engine
        self.front = front
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

    async def urls(self) -> Urls:
        candidate, previous = (url_of(each) for each in (self.memory.candidate, self.memory.serving))
        return Urls(self.front.url, candidate, previous)

    async def traffic(self) -> dict[str, int]:
        slots = [each for each in (self.memory.candidate, self.memory.serving) if each is not None and each.address]
        named = {at(each): each.revision for each in slots}
        return {named.get(address, address): share for address, share in (await self.front.shares()).items()}

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

    async def cleanup(self) -> list[str]:
        return []

    async def _up(self, slot: Slot) -> bool:
        return await containers.runs(self.engine, slot.container)

    async def _still(self, slot: Slot) -> Slot | None:
        try:
            found = await self.launcher.revive(slot)
        except DeployError as error:
            self.context.log(f"{slot.revision} does not come up again: {self._said(str(error))}")
            return None
        await self._remember(serving=found)
        return found

    async def _bring_up(self, slot: Slot) -> Slot:
        up = await self._up(slot)
        try:
            found = await self.launcher.revive(slot)
        except DeployError as error:
            raise DeployError(self._said(str(error))) from None
        if not up:  # users come to it then
            await self.launcher.ready(found, time.perf_counter())
        return found

    async def _full(self, commit: str | None) -> str | None:
        """The commit's SHA. An image that is given needs no repository to know it."""
        if self.target.image is not None and (commit is None or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit)):
            return commit
        return await trees.resolve(self.context.repository, commit or "HEAD")

    def _named(self, commit: str | None) -> str:
        return f"{self.context.service}-{commit[:7]}" if commit else self.context.service

    async def _launch(self, commit: str | None) -> Deployed:
        revision = self._named(commit)
        container = name_of(self.front.owner, f"{revision}-{secrets.token_hex(3)}")
        slot = Slot(revision=revision, container=container, image="", commit=commit)
        await self._remember(candidate=slot, act="deploy")

        async def save(known: Slot) -> None:
            await self._remember(candidate=known)

        found = await self.launcher.launch(slot, save)
        reason = None if found.reason is None else self._said(found.reason)
        observation, evidence = started(self.target, replace(found, reason=reason))
        return replace(self._deployed(found.slot, observation), evidence=evidence)

    async def _asked(self, slot: Slot) -> Deployed:
        took, seen = await self.launcher.ready(slot, time.perf_counter())
        return self._deployed(slot, asked(self.target, slot.revision, self._said(seen), ok=took is not None))

    async def _share(self, shares: Mapping[Slot, int]) -> None:
        await self.front.share({at(slot): percent for slot, percent in shares.items()})

    async def _accepted(self, slot: Slot) -> None:
        if self.target.keep:  # not before: one that crashes on trial must not look as if it had not
            await containers.restart_always(self.engine, slot.container)

    async def _end(self, slots: tuple[Slot, ...]) -> None:
        await recovery.remove(self.engine, slots)

    async def _converge(self) -> list[str]:
        self.memory, lines = await recovery.converge(self.front, self.memory)
        return lines

    async def _remember(self, **changed: object) -> None:
        self.memory = self.memory.model_copy(update=changed)
        await self.front.remember(self.memory)

    def _said(self, text: str) -> str:
        """What a build or a health check printed: the service's own word, which may hold anything."""
        return self.context.redactor.text(text)[:SAID]  # in this order: half a secret is not known for one

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
