"""After the job: what a killed main step left half-done is finished or reversed, and what it left open is closed."""

import asyncio
import os
from pathlib import Path
from typing import get_args

from bot.github.client import Client
from bot.github.environment import Environment
from bot.github.event import Activity, Kind
from bot.github.owed import Owed
from bot.github.publisher import Publisher
from bot.github.quiet import GateAlone
from bot.github.turn import Turn
from bot.model.errors import STABLE, DeployError
from bot.stages.saying import say


def after(environment: Environment) -> int:
    """Recover the deployment, and close the gate if it is still open."""
    saved = environment.saved
    if (owed := Owed.from_text(saved.get("owed", ""))) is not None:
        publisher = _publisher(environment)
        publisher.pay(owed)
        _say_what_failed(publisher)
    if "begun" not in saved or "done" in saved:
        return STABLE
    from bot.recovering import recover

    home = Path(environment.inputs.get("working-directory", "."))
    file = home / environment.inputs.get("spec", "stability.yml")
    try:
        for line in asyncio.run(recover(file, Path(saved["state"]), home, os.environ, saved.get("environment"))):
            say(line)
    except DeployError as error:
        say(str(error))
    if saved.get("publish") == "true":
        publisher = _publisher(environment)
        publisher.abandon(saved.get("why", "The job was stopped before there was a verdict"))
        _say_what_failed(publisher)
    return STABLE


def _publisher(environment: Environment) -> Publisher:
    saved = environment.saved
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
    if saved.get("turn", "").isdigit():
        publisher.turn = Turn("", int(saved["turn"]), saved["commit"])  # the number alone says which runs began later
    return publisher


def _say_what_failed(publisher: Publisher) -> None:
    for line in (*publisher.done.denied, *publisher.done.failed):
        say(line)
