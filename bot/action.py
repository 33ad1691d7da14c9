"""The action's entry point: the runner's inputs and event, mapped onto the same pipeline as the command line.

`python -m bot.action` is the main step; `python -m bot.action post` runs after the job whatever became of it, and puts
back and closes what a killed main step left open.
"""

import asyncio
import sys
from collections.abc import Sequence

from bot.model.errors import StabilityProofError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage and return its exit code."""
    from bot import action_steps

    arguments = sys.argv[1:] if argv is None else argv
    return action_steps.post() if list(arguments) == ["post"] else action_steps.main_step()


if __name__ == "__main__":
    sys.exit(main())
