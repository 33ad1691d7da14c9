"""What the stages of the action say on the runner's log, and leave for the steps that follow.

A runner obeys commands on standard output and on standard error alike (actions/runner, `OutputManager.cs`), so there is
one writer, and what is not the bot's own word goes between quotation marks: the log of a library, a warning, a
traceback, whoever prints it.
"""

import atexit
import io
import sys
import threading

from bot import report
from bot.github import commands
from bot.github.environment import Environment
from bot.github.publisher import Publication
from bot.safety.escape import sentence

SHORTEST = 16
_WRITING = threading.RLock()


def say(text: str) -> None:
    """Print to the runner's log, in which whatever a service said commands nothing."""
    say_raw(commands.quoted(text.rstrip("\n")))


def say_raw(text: str) -> None:
    """Print what is ours."""
    sayable = text.encode("utf-8", "backslashreplace").decode()  # half a character must not end a deploy half-way
    with _WRITING:
        sys.stdout.write(sayable)
        sys.stdout.flush()


class Quoting(io.TextIOBase):
    """Standard error as a runner may read it: whole lines, each between the marks that let it command nothing."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._begun = ""

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Print the lines that are whole; the rest waits for its end."""
        with _WRITING:
            whole, end, self._begun = (self._begun + text).rpartition("\n")
            if end:
                say(whole)
        return len(text)

    def finish(self) -> None:
        """Print what has no end of its own."""
        with _WRITING:
            rest, self._begun = self._begun, ""
            if rest:
                say(rest)


def quote_errors() -> None:
    """Quote all that is written to `sys.stderr` from now on: by logging's last resort, warnings, threads, finalisers."""
    if not isinstance(sys.stderr, Quoting):
        quoting = Quoting()
        sys.stderr = quoting
        vars(sys)["__stderr__"] = quoting  # which Python goes back to when it ends
        atexit.register(quoting.finish)


def masked(secret: str) -> None:
    """Mask what a service gave, such as a session's token. A short word is none, and would black the log out."""
    if len(secret) >= SHORTEST:
        say_raw(commands.mask(secret))


def no_verdict(environment: Environment, why: str, code: int) -> None:
    """What the steps after this one, and the reader of the job's page, are told."""
    commands.assign(environment.output, {"verdict": "", "exit-code": str(code)})
    commands.summarise(environment.summary, f"## No verdict\n\n{report.prose(why)}\n")


def left_out(environment: Environment, publication: Publication) -> None:
    """What a permission was missing for, on the job's page: the log of a green job is read by nobody."""
    denied = tuple(dict.fromkeys(publication.denied))
    if not denied:
        return
    lines = "".join(f"- {sentence(each)}\n" for each in denied)
    nothing = publication.comment_url is None and all(
        any(each.startswith(what) for each in denied) for what in ("the status", "the check")
    )
    only = "\nThis token could write nothing: this page is all that there is of the verdict.\n" if nothing else ""
    commands.summarise(environment.summary, f"\n### Left out for want of a permission\n\n{lines}{only}")
