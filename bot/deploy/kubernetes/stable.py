"""The Deployment that users reach, and the Service in front of it."""

from typing import TYPE_CHECKING

from bot.deploy.kubernetes import objects, rollout
from bot.deploy.kubernetes.api import Api, Refused
from bot.deploy.kubernetes.objects import Object
from bot.model.errors import DeployError

if TYPE_CHECKING:
    from bot.deploy.kubernetes.target import KubernetesTarget


class Stable:
    """Reads them. The Service is read once: what it selects and where it goes do not change in a deploy."""

    def __init__(self, target: "KubernetesTarget", api: Api) -> None:
        self.target = target
        self.api = api
        self._service: Object | None = None

    async def read(self) -> Object:
        """The Deployment as it is now.

        Raises:
            DeployError: there is none, or it is paused.
        """
        try:
            stable = await self.api.get("deployments", self.target.deployment)
        except Refused as error:
            if error.status != 404:
                raise
            raise DeployError(
                f"there is no Deployment {self.target.deployment!r} in the namespace {self.api.namespace!r}: create it "
                "first, with its Service (`kubectl apply`); this target brings new revisions to one that is there"
            ) from error
        if stable["spec"].get("paused"):
            raise DeployError(
                f"the Deployment {self.target.deployment} is paused, so nothing would be rolled out: "
                f"`kubectl rollout resume deployment/{self.target.deployment}` first"
            )
        return stable

    def has_pods(self, stable: Object) -> None:
        """See that it wants any: a rollout of no pods is complete at once, and serves nobody.

        Raises:
            DeployError: it is scaled to none.
        """
        if rollout.wants(stable) == 0:
            raise DeployError(
                f"the Deployment {self.target.deployment} is scaled to no pods, so users would get nothing of what is "
                f"deployed: `kubectl scale deployment/{self.target.deployment} --replicas 1` first"
            )

    def container(self, stable: Object) -> str:
        """The container whose image is changed.

        Raises:
            DeployError: there are several and none is named, or there is none of that name.
        """
        names = [str(each["name"]) for each in objects.containers(stable["spec"]["template"])]
        wanted = self.target.container
        if wanted is None and len(names) == 1:
            return names[0]
        if wanted in names:
            return str(wanted)
        wrong = "has several containers" if wanted is None else f"has no container {wanted!r}"
        raise DeployError(f"{self.target.deployment} {wrong}: name one of {', '.join(names)} with `container:`")

    async def service(self) -> Object:
        """The Service in front of it.

        Raises:
            DeployError: there is none.
        """
        if self._service is None:
            name = self.target.service or self.target.deployment
            found = await self.api.find("services", name)
            if found is None:
                raise DeployError(
                    f"there is no Service {name!r} in the namespace {self.api.namespace!r}; name it with `service:`"
                )
            self._service = found
        return self._service

    async def selector(self) -> dict[str, str]:
        """What the Service selects.

        Raises:
            DeployError: nothing.
        """
        service = await self.service()
        selector = dict(service["spec"].get("selector") or {})
        if not selector:
            raise DeployError(f"the Service {objects.name(service)} selects no pods; name the one that users reach")
        return selector

    async def port(self) -> int:
        """The container's port that the Service's first port goes to, or the one that the spec names.

        Raises:
            DeployError: the Service names a port that no container has.
        """
        if self.target.port is not None:
            return self.target.port
        service = await self.service()
        first = service["spec"]["ports"][0]
        wanted = first.get("targetPort", first["port"])
        if isinstance(wanted, int):
            return wanted
        for each in objects.containers((await self.read())["spec"]["template"]):
            for port in each.get("ports") or ():
                if port.get("name") == wanted:
                    return int(port["containerPort"])
        raise DeployError(f"the Service {objects.name(service)} goes to the port {wanted!r}, which no container has")
