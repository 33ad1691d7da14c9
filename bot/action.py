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
    from bot.stages.saying import quote_errors

    arguments = sys.argv[1:] if argv is None else argv
    quote_errors()
    return _stage(post=list(arguments) == ["post"])


def _stage(*, post: bool) -> int:
    from bot.github import commands
    from bot.stages.saying import say, say_raw

    try:
        from bot import stages

        return stages.post() if post else stages.main()
    except StabilityProofError as error:
        say_raw(commands.error(str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        say_raw(commands.error("stopped"))
        return NO_WORK
    except Exception as error:  # noqa: BLE001 - Python's own exit code for it is 1, which says `unstable`
        from bot.safety.failures import in_words, trace

        if where := trace(error):
            say(where)
        say_raw(commands.error(in_words(error)))
        return NO_WORK


if __name__ == "__main__":
    # as PID 1 of a container, Python would not hear SIGTERM before there is something to put back
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
