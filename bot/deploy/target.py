"""What every target offers, and what a deploy gives back."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, JsonValue

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


@dataclass(frozen=True)
class Abilities:
    """What a platform can do, so that the strategy asks for nothing else.

    `shadow`: the candidate runs, and can be reached by the bot, without users' traffic. `splits`: it can be given a
    share of the traffic other than 0 and 100 %. `fresh`: an instance can be started anew, to time a cold start. `moves`:
    it is this target that moves users' traffic, and not somebody else.
    """

    shadow: bool = True
    splits: bool = False
    fresh: bool = False
    moves: bool = True


@dataclass(frozen=True)
class Intent:
    """What a deploy is going to do, before anything is done. `serving` is the revision that users reach now."""

    candidate: str
    serving: str | None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Urls:
    """Where users go, and where each revision answers by itself; None where it has no address of its own."""

    public: str
    candidate: str | None = None
    previous: str | None = None


class Deployer(Protocol):
    """An open target. Whoever leaves it before `settle` gets the previous revision back, with all the traffic.

    Each act is written down before it is done, so that `recover` or the next bot finishes or reverses it.
    Every method raises `DeployError` where the platform refuses or is down.
    """

    @property
    def abilities(self) -> Abilities:
        """What this platform can do."""
        ...

    async def plan(self, commit: str | None) -> Intent:
        """What `deploy` would do. Changes nothing."""
        ...

    async def previous(self, commit: str | None) -> Deployed | None:
        """The revision before: still up, or brought up again from its commit; None when there is none."""
        ...

    async def deploy(self, commit: str | None) -> Deployed:
        """Bring the candidate up and wait until it is ready: without users' traffic where the platform can do that.

        A candidate that never becomes ready is a `Deployed` whose observation is `broken`.
        """
        ...

    async def urls(self) -> Urls:
        """Where everything answers now."""
        ...

    async def traffic(self) -> dict[str, int]:
        """The share of users' traffic in percent that each revision has, as the platform says."""
        ...

    async def promote(self, percent: int) -> None:
        """Give the candidate this share of users' traffic, and wait until the platform says that it has it.

        Whoever cannot split is asked for 100 alone. The candidate is on trial until `settle`, whatever its share.
        """
        ...

    async def rollback(self) -> Deployed | None:
        """Give all the traffic back to the previous revision; None when there is none."""
        ...

    async def describe(self) -> dict[str, JsonValue]:
        """What the platform says of the candidate: revision, image and its digest, limits of memory and CPU, …"""
        ...

    async def logs(self, since: float) -> bytes:
        """What the candidate has printed since that time (seconds since 1970), redacted."""
        ...

    async def fresh_start(self) -> float | None:
        """Start one more instance of the candidate and time it to readiness, in seconds; None where it cannot."""
        ...

    async def settle(self) -> None:
        """The candidate is accepted and keeps the public URL."""
        ...

    async def cleanup(self) -> list[str]:
        """Take away what nobody needs any more, and say what it was."""
        ...


@runtime_checkable
class StartsPrevious(Protocol):
    """A `Deployer` that can also time a fresh instance of the previous revision, to compare cold starts."""

    async def fresh_start_of_previous(self) -> float | None:
        """As `fresh_start`, of the previous revision."""
        ...


class Target(BaseModel):
    """Where a service is deployed: its fields are the YAML keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    lasts: ClassVar[bool] = True
    """Whether what a probe asked can still be asked when the bot has ended."""

    def open(self, context: DeployContext) -> AbstractAsyncContextManager[Deployer]:
        """Open the target. Leaving it before `settle` puts the previous revision back."""
        raise NotImplementedError
