"""A candidate on trial beside the revision that serves, behind a front of ours: what is the same whatever runs there.

A target says how a revision is brought up, asked and ended, and how the front is told; the acts and their order are here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic

from bot.deploy import trees
from bot.deploy.remembered import Remembered, S
from bot.deploy.target import DeployContext, Deployed
from bot.model.errors import DeployError


class Trial(ABC, Generic[S]):
    """The half of a `Deployer` that brings two revisions up on this machine, and moves traffic between them."""

    def __init__(self, context: DeployContext, memory: Remembered[S]) -> None:
        self.context = context
        self.memory = memory

    async def previous(self, commit: str | None) -> Deployed | None:
        """As `Deployer.previous`."""
        slot = self.memory.serving
        if slot is not None and (found := await self._still(slot)) is not None:
            await self._share({found: 100})
            return await self._asked(found)
        commit = slot.commit if slot else commit
        if commit is None:
            await self._forget()
            return None
        try:
            full = await trees.resolve(self.context.repository, commit)
        except DeployError as error:
            self.context.log(f"the previous revision cannot be brought up again: {error}")
            await self._forget()
            return None
        deployed = await self._launch(full)
        if deployed.observation.state == "measured":
            await self._accept()
        else:
            await self._discard()
            await self._forget()
        return deployed

    async def deploy(self, commit: str | None) -> Deployed:
        """As `Deployer.deploy`."""
        if self.memory.candidate is not None:
            raise DeployError(f"{self.memory.candidate.revision} is on trial already; accept it or roll it back first")
        deployed = await self._launch(await self._full(commit))
        if deployed.observation.state != "measured":
            await self._discard()
        return deployed

    async def promote(self, percent: int) -> None:
        """As `Deployer.promote`."""
        candidate, previous = self.memory.candidate, self.memory.serving
        if candidate is None:
            raise DeployError("there is no candidate on trial that could be given traffic; deploy one first")
        if percent and not await self._up(candidate):
            raise DeployError(f"{candidate.revision} has ended, so it is given no users: see what it printed last")
        if previous is not None and not await self._up(previous):
            previous = await self._again(previous) if percent < 100 else None
        if previous is None and percent < 100:
            raise DeployError(f"no revision is up to have the other {100 - percent} % of the traffic")
        if percent:
            await self._remember(act="switch")
        await self._share({candidate: percent} | ({previous: 100 - percent} if previous else {}))
        if not percent:
            await self._remember(act="deploy")

    async def rollback(self) -> Deployed | None:
        """As `Deployer.rollback`."""
        slot = self.memory.serving
        if slot is None:
            await self._stay()
            return None
        slot, deployed = await self._go_back(slot)
        if deployed.observation.state != "measured" and not await self._up(slot):  # it has ended just now
            slot, deployed = await self._go_back(slot)
        await self._discard()
        return deployed

    async def lost(self) -> str | None:
        """As `MayLosePrevious.lost`."""
        slot = self.memory.serving
        if slot is None or not self.memory.keep or self.memory.act not in (None, "deploy"):
            return None
        return None if await self._up(slot) else slot.revision

    async def settle(self) -> None:
        """As `Deployer.settle`."""
        if self.memory.act != "switch":
            return  # one that never had traffic gets it from nobody
        candidate = self.memory.candidate
        if candidate is not None and not await self._up(candidate):
            raise DeployError(f"{candidate.revision} has ended, so it is not accepted: see what it printed last")
        await self._settle()

    async def close(self) -> None:
        """Leave nothing half-done: the previous revision has the traffic unless the candidate was accepted."""
        on_trial = self.memory.candidate is not None
        if self.memory.serving is not None and await self.lost():
            try:
                await self._again(self.memory.serving)
            except DeployError as error:  # whoever leaves because of another error is not to hear of this one instead
                self.context.log(str(error))
        lines = await self._converge()
        for line in lines if on_trial else ():
            self.context.log(line)

    @abstractmethod
    async def _up(self, slot: S) -> bool:
        """Whether it runs."""

    @abstractmethod
    async def _still(self, slot: S) -> S | None:
        """The revision before as it stands; None where it has to be brought up from its commit, to be measured anew."""

    @abstractmethod
    async def _bring_up(self, slot: S) -> S:
        """The revision before, up and ready, whatever has become of it.

        Raises:
            DeployError: it does not come up.
        """

    @abstractmethod
    async def _launch(self, commit: str | None) -> Deployed:
        """Bring a revision up in the candidate's place, and remember it there. It is `measured` once it is ready."""

    @abstractmethod
    async def _asked(self, slot: S) -> Deployed:
        """What a revision that has the traffic says of itself: `measured` where it is ready."""

    @abstractmethod
    async def _share(self, shares: Mapping[S, int]) -> None:
        """Have the front share new connections out in percent."""

    @abstractmethod
    async def _end(self, slots: tuple[S, ...]) -> None:
        """End revisions that have no traffic any more."""

    @abstractmethod
    async def _converge(self) -> list[str]:
        """Come to where nothing is half-done; what was done, in words."""

    @abstractmethod
    async def _full(self, commit: str | None) -> str | None:
        """The commit's SHA."""

    @abstractmethod
    async def _remember(self, **changes: object) -> None:
        """Write down what is known, with these changes."""

    async def _accepted(self, slot: S) -> None:
        """Whatever else is to be done with a revision that users keep."""

    async def _go_back(self, slot: S) -> tuple[S, Deployed]:
        """Give all the traffic to the previous revision, up again where it has ended, and ask it."""
        slot = await self._again(slot)
        if self.memory.candidate is not None and self.memory.act != "deploy":  # in shadow it has nothing to give back
            await self._remember(act="rollback")
        await self._share({slot: 100})
        return slot, await self._asked(slot)

    async def _again(self, slot: S) -> S:
        """The previous revision, up.

        Raises:
            DeployError: it does not come up; a candidate that has users keeps them.
        """
        try:
            found = await self._bring_up(slot)
        except DeployError as error:
            has_users = self.memory.act in ("switch", "rollback")
            after = "the candidate keeps the traffic" if has_users else "nothing serves"
            await self._forget()
            await self._stay()
            raise DeployError(f"{slot.revision} had ended, and does not come up again: {error}; {after}") from None
        if found != self.memory.serving:
            await self._remember(serving=found)
        return found

    async def _stay(self) -> None:
        """There is nothing to go back to: a candidate that has users keeps them."""
        if self.memory.act in ("switch", "rollback"):
            self.context.log("there is no previous revision to give the traffic back to: the candidate keeps it")
            await self._settle()
        else:
            self.context.log("there is no previous revision, and the candidate never had any traffic")

    async def _settle(self) -> None:
        await self._remember(act="settle")
        await self._accept()

    async def _accept(self) -> None:
        """The candidate becomes the revision that serves; the one before is ended."""
        candidate, old = self.memory.candidate, self.memory.serving
        assert candidate is not None
        await self._share({candidate: 100})
        await self._accepted(candidate)
        await self._retire(old, serving=candidate, candidate=None, act=None)

    async def _discard(self) -> None:
        """Whoever is in the candidate's place is ended."""
        await self._retire(self.memory.candidate, candidate=None, act=None)

    async def _forget(self) -> None:
        """The revision before does not come up: there is none to go back to."""
        if self.memory.serving is not None:
            await self._retire(self.memory.serving, serving=None)

    async def _retire(self, slot: S | None, **changes: object) -> None:
        """End a revision that is remembered for nothing else from now on."""
        await self._remember(**changes, retired=(*self.memory.retired, slot) if slot else self.memory.retired)
        await self._end(self.memory.retired)
        await self._remember(retired=())
