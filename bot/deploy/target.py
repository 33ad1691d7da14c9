"""What every target offers, and what a deploy gives back."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from bot.model import Observation, Subject
from bot.safety.redact import Redactor

Evidence = dict[str, tuple[bytes, str]]
"""Raw, redacted bytes and their media type, by digest."""


@dataclass(frozen=True)
class DeployContext:
    """What a target is told. `repository` is a git checkout, `state` the folder in which it remembers its acts."""

    service: str
    environment: str
    repository: Path
    state: Path
    redactor: Redactor
    log: Callable[[str], None]


@dataclass(frozen=True)
class Deployed:
    """A revision that was deployed. Its observation is `broken` when it never became ready."""

    subject: Subject
    observation: Observation
    public_url: str
    evidence: Evidence = field(default_factory=dict)


class Deployer(Protocol):
    """An open target."""

    async def previous(self, commit: str | None) -> Deployed | None:
        """The revision before: still up, or brought up again from its commit; None when there is none."""
        ...

    async def deploy(self, commit: str | None) -> Deployed:
        """Start the candidate, and give it the public URL once it is ready."""
        ...

    async def rollback(self) -> Deployed | None:
        """Give the public URL back to the previous revision; None when there is none."""
        ...

    async def settle(self) -> None:
        """The candidate is accepted and keeps the public URL."""
        ...


class Target(BaseModel):
    """Where a service is deployed: its fields are the YAML keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: ClassVar[str]
    lasts: ClassVar[bool] = True
    """Whether what a probe asked can still be asked when the bot has ended."""

    def open(self, context: DeployContext) -> AbstractAsyncContextManager[Deployer]:
        """Open the target. Leaving it before `settle` puts the previous revision back."""
        raise NotImplementedError
