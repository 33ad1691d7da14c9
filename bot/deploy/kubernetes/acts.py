"""The acts on the cluster, each after its intent is written. Recovery does the same ones as a deploy."""

from bot.deploy.kubernetes import candidate, objects, waiting
from bot.deploy.kubernetes.api import Api, Refused
from bot.deploy.kubernetes.memory import ACT, Memory, read
from bot.deploy.kubernetes.objects import Object
from bot.deploy.kubernetes.waiting import Waited
from bot.model.errors import DeployError

TRIES = 12
"""Times that a write is made again because the status was written meanwhile: each time on what was read anew."""


class Interloper(DeployError):
    """Somebody else has rolled out in between: what they did stands."""


async def written(api: Api, deployment: str, memory: Memory, token: str) -> None:
    """Write the intent on the candidate's Deployment, where the token there is the one given.

    Raises:
        DeployError: it is gone, or another run has taken over: nothing more may be done.
    """
    name = candidate.called(deployment)
    for _ in range(TRIES):
        there = await api.find("deployments", name)
        known = None if there is None else read(there)
        if there is None or known is None or known.token != token:
            raise overtaken(deployment)
        change = {
            "metadata": {"resourceVersion": objects.version(there), "annotations": {ACT: memory.model_dump_json()}}
        }
        try:
            await api.patch("deployments", name, change)
        except Refused as error:
            if error.status not in (404, 409):
                raise
        else:
            return
    raise DeployError(
        f"the Deployment {name} is written to all the time: the intent cannot be written; nothing was done"
    )


def overtaken(deployment: str) -> DeployError:
    """Another run is at work, or somebody deleted the candidate."""
    return DeployError(
        f"{candidate.called(deployment)} is gone or belongs to another run of the bot: this one stops here; "
        "let no two runs deploy one service at a time (`concurrency:` in the workflow)"
    )


async def to_image(api: Api, deployment: str, memory: Memory) -> None:
    """Give the stable Deployment the candidate's image.

    Raises:
        Interloper: somebody else has changed its pods since the deploy began; nothing was changed.
    """
    for _ in range(TRIES):
        stable = await api.get("deployments", deployment)
        now = objects.image(stable, memory.container)
        if now == memory.image:
            return
        if candidate.fingerprint(stable) != memory.previous_template:
            raise interloper(deployment, memory, now)
        try:
            await api.patch("deployments", deployment, candidate.image_change(stable, memory.container, memory.image))
        except Refused as error:
            if error.status != 409:
                raise
        else:
            return
    raise DeployError(
        f"the Deployment {deployment} is written to all the time: it could not be promoted; nothing was changed"
    )


async def back(api: Api, deployment: str, memory: Memory) -> None:
    """Give the stable Deployment the previous image again.

    That makes its template the former ReplicaSet's, which Kubernetes takes up again, as after `kubectl rollout undo`. What
    somebody has changed besides the image stays.

    Raises:
        Interloper: it has neither image: somebody else has rolled out, and that is left alone.
    """
    for _ in range(TRIES):
        stable = await api.get("deployments", deployment)
        now = objects.image(stable, memory.container)
        if now == memory.previous_image:
            return
        if now != memory.image:
            raise interloper(deployment, memory, now)
        change = candidate.image_change(stable, memory.container, memory.previous_image)
        try:
            await api.patch("deployments", deployment, change)
        except Refused as error:
            if error.status != 409:
                raise
        else:
            return
    raise DeployError(f"the Deployment {deployment} is written to all the time: put it back by hand")


def interloper(deployment: str, memory: Memory, now: str) -> Interloper:
    """The same, in words."""
    what = f"somebody else has changed the pods of {deployment} meanwhile"
    if now == memory.previous_image:
        return Interloper(
            f"{what}: they have {now} again, and users do not get {memory.image}; where Argo CD or Flux keeps the image as "
            "a repository has it, have it ignore that field, or deploy by it (target `command`)"
        )
    return Interloper(
        f"{what}: it has {now}, where this deploy knows {memory.previous_image} and {memory.image}; it is left as it is"
    )


async def remove(api: Api, deployment: str, token: str | None) -> bool:
    """Delete the candidate's Deployment; with a token, only if it is this run's. It is the last act of all.

    False where it is gone already, or is another run's.
    """
    there = await api.find("deployments", candidate.called(deployment))
    if there is None or candidate.LABEL not in objects.labels(there):
        return False
    known = read(there)
    if token is not None and (known is None or known.token != token):
        return False
    return await api.delete("deployments", objects.name(there), objects.uid(there))


async def put_back(api: Api, deployment: str, memory: Memory, within: float, patience: float) -> Waited:
    """Roll the stable Deployment back, and wait until that is complete or is not going to be.

    Raises:
        Interloper: somebody else has rolled out.
    """
    await back(api, deployment, memory)
    done = await waiting.rolled_out(api, deployment, within, patience)
    kept(deployment, memory, done.look.deployment, memory.previous_image)
    return done


def kept(deployment: str, memory: Memory, now: Object, image: str) -> None:
    """See that a Deployment has the image that it was given: a rollout may be complete, and be somebody else's.

    Raises:
        Interloper: it has another one.
    """
    has = objects.image(now, memory.container)
    if has != image:
        raise interloper(deployment, memory, has)


def incomplete(api: Api, deployment: str, done: Waited) -> str:
    """Why a rollout is not complete, and what to look at."""
    why = api.said(done.progress.trouble.message) if done.progress.trouble else ""
    return f"{done.progress.says}{f' ({why})' if why else ''}; see `kubectl rollout status deployment/{deployment}`"
