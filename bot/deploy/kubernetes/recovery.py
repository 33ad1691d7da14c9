"""Making good what an earlier run left half-done: the candidate's Deployment is there for as long as anything is."""

import secrets

from bot.deploy.kubernetes import acts, candidate, objects
from bot.deploy.kubernetes.api import Api
from bot.deploy.kubernetes.memory import read
from bot.model.errors import DeployError


async def recover(api: Api, deployment: str, within: float, patience: float) -> list[str]:
    """Finish or reverse it, and say in words what was done. Doing it again comes to the same.

    A candidate that had been accepted stays; any other gives way to the revision before. The run that left it, should
    it still be alive, finds that it was overtaken, and stops.

    Raises:
        DeployError: it cannot be made good, or a Deployment of the candidate's name is not the bot's.
    """
    name = candidate.called(deployment)
    there = await api.find("deployments", name)
    if there is None:
        return []
    known = read(there)
    if candidate.LABEL not in objects.labels(there):
        raise DeployError(
            f"there is a Deployment {name} that stability-proof did not make (it lacks the label {candidate.LABEL}): "
            "rename it; the bot needs that name"
        )
    lines = [f"{name} was left by an earlier run: it is taken away"]
    if known is not None and known.act in ("promote", "rollback"):
        token = secrets.token_hex(8)
        taken = known.model_copy(update={"token": token, "act": "rollback"})
        await acts.written(api, deployment, taken, known.token)
        done = await acts.put_back(api, deployment, taken, within, patience)
        state = done.progress.says if done.seconds is not None else acts.incomplete(api, deployment, done)
        lines.append(f"{known.image} was never accepted: {deployment} has {known.previous_image} again: {state}")
    elif known is not None and known.act == "settle":
        lines.append(f"{known.image} had been accepted: {deployment} keeps it")
    await acts.remove(api, deployment, None)
    return lines
