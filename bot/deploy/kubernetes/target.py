"""The keys of `deploy: {kubernetes: …}`, and opening the target."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from bot.deploy.target import DeployContext, Deployer, Target
from bot.model.duration import Duration
from bot.safety.urls import service_url

NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
NAMES = ("commit", "short")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
Address = Annotated[str, AfterValidator(service_url), Field(pattern=r"^https?://[^\s/]")]
Named = Annotated[str, Field(pattern=NAME, max_length=253)]


class KubernetesTarget(Target):
    """A Deployment that is there already, behind a Service."""

    kind: ClassVar[str] = "kubernetes"

    deployment: Annotated[str, Field(pattern=NAME, max_length=243)]
    """The Deployment that users reach. The candidate's is called as it is, with `-candidate` behind."""
    image: str
    """The image of a revision; `{commit}` becomes the commit's SHA, `{short}` its first seven digits."""
    namespace: Named | None = None
    """Where it is; the context's namespace, or `default`."""
    service: Named | None = None
    """The Service in front of it; it is called as the Deployment is, when absent."""
    container: Named | None = None
    """The container whose image is changed, where the pods have several."""
    port: int | None = Field(None, ge=1, le=65535)
    """The container's port that answers HTTP; the one that the Service's first port goes to, when absent."""
    url: Address | None = None
    """Where users go. When absent, the bot goes through a port-forward to the pods that the Service selects."""
    replicas: int = Field(1, ge=1, le=100)
    """How many pods the candidate has while it gets no users' traffic."""
    within: Duration = 300.0
    """How long a rollout may take (5m)."""
    patience: Duration = 20.0
    """How long a pod may fail to pull its image, or end again and again, before the rollout counts as failed (20s)."""
    kubeconfig: str | None = None
    """The kubeconfig; `$KUBECONFIG`, `~/.kube/config` or the pod's own service account, when absent."""
    context: str | None = None
    """The context of the kubeconfig; its current one, when absent."""
    server: Address | None = None
    """The API server, where there is no kubeconfig; then `token` says who we are."""
    token: str | None = Field(None, repr=False)
    """The token to say it with, as `${NAME}`."""
    authority: str | None = None
    """The certificates, as PEM, that the API server's is signed by; those that this machine trusts, when absent."""

    @field_validator("image")
    @classmethod
    def _can_be_filled_in(cls, text: str) -> str:
        if not text or re.search(r"\s", text):
            raise ValueError("it is no image such as registry.example.com/chat:{commit}")
        for name in _PLACEHOLDER.findall(text):
            if name not in NAMES:
                raise ValueError(f"nothing is known to fill {{{name}}} with; there is {{commit}} and {{short}}")
        return text

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.server is None) != (self.token is None):
            raise ValueError("`server` and `token` go together")
        if self.server is None and self.authority is not None:
            raise ValueError("`authority` goes with `server`; a kubeconfig has its own")
        if self.server is not None and (self.kubeconfig or self.context):
            raise ValueError("either `server`, or `kubeconfig` and `context`")
        if self.server is not None and not self.server.startswith("https://"):
            raise ValueError("`server` begins with https://, or the token could be read on its way")
        return self

    def image_of(self, commit: str | None) -> str | None:
        """The image of a commit; None where the image needs one and there is none."""
        if commit is None:
            return None if _PLACEHOLDER.search(self.image) else self.image
        return self.image.replace("{commit}", commit).replace("{short}", commit[:7])

    def commit_in(self, image: str) -> str | None:
        """The commit that an image names, read back by the spec's own pattern; None where it names none in full."""
        before, found, after = self.image.partition("{commit}")
        if not found or "{" in before + after:
            return None
        match = re.fullmatch(f"{re.escape(before)}([0-9a-f]{{40}}|[0-9a-f]{{64}}){re.escape(after)}", image)
        return match[1] if match else None

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`. What an earlier run left half-done is made good first.

        Raises:
            DeployError: the cluster cannot be reached or refuses, or there is no such Deployment.
        """
        from bot.deploy.finishing import finished
        from bot.deploy.kubernetes import access, recovery
        from bot.deploy.kubernetes.api import Api
        from bot.deploy.kubernetes.deployer import KubernetesDeployer
        from bot.safety.http import async_client

        if self.server is not None and self.token is not None:
            found = access.given(self.server, self.token, self.authority, context.redactor)
        else:
            found = access.find(self.kubeconfig, self.context, context.redactor)
        for line in found.warnings:
            context.log(line)
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(async_client(found.server, tls=found.tls))
            api = Api(found, self.namespace or found.namespace or "default", http, context.redactor)
            for line in await recovery.recover(api, self.deployment, self.within, self.patience):
                context.log(line)
            deployer = KubernetesDeployer(self, context, api, stack)
            try:
                yield deployer
            finally:
                await finished(deployer.close())
