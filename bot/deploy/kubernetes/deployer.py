"""An open target `kubernetes`: the candidate's Deployment beside the stable one, then the stable one's own rollout.

For as long as anything is under way there is a Deployment `NAME-candidate`, whose annotation says which act is being
done. It is created first and deleted last.
"""

import secrets
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from pydantic import JsonValue

from bot.deploy.finishing import finished
from bot.deploy.kubernetes import acts, candidate, described, objects, pods, rollout, waiting
from bot.deploy.kubernetes.addresses import Addresses
from bot.deploy.kubernetes.api import Api, Refused
from bot.deploy.kubernetes.memory import Memory, read
from bot.deploy.kubernetes.names import Names
from bot.deploy.kubernetes.objects import Object
from bot.deploy.kubernetes.planning import stable_lines
from bot.deploy.kubernetes.stable import Stable
from bot.deploy.kubernetes.waiting import Waited
from bot.deploy.target import Abilities, DeployContext, Deployed, Intent, Urls
from bot.model import Subject
from bot.model.errors import DeployError

if TYPE_CHECKING:
    from bot.deploy.kubernetes.target import KubernetesTarget


class KubernetesDeployer:
    """As `Deployer`."""

    abilities = Abilities(shadow=True, splits=False, fresh=True)

    def __init__(self, target: "KubernetesTarget", context: DeployContext, api: Api, stack: AsyncExitStack) -> None:
        self.target = target
        self.context = context
        self.api = api
        self.stack = stack
        self.name = target.deployment
        self.memory: Memory | None = None
        self.began = time.time()
        self.stable = Stable(target, api)
        self.names = Names(target, context.service, context.repository)
        self.addresses = Addresses(self.stable, api, stack, context.log)

    async def plan(self, commit: str | None) -> Intent:
        """As `Deployer.plan`."""
        stable = await self.stable.read()
        image, full = await self.names.wanted(commit)
        container = self.stable.container(stable)
        now = objects.image(stable, container)
        serving = await self._serving(stable)
        lines = [
            f"{self.name} in the namespace {self.api.namespace} has {now}",
            f"{candidate.called(self.name)} is made with {image}, {self.target.replicas} pods that no Service selects",
            f"promoted, the container {container} of {self.name} gets {image}, by its own rollout",
            *stable_lines(stable, image, now),
        ]
        return Intent(self.names.revision(image, full), serving, tuple(lines))

    async def previous(self, commit: str | None) -> Deployed | None:
        """As `Deployer.previous`: what serves now."""
        stable = await self.stable.read()
        if rollout.wants(stable) == 0:
            self.context.log(f"{self.name} is scaled to no pods: there is no previous revision")
            return None
        seen = await waiting.look(self.api, self.name)
        state = rollout.progress(seen.deployment, seen.replica_sets, seen.pods, seen.events)
        # what serves is asked as it is: one pod that is not ready does not take the service down
        up = any(map(objects.ready, seen.of(seen.newest)))
        waited = Waited(seen, state, 0.0 if up else None)
        return await self._deployed(waited, self.stable.container(stable), commit, started=False)

    async def deploy(self, commit: str | None) -> Deployed:
        """As `Deployer.deploy`."""
        if self.memory is not None:
            raise DeployError(f"{self.memory.image} is on trial already; accept it or roll it back first")
        stable = await self.stable.read()
        self.stable.has_pods(stable)
        image, full = await self.names.wanted(commit)
        container = self.stable.container(stable)
        seen = await waiting.look(self.api, self.name)
        before = rollout.progress(seen.deployment, seen.replica_sets, seen.pods, seen.events)
        if before.state != "complete":
            self.context.log(f"{self.name} is in the middle of a rollout, and comes back to that: {before.says}")
        newest = seen.newest
        memory = Memory(
            act="deploy",
            token=secrets.token_hex(8),
            container=container,
            image=image,
            commit=full,
            previous_image=objects.image(stable, container),
            previous_replica_set=None if newest is None else objects.name(newest),
            previous_template=candidate.fingerprint(stable),
        )
        services = await self.api.every("services")
        thing = candidate.build(stable, services, memory, self.target.replicas, self.target.within)
        self.began = time.time()
        self.memory = memory
        try:
            await self.api.create("deployments", thing)
        except Refused as error:
            there = await self.api.find("deployments", thing["metadata"]["name"]) if error.status == 409 else None
            if there is None or read(there) != memory:  # else it is ours, by a try whose answer was lost
                self.memory = None
                raise acts.overtaken(self.name) if error.status == 409 else error from error
        waited = await waiting.rolled_out(
            self.api, candidate.called(self.name), self.target.within, self.target.patience
        )
        made = await self._deployed(waited, container, full, started=True)
        if waited.seconds is None:
            await self._discard()
        return made

    async def urls(self) -> Urls:
        """As `Deployer.urls`."""
        beside = None if self.memory is None else await self.addresses.candidate(self.memory)
        previous = None if self._promoted else await self._previous_address()
        return Urls(await self.addresses.public(), beside, previous)

    async def traffic(self) -> dict[str, int]:
        """As `Deployer.traffic`: the share of ready pods, which is what a Service's balancing comes to."""
        container = self.stable.container(await self.stable.read())
        counts: dict[str, int] = {}
        for each in await pods.taking_traffic(self.api, await self.stable.selector()):
            named = self._of_pod(each, container)
            counts[named] = counts.get(named, 0) + 1
        return pods.shares(counts)

    async def promote(self, percent: int) -> None:
        """As `Deployer.promote`; 0 and 100 only."""
        if percent not in (0, 100):
            raise DeployError(f"a Service cannot give the candidate {percent} %: `kubernetes` knows 0 and 100")
        memory = self._on_trial()
        if percent == 0:
            if self._promoted:
                await self._go_back(memory)
                await self._drained()
                await self._write(memory.model_copy(update={"act": "deploy"}))
            return
        if memory.image == memory.previous_image:
            await self._see_that_it_is_the_same(memory)
        await self._write(memory.model_copy(update={"act": "promote"}))
        await acts.to_image(self.api, self.name, memory)
        waited = await waiting.rolled_out(self.api, self.name, self.target.within, self.target.patience)
        if waited.seconds is None:
            why = acts.incomplete(self.api, self.name, waited)
            raise DeployError(f"{self.name} does not take {memory.image}: {why}")
        acts.kept(self.name, memory, waited.look.deployment, memory.image)
        self.stable.has_pods(waited.look.deployment)
        self.addresses.promoted = True
        await self._drained()

    async def rollback(self) -> Deployed | None:
        """As `Deployer.rollback`."""
        memory = self.memory
        if memory is None:
            return await self.previous(None)
        waited = await self._go_back(memory) if self._promoted else None
        if waited is not None:
            await self._drained()
        await self._discard()
        if waited is None:
            return await self.previous(None)
        return await self._deployed(waited, memory.container, None, started=False)

    async def describe(self) -> dict[str, JsonValue]:
        """As `Deployer.describe`."""
        seen = await waiting.look(self.api, self._candidates_place())
        container = self.stable.container(seen.deployment)
        image = objects.image(seen.deployment, container)
        commit = self.memory.commit if self.memory and self.memory.image == image else None
        said = {"revision": self.names.revision(image, commit), **described.platform(seen, container)}
        return {key: described.redacted(each, self.context.redactor) for key, each in said.items()}

    async def logs(self, since: float) -> bytes:
        """As `Deployer.logs`: of the newest pods, each cut at its end."""
        found: list[Object] = []
        for each in dict.fromkeys((self._candidates_place(), candidate.called(self.name))):
            if each == self.name or self.memory is not None:
                seen = await waiting.look(self.api, each)
                found += seen.of(seen.newest)
        container = self.memory.container if self.memory else self.stable.container(await self.stable.read())
        return await pods.output(self.api, found, container, since)

    async def fresh_start(self) -> float | None:
        """As `Deployer.fresh_start`: one pod more of the candidate's own Deployment; users' pods are left alone."""
        if self.memory is None:
            return None
        return await pods.fresh(self.api, candidate.called(self.name), self.target.within)

    async def settle(self) -> None:
        """As `Deployer.settle`. A candidate that was never promoted has nothing to keep."""
        if self.memory is None or self.memory.act != "promote":
            return
        acts.kept(self.name, self.memory, await self.api.get("deployments", self.name), self.memory.image)
        await self._write(self.memory.model_copy(update={"act": "settle"}))
        await self._discard()

    async def cleanup(self) -> list[str]:
        """As `Deployer.cleanup`: opening has taken away already what earlier runs left."""
        if self.memory is not None:
            return []
        gone = await acts.remove(self.api, self.name, None)
        return [f"{candidate.called(self.name)} is taken away"] if gone else []

    async def close(self) -> None:
        """Leave nothing half-done: the previous revision has the traffic unless the candidate was accepted."""
        memory = self.memory
        if memory is None:
            return
        if self._promoted and memory.act != "settle":
            try:
                waited = await self._go_back(memory)
            except acts.Interloper as error:
                said = str(error)
            else:
                again = f"{self.name} has {memory.previous_image} again: {waited.progress.says}"
                said = f"{memory.image} was never accepted: {again}"
            self.context.log(said)
        await self._discard()

    @property
    def _promoted(self) -> bool:
        return self.memory is not None and self.memory.act in ("promote", "rollback", "settle")

    def _on_trial(self) -> Memory:
        if self.memory is None:
            raise DeployError("no candidate is on trial; deploy one first")
        return self.memory

    def _candidates_place(self) -> str:
        """The Deployment whose newest pods are the candidate."""
        on_trial = self.memory is not None and self.memory.act != "promote"
        return candidate.called(self.name) if on_trial else self.name

    async def _go_back(self, memory: Memory) -> Waited:
        self.addresses.promoted = False
        await self._write(memory.model_copy(update={"act": "rollback"}))
        waited = await acts.put_back(self.api, self.name, memory, self.target.within, self.target.patience)
        if waited.seconds is None:
            why = acts.incomplete(self.api, self.name, waited)
            raise DeployError(f"the rollback of {self.name} to {memory.previous_image} is not complete: {why}")
        return waited

    async def _drained(self) -> None:
        if not await waiting.drained(self.api, self.name, self.target.within):
            self.context.log(f"pods of {self.name} that were replaced have not ended yet: they may still answer")

    async def _see_that_it_is_the_same(self, memory: Memory) -> None:
        """An image that is called as the stable one's is promoted by doing nothing: it has to be that very image.

        Raises:
            DeployError: the tag has moved; users would go on getting what was not probed.
        """
        found: list[set[str]] = []
        for each in (candidate.called(self.name), self.name):
            seen = await waiting.look(self.api, each)
            ids = (described.image_id(pod, memory.container) for pod in seen.of(seen.newest))
            found.append({each.rpartition("@")[2] for each in ids if each})
        if all(found) and not found[0] & found[1]:
            raise DeployError(
                f"{memory.image} is another image by now than the one that {self.name} runs, and a rollout to the same "
                "name would change nothing: have `image` name the commit (`{commit}`), or the image's digest"
            )

    async def _write(self, memory: Memory) -> None:
        """Write the intent down, then keep it here."""
        await acts.written(self.api, self.name, memory, memory.token)
        self.memory = memory

    async def _discard(self) -> None:
        """The last act: the candidate's Deployment goes, and with it what was remembered."""
        await finished(self._removed())

    async def _removed(self) -> None:
        if self.memory is not None:
            await acts.remove(self.api, self.name, self.memory.token)
        self.memory = None

    async def _serving(self, stable: Object) -> str | None:
        if rollout.wants(stable) == 0:
            return None
        image = objects.image(stable, self.stable.container(stable))
        return self.names.revision(image, self.target.commit_in(image))

    def _of_pod(self, pod: Object, container: str) -> str:
        """The revision that a pod belongs to, by its image."""
        image = pods.image_in(pod, container)
        commit = self.memory.commit if self.memory and image == self.memory.image else None
        return self.names.revision(image, commit) if image else objects.name(pod)

    async def _previous_address(self) -> str | None:
        """Where the revision that serves answers by itself."""
        named = self.memory.previous_replica_set if self.memory else None
        if named is None:
            newest = (await waiting.look(self.api, self.name)).newest
            named = None if newest is None else objects.name(newest)
        return None if named is None else await self.addresses.of(named)

    async def _deployed(self, waited: Waited, container: str, commit: str | None, *, started: bool) -> Deployed:
        image = objects.image(waited.look.deployment, container)
        known = commit if started else self.target.commit_in(image)
        if known is None and commit is not None and self.target.image_of(commit) == image:
            known = commit
        printed = b""
        if waited.seconds is None:
            printed = await pods.output(self.api, waited.look.of(waited.look.newest), container, self.began)
        seen, evidence = described.observation(
            waited, self.name, self.context.redactor, printed, container, self.target.within, started=started
        )
        public = await self.addresses.public()
        on_trial = self.memory if started else None
        own = await (self.addresses.candidate(on_trial) if on_trial else self._previous_address())
        subject = Subject(
            service=self.context.service,
            environment=self.context.environment,
            revision=self.names.revision(image, known),
            commit=known,
            image=image,
            url=own or public,
        )
        return Deployed(subject, seen, public, evidence)
