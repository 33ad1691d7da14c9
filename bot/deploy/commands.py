"""Running the commands of a deploy tool, and reading the JSON that they answer with."""

import asyncio
import contextlib
import difflib
import os
import re
import shlex
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.deploy.output import LINE, last_line
from bot.deploy.processes import inherited
from bot.model import strict_json
from bot.model.duration import format_duration
from bot.model.errors import DeployError, FormatError
from bot.safety.redact import Redactor

PRINTED = 1024 * 1024
"""Bytes that a command may print on standard output, and on standard error; what comes after is dropped."""
GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL for a command that takes too long: it may have something to put back."""
_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True)
class Answer:
    """What a command said: its JSON object (empty where it printed none), its redacted output, the seconds it took."""

    said: Mapping[str, Any] = field(default_factory=dict)
    printed: bytes = b""
    took: float = 0.0


@dataclass(frozen=True)
class Commands:
    """Runs commands in one folder. `within` are the seconds that one may take."""

    folder: Path
    environment: Mapping[str, str]
    within: float
    redactor: Redactor

    async def run(self, name: str, words: Sequence[str], *, refusable: bool = False) -> Answer:
        """Run one command to its end. `refusable`: an answer that says `ready: false` counts whatever the exit code.

        Raises:
            DeployError: it cannot be started, failed, took too long, or printed JSON that is not to be understood.
        """
        began = time.perf_counter()
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=self.folder,
                env={**inherited(), **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise DeployError(f"`{name}` cannot be started: {why}: {words[0][:LINE]}") from None
        try:
            async with asyncio.timeout(self.within):
                out, told, code = await asyncio.gather(_read(process.stdout), _read(process.stderr), process.wait())
        except TimeoutError:
            await _end(process)
            raise DeployError(f"`{name}` took longer than {format_duration(self.within)}, and was stopped") from None
        except asyncio.CancelledError:
            await _end(process)
            raise
        printed = self.redactor.data(told + out)
        said = self._object(name, out)
        if code != 0 and not (refusable and said.get("ready") is False):
            why = last_line(self.redactor.data(told)) or last_line(printed)
            raise DeployError(f"`{name}` ended with exit code {code}" + (f": {why}" if why else ""))
        return Answer(said, printed, time.perf_counter() - began)

    def _object(self, name: str, out: bytes) -> dict[str, Any]:
        """The JSON object on standard output: all of it, or its last line where a tool says other things before."""
        text = out.strip()
        last = text.rpartition(b"\n")[2].strip()
        for each in (text, last):
            if each.startswith(b"{"):
                with contextlib.suppress(FormatError):
                    found = strict_json(each, name)
                    if isinstance(found, dict):
                        return found
        if last.startswith(b"{") or text.startswith(b"{"):
            raise DeployError(f"`{name}` printed what looks like JSON and is none; print one object, on one line, last")
        return {}


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """All that is printed, to the end; only the first `PRINTED` bytes are kept, so that nobody waits on a full pipe."""
    assert stream is not None
    found = bytearray()
    while chunk := await stream.read(65536):
        found += chunk[: max(0, PRINTED - len(found))]
    return bytes(found)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop a command with all that is in its session."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 1.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()
                return


def known_placeholders(text: str, names: Iterable[str]) -> str:
    """The command, if it can be split into words and every `{placeholder}` is known.

    Raises:
        ValueError: it cannot, or one is not.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"it cannot be split into words: {str(error).lower()}") from None
    if not words:
        raise ValueError("it is empty; write a program and its arguments")
    allowed = list(names)
    for name in _PLACEHOLDER.findall(text):
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1) or allowed[:1]
            raise ValueError(f"nothing is known to fill {{{name}}} with; did you mean {{{near[0]}}}?")
    return text


def filled(name: str, command: str, values: Mapping[str, str]) -> list[str]:
    """The command as words, with its placeholders filled in; a value never becomes more than one word.

    Raises:
        DeployError: a value that is asked for is not known.
    """
    words = shlex.split(command)
    for wanted in _PLACEHOLDER.findall(command):
        if not values.get(wanted):
            raise DeployError(f"`{name}` asks for {{{wanted}}}, and that is not known here")
    return [_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in words]
