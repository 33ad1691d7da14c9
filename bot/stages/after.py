"""After the job: what a killed main step left half-done is finished or reversed, and what it left open is closed."""

import asyncio
from pathlib import Path
from typing import get_args

from bot.github.client import Client
from bot.github.environment import Environment
from bot.github.event import Activity, Kind
from bot.github.publisher import Publisher
from bot.github.quiet import GateAlone
from bot.model.errors import STABLE, DeployError
from bot.stages.saying import say


def after(environment: Environment) -> int:
    """Recover the deployment, and close the gate if it is still open."""
    saved = environment.saved
    if "begun" not in saved or "done" in saved:
        return STABLE
    from bot.deploy.recovery import recover

    try:
        for line in asyncio.run(recover(Path(saved["state"]))):
            say(line)
    except DeployError as error:
        say(str(error))
    if saved.get("publish") == "true":
        # `prove` is the kind that opens most, and of what was not opened nothing is closed
        kind: Kind = next((each for each in get_args(Kind) if each == saved.get("kind")), "prove")
        asked = Activity(saved["commit"], "it was stopped", kind=kind)
        publisher = (Publisher if asked.comments else GateAlone)(
            Client(environment.api_url, environment.token, environment.repository, patience=30.0),
            asked,
            saved["commit"],
            saved["service"],
            saved["environment"],
            environment.run_url,
        )
        publisher.check = int(saved["check"]) if saved.get("check", "").isdigit() else None
        publisher.deployment = int(saved["deployment"]) if saved.get("deployment", "").isdigit() else None
        publisher.abandon("The job was stopped before there was a verdict")
        for line in (*publisher.done.denied, *publisher.done.failed):
            say(line)
    return STABLE
