"""What is remembered of a deploy under way: in an annotation of the candidate's Deployment.

The next run is on another machine, so it is kept in the cluster. It is not on the Deployment that users reach: its
annotations are copied to its ReplicaSets, and `kubectl rollout undo` would bring them back long after.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.deploy.kubernetes import objects
from bot.deploy.kubernetes.objects import Object

ACT = "stability-proof.dev/act"
Act = Literal["deploy", "promote", "rollback", "settle"]


class Memory(BaseModel):
    """The act that is about to be done or being done, and what was there before it.

    `token` is the run's own: a run that finds another's has been overtaken. `previous_*` are the image and the
    ReplicaSet that served, and the digest of its pods' template.
    """

    model_config = ConfigDict(frozen=True)

    act: Act
    token: str
    container: str
    image: str
    commit: str | None
    previous_image: str
    previous_replica_set: str | None
    previous_template: str


def read(candidate: Object) -> Memory | None:
    """What a candidate's Deployment says; None where that cannot be understood."""
    try:
        return Memory.model_validate_json(objects.annotation(candidate, ACT) or "")
    except ValidationError:
        return None
