"""The action's entry point: the runner's inputs and event, mapped onto the same pipeline as the command line.

`python -m bot.action` is the main step; `python -m bot.action post` runs after the job whatever became of it, and puts
back and closes what a killed main step left open.
"""

import signal
import sys
from collections.abc import Sequence

from bot.model.errors import NO_WORK, StabilityProofError


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
    except KeyboardInterrupt:
        from bot.github import commands

        sys.stdout.write(commands.error("stopped"))
        return NO_WORK
    except Exception as error:  # noqa: BLE001 - Python's own exit code for it is 1, which says `unstable`
        from bot.github import commands
        from bot.safety.failures import in_words, trace

        if where := trace(error):
            sys.stdout.write(commands.quoted(where.rstrip("\n")))
        sys.stdout.write(commands.error(in_words(error)))
        return NO_WORK


if __name__ == "__main__":
    # as PID 1 of a container, Python would not hear SIGTERM before there is something to put back
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
