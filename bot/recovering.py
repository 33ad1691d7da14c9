"""Finishing or reversing what a killed pass left half-done, wherever its target keeps it: the command `recover`."""

from collections.abc import Mapping
from pathlib import Path

from bot import spec
from bot.deploy import intent, recovery
from bot.deploy.target import DeployContext
from bot.model.errors import SpecError, UsageError
from bot.safety.redact import Redactor

NOTHING = "nothing was left half-done"
HERE = frozenset({"process", "url"})
"""Targets that remember nothing but what is in `state`."""


async def recover(
    file: Path, state: Path, repository: Path, environ: Mapping[str, str], environment: str | None = None
) -> list[str]:
    """Recover what is remembered below `state`, and what the platform of the spec's target remembers; what was done.

    A target whose acts are remembered elsewhere makes good what it finds as soon as it is opened, and a bot that leaves
    it without accepting anything changes nothing more. Without a spec that can be read there is only `state`. What a deploy
    tool began there is given back by the command that was written down, when it is another's than the spec's too.
    `environment` is which one it was, where that is not the spec's.

    Raises:
        DeployError: another bot is at work, the platform is down, or what is remembered cannot be understood.
    """
    lines = await recovery.recover(state)
    said: list[str] = []
    try:
        loaded = spec.load(file, environ)
    except (SpecError, UsageError) as error:
        missed = (
            [f"only what is remembered in {state} was looked at: {error}"] if file.exists() or _elsewhere(state) else []
        )
        return [*_all(lines, await intent.recover(state)), *missed]
    if loaded.target is None or loaded.target.kind in HERE:
        return _all(lines, await intent.recover(state))
    context = DeployContext(
        service=loaded.service,
        environment=environment or loaded.environment,
        repository=repository,
        state=state,
        redactor=Redactor(loaded.secrets),
        log=said.append,
    )
    async with loaded.target.open(context):
        pass
    return _all(lines, said + await intent.recover(state))


def _all(lines: list[str], more: list[str]) -> list[str]:
    """Both, without the word that there was nothing where there was something."""
    return [each for each in lines if each != NOTHING or not more] + more


def _elsewhere(state: Path) -> bool:
    """Whether something was begun whose platform only a spec names."""
    return any(state.glob("*/cloud_run.json"))
