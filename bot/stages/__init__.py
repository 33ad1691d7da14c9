"""The stages of the action: the main step, and the one after the job."""

import os

from bot.github import commands
from bot.github.environment import Environment
from bot.github.event import activity
from bot.model.errors import STABLE, StabilityProofError
from bot.stages.after import after
from bot.stages.facts import gather
from bot.stages.proving import prepared
from bot.stages.saying import no_verdict, say


def main() -> int:
    """The main step: from the event to the verdict, and the verdict to where it belongs."""
    environment = Environment.from_environ(os.environ)
    try:
        asked = activity(
            environment.event_name,
            environment.event,
            environment.sha,
            environment.ref,
            environment.inputs,
            gather(environment),
        )
        if asked.said is not None:
            from bot.stages import talking

            return talking.talk(environment, asked.said)
        if asked.commit is None:
            say(f"Nothing to do: {asked.reason}.")
            commands.assign(environment.output, {"verdict": "", "exit-code": str(STABLE)})
            return STABLE
        proof = prepared(environment, asked, asked.commit)
    except StabilityProofError as error:
        no_verdict(environment, str(error), error.exit_code)
        raise
    return proof.run()


def post() -> int:
    """After the job: finish or reverse what a killed main step left half-done, and close what it left open."""
    return after(Environment.from_environ(os.environ))
