"""What a revision's container is made of: the spec's own keys, over those of a compose file where one is named."""

from dataclasses import dataclass, field
from typing import Any

from bot.deploy.docker.containers import OWNER, REVISION, ROLE
from bot.deploy.docker.memory import Slot
from bot.deploy.docker.target import DockerTarget

_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True)
class Recipe:
    """All that is not the image: `base` is what a compose file says, in the engine's own words."""

    target: DockerTarget
    owner: str
    network: str
    base: dict[str, Any] = field(default_factory=dict)

    def body(self, slot: Slot, role: str) -> dict[str, Any]:
        """What the engine is asked to make."""
        target, base = self.target, dict(self.base)
        host = dict(base.pop("HostConfig", {}))
        if target.memory is not None:
            host["Memory"] = size(target.memory)
        if target.cpus is not None:
            host["NanoCpus"] = round(target.cpus * 1e9)
        host["Binds"] = [*host.get("Binds", ()), *target.volumes]
        host["NetworkMode"] = self.network
        host.setdefault("Init", True)
        return {
            **base,
            "Image": slot.digest_of_image,
            **({"Cmd": target.command} if target.command is not None else {}),
            "Env": [*base.get("Env", ()), *(f"{name}={value}" for name, value in self.variables(slot).items())],
            "Labels": {**base.get("Labels", {}), OWNER: self.owner, ROLE: role, REVISION: slot.revision},
            "HostConfig": host,
        }

    def variables(self, slot: Slot) -> dict[str, str]:
        """What the service learns of itself, and what the spec gives it."""
        own = {"REVISION": slot.revision, "COMMIT": slot.commit or "", "PORT": str(self.target.port)}
        return {**self.target.environment, **own}


def size(text: str) -> int:
    """Bytes, from `512m`."""
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else int(text)
