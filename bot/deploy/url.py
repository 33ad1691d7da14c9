"""The target `url`: the service is up already, put there by something else. There is nothing to roll back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from pydantic import Field

from bot.deploy.target import DeployContext, Deployed, Deployer, Target
from bot.model import Fact, Observation, Subject


class UrlTarget(Target):
    """A URL that is already up."""

    kind: ClassVar[str] = "url"

    url: str = Field(pattern=r"^https?://[^\s/]")
    """Where the candidate answers."""
    revision: str | None = None
    """What it calls itself (see `identity:`); the commit's first seven digits after the service's name when absent."""
    baseline: str | None = Field(None, pattern=r"^https?://[^\s/]")
    """Where the revision before still answers, to measure it beside the candidate."""
    baseline_revision: str | None = None
    """What that one calls itself."""

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`."""
        yield _Deployer(self, context)


class _Deployer:
    def __init__(self, target: UrlTarget, context: DeployContext) -> None:
        self.target = target
        self.context = context

    async def previous(self, commit: str | None) -> Deployed | None:
        if self.target.baseline is None:
            return None
        return self._deployed(self.target.baseline, self.target.baseline_revision, commit)

    async def deploy(self, commit: str | None) -> Deployed:
        return self._deployed(self.target.url, self.target.revision, commit)

    async def rollback(self) -> Deployed | None:
        return None

    async def settle(self) -> None:
        return None

    def _deployed(self, url: str, revision: str | None, commit: str | None) -> Deployed:
        named = revision or (f"{self.context.service}-{commit[:7]}" if commit else self.context.service)
        subject = Subject(
            service=self.context.service, environment=self.context.environment, revision=named, commit=commit, url=url
        )
        observation = Observation(
            probe="deploy",
            kind="deploy",
            title="Deploy",
            state="measured",
            reason="it was up already; this target deploys nothing",
            facts=(Fact(id="target", kind="target", value={"kind": "url"}),),
        )
        return Deployed(subject, observation, url)
