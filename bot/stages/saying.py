"""What the stages of the action say on the runner's log, and leave for the steps that follow."""

import sys

from bot import report
from bot.github import commands
from bot.github.environment import Environment


def say(text: str) -> None:
    """Print to the runner's log, in which whatever a service said commands nothing."""
    say_raw(commands.quoted(text.rstrip("\n")))


def say_raw(text: str) -> None:
    """Print what is ours."""
    sys.stdout.write(text)
    sys.stdout.flush()


def no_verdict(environment: Environment, why: str, code: int) -> None:
    """What the steps after this one, and the reader of the job's page, are told."""
    commands.assign(environment.output, {"verdict": "", "exit-code": str(code)})
    commands.summarise(environment.summary, f"## No verdict\n\n{report.prose(why)}\n")
