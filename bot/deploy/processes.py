"""Starting a program in its own process group, and stopping it with all that it started. Linux only: it reads /proc."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.model import Value

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""
HIDDEN = ("GITHUB_", "INPUT_", "ACTIONS_", "RUNNER_", "STATE_", "GH_TOKEN")
"""The bot's own variables: a service has no business with them."""


class Known(Value):
    """A process that was started, recognised by its start time: a recycled pid is another process."""

    pid: int
    born: int


def start(command: Sequence[str], folder: Path, environment: Mapping[str, str], output: Path) -> Known:
    """Start a program in a session of its own; its output goes to a file.

    Raises:
        OSError: there is no such program, or it cannot be started.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(HIDDEN)}
    with output.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    born = _born(process.pid)
    _children[process.pid] = process
    return Known(pid=process.pid, born=born if born is not None else -1)


def alive(known: Known) -> bool:
    """Whether it still runs; one that has ended and was not reaped yet does not."""
    exit_code(known)
    return _born(known.pid) == known.born


def exit_code(known: Known) -> int | None:
    """The exit code of our own child, once it has ended; negative for a signal."""
    process = _children.get(known.pid)
    return process.poll() if process else None


async def stop(known: Known | None, folder: Path | None = None) -> None:
    """Stop a process, its group, and whatever has its working directory below `folder`.

    SIGTERM first, SIGKILL after `GRACE`. A child that left both the group and the folder is not found.
    """
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        until = time.monotonic() + seconds
        if known and alive(known):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(known.pid, number)
        for pid in _below(folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        while time.monotonic() < until:
            if not (known and alive(known)) and not _below(folder):
                return
            await asyncio.sleep(0.01)


def _born(pid: int) -> int | None:
    """The start time in clock ticks since boot: proc(5), field 22. None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _below(folder: Path | None) -> list[int]:
    if folder is None:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(folder) and _born(int(entry.name)) is not None:
                    found.append(int(entry.name))
    return found


_children: dict[int, "subprocess.Popen[bytes]"] = {}
