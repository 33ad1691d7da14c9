"""Bringing one revision up on an engine: its image, its container, and the wait until it is ready."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bot.deploy import ready, trees
from bot.deploy.docker import compose, containers, images, network
from bot.deploy.docker.containers import name_of
from bot.deploy.docker.engine import Engine
from bot.deploy.docker.front import Front
from bot.deploy.docker.images import Unbuildable
from bot.deploy.docker.memory import Slot
from bot.deploy.docker.recipe import Recipe
from bot.deploy.docker.showing import Started
from bot.deploy.target import DeployContext
from bot.model.errors import DeployError

TAIL = 500
"""Lines of a container's log that are kept as evidence."""
Save = Callable[[Slot], Awaitable[None]]


@dataclass(frozen=True)
class Launcher:
    """Brings revisions up. `front` is what has to reach them."""

    recipe: Recipe
    context: DeployContext
    engine: Engine
    front: Front

    async def launch(self, slot: Slot, save: Save) -> Started:
        """Bring a revision up; `save` is told of all that becomes known of it, before the next act."""
        try:
            slot, recipe = await self._with_image(slot)
        except Unbuildable as error:
            return Started(slot, None, f"its image cannot be built: {error}", self._kept(error.told.encode()))
        await save(slot)
        return await self._run(slot, recipe, "revision", save)

    async def ready(self, slot: Slot, began: float) -> tuple[float | None, str]:
        """Wait for the path that says so, and for the image's own health check: milliseconds, and what was seen last."""
        host, _, port = (slot.address or "").rpartition(":")
        ended = asyncio.Event()

        async def watched() -> None:
            while await containers.runs(self.engine, slot.container):
                await asyncio.sleep(0.1)
            ended.set()

        watch = asyncio.ensure_future(watched())
        try:
            took, seen = await ready.wait(
                int(port), self.recipe.target.ready, self.recipe.target.within, ended.is_set, began, host
            )
        finally:
            watch.cancel()
        if took is None:
            return None, seen
        fine, said = await containers.healthy(self.engine, slot.container, self.recipe.target.within, began)
        return (took, seen) if fine else (None, said)

    async def revive(self, slot: Slot) -> Slot:
        """The slot, up: as it is, started again, or made again from its image.

        Raises:
            DeployError: it does not come up; the message may hold what it printed.
        """
        seen = await containers.look(self.engine, slot.container)
        if seen is None:
            self.context.log(f"{slot.revision} is not there any more: it is made again from its image")
            found = await self._run(slot.model_copy(update={"address": None}), await self._recipe(slot), "revision")
            if found.reason is not None:
                raise DeployError(found.reason)
            return found.slot
        if not (seen.get("State") or {}).get("Running"):
            self.context.log(f"{slot.revision} is not up any more: it is started again")
            await containers.start(self.engine, slot.container)
        await network.introduced(self.engine, slot.container, self.front.names)
        return await network.placed(self.engine, slot, self.recipe.network, self.recipe.target.port)

    async def fresh(self, slot: Slot | None) -> float | None:
        """Time one more container of a revision to readiness, in seconds, and remove it."""
        if slot is None:
            return None
        extra = slot.model_copy(update={"container": f"{slot.container}-fresh", "address": None})
        try:
            found = await self._run(extra, await self._recipe(slot), "fresh")
        finally:
            await containers.remove(self.engine, extra.container, grace=1)
        return None if found.took is None else found.took / 1000

    async def _run(self, slot: Slot, recipe: Recipe, role: str, save: Save | None = None) -> Started:
        """Start a container, and wait until it is ready."""
        await containers.create(self.engine, slot.container, recipe.body(slot, role))
        await network.introduced(self.engine, slot.container, self.front.names)
        began = time.perf_counter()
        try:
            await containers.start(self.engine, slot.container)
        except DeployError as error:  # its command or its user is not in the image: the revision's own fault
            return Started(slot, None, f"it was never started: {error}", await self._log(slot))
        with contextlib.suppress(DeployError):  # it may have ended before it had an address
            slot = await network.placed(self.engine, slot, recipe.network, recipe.target.port)
        if save is not None:
            await save(slot)
        took, seen = (None, "it has ended") if slot.address is None else await self.ready(slot, began)
        return Started(
            slot, took, None if took is not None else f"it never became ready: {seen}", await self._log(slot)
        )

    async def _with_image(self, slot: Slot) -> tuple[Slot, Recipe]:
        """The slot with its image, which is there now, and what else its container is made of.

        Raises:
            Unbuildable: the commit's own fault.
        """
        target, recipe = self.recipe.target, self.recipe
        image, context, dockerfile = target.image, target.build, target.dockerfile
        if target.compose is not None:
            composed = await self._composed(slot.commit)
            recipe = replace(recipe, base=composed.body)
            if image is None and context is None:
                image, context, dockerfile = composed.image, composed.context, composed.dockerfile
            if target.network is None:
                recipe = replace(recipe, network=await self._beside(composed.network))
        built = None
        if image is not None:
            image = image.replace("{commit}", slot.commit or "")
            await images.have(self.engine, image, pull=target.pull, seconds=target.build_within)
        else:
            image = f"{name_of(recipe.owner, 'image').lower()}:{(slot.commit or 'none')[:12]}"
            built = await images.build(
                self.engine,
                self.context.repository,
                slot.commit or "HEAD",
                context=context or ".",
                named=dockerfile,
                tag=image,
                seconds=target.build_within,
            )
        image_id, named = await images.digest(self.engine, built or image)
        return slot.model_copy(update={"image": image, "digest": named, "image_id": image_id}), recipe

    async def _composed(self, commit: str | None) -> compose.Composed:
        assert self.recipe.target.compose is not None
        text = await trees.file(self.context.repository, commit or "HEAD", self.recipe.target.compose)
        name, service = self.recipe.target.compose, self.recipe.target.service or self.context.service
        return compose.read(text, name, service, Path(self.context.repository))

    async def _beside(self, wanted: str) -> str:
        """The compose project's network, where its other services are up; the front has to be on it too."""
        try:
            net = await network.chosen(self.engine, wanted, None)
        except DeployError:
            self.context.log(f"the compose project's network {wanted} is not there: its other services are not up")
            return self.recipe.network
        await network.joined(self.engine, self.front.name, net)
        if (own := await network.own_name(self.engine)) is not None:
            await network.joined(self.engine, own, net)
        return net

    async def _recipe(self, slot: Slot) -> Recipe:
        """What a container of a known image is made of."""
        if self.recipe.target.compose is None:
            return self.recipe
        composed = await self._composed(slot.commit)
        net = await self._beside(composed.network) if self.recipe.target.network is None else self.recipe.network
        return replace(self.recipe, base=composed.body, network=net)

    async def _log(self, slot: Slot) -> bytes:
        return self._kept(await containers.printed(self.engine, slot.container, tail=TAIL))

    def _kept(self, text: bytes) -> bytes:
        return self.context.redactor.data(text)


def url_of(slot: Slot | None) -> str | None:
    """Where it answers; None where it does not."""
    return f"http://{slot.address}" if slot is not None and slot.address else None
