"""The action's entry point: the runner's inputs and event, mapped onto the same pipeline as the command line.

`python -m bot.action` is the main step; `python -m bot.action post` runs after the job whatever became of it, and puts
back and closes what a killed main step left open.
"""

import sys
from collections.abc import Sequence

from bot.model.errors import StabilityProofError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage and return its exit code; an error is one annotation."""
    from bot import stages

    arguments = sys.argv[1:] if argv is None else argv
    try:
        return stages.post() if list(arguments) == ["post"] else stages.main()
    except StabilityProofError as error:
        from bot.github import commands

        sys.stdout.write(commands.error(str(error)))
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
