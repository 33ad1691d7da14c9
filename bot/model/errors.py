"""Every error that the bot raises on purpose, and the exit code that each one ends in.

- StabilityProofError
    - UsageError: the spec or the call is wrong (exit code 2)
        - SpecError: the spec, with file, line and column
        - FormatError: a run, a verdict or a proof that is not what it should be
    - WorkError: the bot could not do its work (exit code 4)
        - DeployError: the deploy platform refused or is down
        - GitHubError: GitHub refused or is unreachable
        - Interrupted: somebody asked us to stop

A probe that fails is not an error: it is an observation.
"""

from typing import ClassVar

STABLE = FIRST_RUN = 0
UNSTABLE = 1
USAGE = 2
INCONCLUSIVE = 3
NO_WORK = 4


class StabilityProofError(Exception):
    """One message that says what is wrong, where, and what to do."""

    exit_code: ClassVar[int] = NO_WORK


class UsageError(StabilityProofError):
    """The spec or the call is wrong."""

    exit_code = USAGE


class SpecError(UsageError):
    """The spec is wrong at one place.

    Attributes:
        where: `file:line:column`, one-based.
    """

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class FormatError(UsageError):
    """A file is not a run, a verdict or a proof as we write them."""


class WorkError(StabilityProofError):
    """The bot could not do its work; what was observed is saved."""


class DeployError(WorkError):
    """The deploy platform refused or is down."""


class GitHubError(WorkError):
    """GitHub refused or is unreachable."""


class Interrupted(WorkError):
    """A signal asked the bot to stop before it had a verdict."""
