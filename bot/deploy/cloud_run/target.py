"""The target `cloud_run`: the keys of the spec, and opening the target."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, field_validator

from bot.deploy import state
from bot.deploy.finishing import finished
from bot.deploy.target import DeployContext, Deployer, Target
from bot.model.duration import Duration
from bot.safety.urls import service_url

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?")


def _endpoint(url: str) -> str:
    service_url(url)
    if not url.startswith("https://") and not _LOOPBACK.fullmatch(url):
        raise ValueError("the access token is sent there: it has to be https")
    return url


Endpoint = Annotated[str, AfterValidator(_endpoint)]
Address = Annotated[str, AfterValidator(service_url), Field(pattern=r"^https?://[^\s/]")]


class CloudRunTarget(Target):
    """A service on Google Cloud Run."""

    kind: ClassVar[str] = "cloud_run"
    lasts: ClassVar[bool] = False
    """The candidate's own address goes with its tag."""

    project: str = Field(pattern=r"^[a-z][a-z0-9:.-]{3,61}[a-z0-9]$")
    """The project's id."""
    region: str = Field(pattern=r"^[a-z]+(-[a-z]+)*-?[a-z0-9]+$")
    """Where the service is, such as europe-west1."""
    service: str = Field(pattern=r"^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$")
    """What Cloud Run calls the service."""
    image: str = Field(min_length=1, pattern=r"^[!-~]+$")
    """The image that is there already; `{commit}` is filled in."""
    container: str | None = None
    """Which container gets the image, where the service has several; the one with a port when absent."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables for the container, besides those that the service has; `{commit}` is filled in."""
    cpu: str | None = None
    """The limit of processors, such as "1" or 500m; as it is when absent, and so are all the following."""
    memory: str | None = None
    """The limit of memory, such as 512Mi."""
    min_instances: int | None = Field(None, ge=0)
    """How many instances the revision always keeps."""
    max_instances: int | None = Field(None, ge=1)
    """How many instances it has at most."""
    concurrency: int | None = Field(None, ge=1, le=1000)
    """How many requests one instance takes at a time."""
    timeout: Duration | None = None
    """How long one request may take."""
    service_account: str | None = Field(None, pattern=r"^[^\s@]+@[^\s@]+$")
    """The account that the revision runs as."""
    tag: str = Field("sp", pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=20)
    """The tags are called TAG-new and TAG-old; they are ours alone."""
    url: Address | None = None
    """Where users go, if it is not the service's own address: a domain, a load balancer."""
    within: Duration = 300.0
    """How long a revision may take to be ready, and a change of the traffic to be made (5m)."""
    spread: Duration = 10.0
    """How long after its word that traffic has moved Google may still be moving it, all over its front ends (10s)."""
    token: str | None = Field(None, min_length=1)
    """The access token, as "${NAME}"; from the environment, the metadata server or gcloud when absent."""
    endpoint: Endpoint = "https://run.googleapis.com"
    """Where the Admin API is."""
    logging: Endpoint = "https://logging.googleapis.com"
    """Where Cloud Logging is."""

    @field_validator("image")
    @classmethod
    def _placeholders_are_known(cls, text: str) -> str:
        for name in re.findall(r"\{([^{}]*)\}", text):
            if name != "commit":
                raise ValueError(f"nothing is known to fill {{{name}}} with; did you mean {{commit}}?")
        return text

    @field_validator("env")
    @classmethod
    def _can_be_set(cls, variables: dict[str, str]) -> dict[str, str]:
        for name in variables:
            if not name or "=" in name or "\0" in name:
                raise ValueError(f"{name!r} cannot be set: a name has no '=', and no null character")
            if name in ("PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"):
                raise ValueError(f"{name} is set by Cloud Run itself; take it out of `env`")
        return variables

    @property
    def path(self) -> str:
        """The service, as the API names it."""
        return f"projects/{self.project}/locations/{self.region}/services/{self.service}"

    @property
    def new_tag(self) -> str:
        """The candidate's tag."""
        return f"{self.tag}-new"

    @property
    def old_tag(self) -> str:
        """The previous revision's tag."""
        return f"{self.tag}-old"

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`. What an earlier bot left half-done, on whatever machine, is made good first.

        Raises:
            DeployError: the API refuses or is down, or another bot deploys this service from this machine.
        """
        from bot.deploy.cloud_run.api import Api
        from bot.deploy.cloud_run.deployer import CloudRun
        from bot.deploy.cloud_run.tokens import Tokens

        home = state.home(context.state, context.service, context.environment)
        context.redactor.learn(self.token)
        tokens = Tokens(self.token, context.redactor)
        with state.locked(home):
            async with Api(self.endpoint, tokens, context.log) as api, Api(self.logging, tokens, context.log) as logs:
                deployer = CloudRun(self, context, home, api, logs)
                await deployer.begin()
                try:
                    yield deployer
                finally:
                    await finished(deployer.close())
