"""The keys of the target `docker`, and how it is opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from bot.deploy import state
from bot.deploy.finishing import finished
from bot.deploy.target import DeployContext, Deployer, Target
from bot.model.duration import Duration


class DockerTarget(Target):
    """A container on the engine of this machine."""

    kind: ClassVar[str] = "docker"

    image: str | None = None
    """The image of a revision; `{commit}` is filled in. Without it, the image is built."""
    build: str | None = None
    """The folder of the repository that is the build's context (`.`, unless there is an `image`)."""
    dockerfile: str = "Dockerfile"
    """The Dockerfile, inside the context."""
    pull: bool = False
    """Whether an image that is here already is pulled again."""
    compose: str | None = None
    """A compose file, as the commit has it, one service of which is the container's description."""
    service: str | None = None
    """That service; the one of the spec when absent."""
    port: int = Field(8080, ge=1, le=65535)
    """The port that the service listens on, inside its container."""
    publish: int = Field(0, ge=0, le=65535)
    """The port of this machine that users come to; 0 publishes none: then they come to the front's own address."""
    network: str | None = None
    """The network to be on; the job's own when absent, or the engine's default one."""
    front: str | None = None
    """An image with Python 3.11+ for the front; the bot's own where it runs in a container."""
    ready: str = Field("/health", pattern=r"^/[!-~]*$")
    """The path that answers 2xx once the service is ready. The image's own health check has to say yes as well."""
    within: Duration = 60.0
    """How long that may take (60s)."""
    build_within: Duration = 900.0
    """How long building or pulling may be silent (15m)."""
    command: list[str] | None = None
    """Words instead of the image's own command."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the service, which also gets `REVISION`, `COMMIT` and `PORT`."""
    volumes: list[str] = Field(default_factory=list)
    """Volumes and folders, as `docker run -v` takes them; all revisions share them."""
    memory: str | None = Field(None, pattern=r"^[1-9][0-9]*[kmg]?$")
    """The most memory that a container may have (`512m`)."""
    cpus: float | None = Field(None, gt=0, le=1024)
    """The most processors that it may use."""
    keep: bool = True
    """Whether the accepted revision goes on serving after the bot has ended."""

    @field_validator("build", "dockerfile", "compose")
    @classmethod
    def _stays_inside(cls, text: str | None) -> str | None:
        if text is not None and (PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts):
            raise ValueError("it leaves the repository; name a path inside of it")
        return text

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.image is not None and self.build is not None:
            raise ValueError("there is both an `image` and a `build`; write one of them")
        if self.service is not None and self.compose is None:
            raise ValueError("`service` names one of a compose file; write `compose` as well")
        return self

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`. What an earlier bot left half-done is made good first.

        Raises:
            DeployError: another bot deploys this service, or there is no engine.
        """
        from bot.deploy.docker import engine, recovery
        from bot.deploy.docker.deployer import DockerDeployer

        home = state.home(context.state, context.service, context.environment)
        with state.locked(home):
            async with engine.opened() as connection:
                for line in await recovery.recover_one(connection, owner(context)):
                    context.log(line)
                deployer = await DockerDeployer.made(self, context, connection)
                try:
                    yield deployer
                finally:
                    await finished(deployer.close())


def owner(context: DeployContext) -> str:
    """What everything of this service in this environment is marked with."""
    return f"{context.service}@{context.environment}"
