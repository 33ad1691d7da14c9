"""Starting a program in a session of its own, and stopping it with all that it started. Linux only: it reads /proc.

What a program started is found by four nets: its process group, its session, its descendants, and a mark in the
environment, which children inherit wherever they go. Only a process that left all four (a daemon that detached twice
and cleared its environment) is not found.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.model import Value

GRACE = 2.5
"""Seconds between SIGTERM and SIGKILL."""
PATIENCE = 1.0
"""Seconds for the kernel to end what was sent SIGKILL."""
MARK = "STABILITY_PROOF_SLOT"
"""The variable that marks what belongs to a revision; its value is the revision's folder."""
HIDDEN = ("GITHUB_", "INPUT_", "ACTIONS_", "RUNNER_", "STATE_", "GH_")
"""The bot's own variables: a service has no business with them."""


class Known(Value):
    """A process that was started, recognised by boot and start time: a recycled pid is another process."""

    pid: int
    born: int
    boot: str


class _Seen(NamedTuple):
    """One row of /proc: proc(5), fields 4, 5, 6 and 22 of `stat`."""

    pid: int
    parent: int
    group: int
    session: int
    born: int


def inherited() -> dict[str, str]:
    """The bot's environment without what is the bot's alone."""
    return {key: value for key, value in os.environ.items() if not key.startswith(HIDDEN)}


def start(command: Sequence[str], folder: Path, environment: Mapping[str, str], output: Path, mark: Path) -> Known:
    """Start a program in a session of its own; its output goes to a file.

    Raises:
        OSError: there is no such program, or it cannot be started.
    """
    with output.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited(), **environment, MARK: str(mark)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    seen = _look(process.pid, zombies=True)
    _children[process.pid] = process
    return Known(pid=process.pid, born=seen.born if seen else -1, boot=_boot())


def alive(known: Known | None) -> bool:
    """Whether it still runs; one that has ended and was not reaped yet does not."""
    if known is None:
        return False
    exit_code(known)
    seen = _look(known.pid)
    return seen is not None and seen.born == known.born and known.boot == _boot()


def exit_code(known: Known) -> int | None:
    """The exit code of our own child, once it has ended; negative for a signal."""
    process = _children.get(known.pid)
    return process.poll() if process else None


async def stop(known: Known | None, mark: Path) -> None:
    """Stop a process and all that it started: SIGTERM first, SIGKILL after `GRACE`. It takes 3.5 s at most."""
    living = await _signal(signal.SIGTERM, _belonging(known, mark), GRACE)
    until = time.monotonic() + PATIENCE
    while living and time.monotonic() < until:
        living = await _signal(signal.SIGKILL, living | _belonging(known, mark), 0.1)


def marked(folder: Path) -> dict[Path, list[int]]:
    """Every process that is marked as belonging to something below the folder: mark to pids."""
    found: dict[Path, list[int]] = {}
    for seen in _all():
        mark = _mark(seen.pid)
        if mark is not None and mark.is_relative_to(folder):
            found.setdefault(mark, []).append(seen.pid)
    return found


async def _signal(number: int, targets: set[_Seen], seconds: float) -> set[_Seen]:
    """Send a signal and wait; those that are still there."""
    for each in targets:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each.pid, number)
    until = time.monotonic() + seconds
    while (living := _still(targets)) and time.monotonic() < until:
        await asyncio.sleep(0.01)
    return living


def _still(targets: Iterable[_Seen]) -> set[_Seen]:
    found = set()
    for each in targets:
        if (child := _children.get(each.pid)) is not None:
            child.poll()
        now = _look(each.pid)
        if now is not None and now.born == each.born:
            found.add(each)
    return found


def _belonging(known: Known | None, mark: Path) -> set[_Seen]:
    rows = _all()
    # a group or a session bears its leader's pid, which is not given away again while the leader lives
    leader = known.pid if known is not None and alive(known) else None
    found = {row for row in rows if leader in (row.pid, row.group, row.session) or _mark(row.pid) == mark}
    grown = True
    while grown:
        pids = {row.pid for row in found}
        more = {row for row in rows if row.parent in pids} - found
        found |= more
        grown = bool(more)
    return found


def _all() -> list[_Seen]:
    rows = (_look(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [row for row in rows if row is not None and row.pid != os.getpid()]


def _look(pid: int, *, zombies: bool = False) -> _Seen | None:
    """What /proc says of a process; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX" and not zombies:
        return None
    return _Seen(pid, int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def _mark(pid: int) -> Path | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it is gone, or somebody else's
        return None
    name = f"{MARK}=".encode()
    return next((Path(os.fsdecode(each[len(name) :])) for each in variables if each.startswith(name)), None)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


_children: dict[int, "subprocess.Popen[bytes]"] = {}
