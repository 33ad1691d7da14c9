"""The target `url`: the service is up already, put there by something else. There is nothing to roll back."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, JsonValue

from bot.deploy import trees
from bot.deploy.target import Abilities, DeployContext, Deployed, Deployer, Intent, Target, Urls
from bot.model import Fact, Observation, Subject
from bot.model.errors import DeployError
from bot.safety.urls import host_pattern, service_url

Address = Annotated[str, AfterValidator(service_url), Field(pattern=r"^https?://[^\s/]")]

Host = Annotated[str, AfterValidator(host_pattern)]


class UrlTarget(Target):
    """A URL that is already up."""

    kind: ClassVar[str] = "url"

    url: Address
    """Where the candidate answers."""
    hosts: tuple[Host, ...] = ()
    """Hosts at which another tool may deploy: `HOST`, `HOST:PORT`, or `*.DOMAIN` for all below it. Where a deployment's
    event says an address at one of these, that address is probed and signed in to; without `hosts` it is always `url`."""
    revision: str | None = None
    """What it calls itself (see `identity:`); the service's name and the commit's first seven digits when absent."""
    baseline: Address | None = None
    """Where the revision before still answers, to measure it beside the candidate."""
    baseline_revision: str | None = None
    """What that one calls itself."""

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`."""
        yield _Deployer(self, context)


class _Deployer:
    abilities = Abilities(shadow=False, moves=False)

    def __init__(self, target: UrlTarget, context: DeployContext) -> None:
        self.target = target
        self.context = context
        self.candidate: Subject | None = None

    async def plan(self, commit: str | None) -> Intent:
        candidate = self._deployed(self.target.url, self.target.revision, await self._named(commit)).subject
        return Intent(candidate.revision, candidate.revision, ("it is up already: nothing is deployed",))

    async def previous(self, commit: str | None) -> Deployed | None:
        if self.target.baseline is None:
            return None
        return self._deployed(self.target.baseline, self.target.baseline_revision, await self._named(commit))

    async def deploy(self, commit: str | None) -> Deployed:
        deployed = self._deployed(self.target.url, self.target.revision, await self._named(commit))
        self.candidate = deployed.subject
        return deployed

    async def urls(self) -> Urls:
        return Urls(self.target.url, self.target.url, self.target.baseline)

    async def traffic(self) -> dict[str, int]:
        return {self.candidate.revision: 100} if self.candidate else {}

    async def promote(self, percent: int) -> None:
        if percent != 100:
            raise DeployError(
                f"{self.target.url} was deployed by something else: its traffic cannot be shared out here"
            )

    async def rollback(self) -> Deployed | None:
        url = self.context.redactor.text(self.target.url)
        self.context.log(f"{url} was deployed by something else: there is nothing here to roll back")
        return None

    async def describe(self) -> dict[str, JsonValue]:
        return {"revision": self.candidate.revision, "url": self.candidate.url} if self.candidate else {}

    async def logs(self, since: float) -> bytes:
        return b""

    async def fresh_start(self) -> float | None:
        return None

    async def settle(self) -> None:
        return None

    async def cleanup(self) -> list[str]:
        return []

    async def _named(self, commit: str | None) -> str | None:
        """The commit's SHA; a name such as HEAD means nothing to whoever reads it later."""
        if commit is None or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
            return commit
        try:
            return await trees.resolve(self.context.repository, commit)
        except DeployError:  # nothing is checked out here, so this need not be a repository
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
