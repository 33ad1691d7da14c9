"""Where the revisions answer: users' own URL, and port-forwards that are opened when they are first asked for."""

from collections.abc import Callable
from contextlib import AsyncExitStack

from bot.deploy.kubernetes import candidate, pods
from bot.deploy.kubernetes.api import Api
from bot.deploy.kubernetes.forward import Forward, Pick
from bot.deploy.kubernetes.memory import Memory
from bot.deploy.kubernetes.objects import Object
from bot.deploy.kubernetes.stable import Stable


class Addresses:
    """They stay open until the target is left."""

    def __init__(self, stable: Stable, api: Api, stack: AsyncExitStack, log: Callable[[str], None]) -> None:
        self.stable = stable
        self.api = api
        self.stack = stack
        self.log = log
        self.promoted = False
        """Whether users have the candidate: then it answers where they do, and its own Deployment is only left over."""
        self._forwards: dict[str, Forward] = {}

    async def public(self) -> str:
        """Where users go: their URL, or the pods that the Service selects."""
        url = self.stable.target.url
        return url or await self._forward("public", pods.picking(self.api, await self.stable.selector()))

    async def candidate(self, memory: Memory) -> str:
        """The candidate's own pods, and none of a deploy before that are still ending; once promoted, those of users."""
        own = candidate.labels(self.stable.target.deployment, memory)
        beside = pods.picking(self.api, own)
        users = pods.picking(self.api, await self.stable.selector())
        among = pods.of_image(users, memory.container, memory.image)

        async def pick() -> list[Object]:
            return await (among() if self.promoted else beside())

        return await self._forward(f"candidate {memory.token}", pick)

    async def of(self, replica_set: str) -> str:
        """The pods of one of the stable Deployment's ReplicaSets."""
        return await self._forward(replica_set, pods.picking(self.api, await self.stable.selector(), replica_set))

    async def _forward(self, key: str, pick: Pick) -> str:
        if key not in self._forwards:
            forward = Forward(self.api, await self.stable.port(), pick, self.log)
            opened = await self.stack.enter_async_context(forward)
            await opened.tried()
            self._forwards[key] = opened
        return self._forwards[key].url
