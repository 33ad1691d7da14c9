"""Making good what an earlier run left half-done: the candidate's Deployment is there for as long as anything is."""

import secrets

from bot.deploy.kubernetes import acts, candidate, objects
from bot.deploy.kubernetes.api import Api
from bot.deploy.kubernetes.memory import Memory, read
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
        lines.append(await _reversed(api, deployment, known, within, patience))
    elif known is not None and known.act == "settle":
        lines.append(f"{known.image} had been accepted: {deployment} keeps it")
    await acts.remove(api, deployment, None)
    return lines


async def _reversed(api: Api, deployment: str, known: Memory, within: float, patience: float) -> str:
    """Put the revision before back, unless somebody else has rolled out since: they have decided then."""
    taken = known.model_copy(update={"token": secrets.token_hex(8), "act": "rollback"})
    await acts.written(api, deployment, taken, known.token)
    try:
        done = await acts.put_back(api, deployment, taken, within, patience)
    except acts.Interloper as error:
        return str(error)
    state = done.progress.says if done.seconds is not None else acts.incomplete(api, deployment, done)
    return f"{known.image} was never accepted: {deployment} has {known.previous_image} again: {state}"
