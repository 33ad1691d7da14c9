"""What a process target remembers: written before and after each act, so that a killed bot can be made good."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bot.deploy.processes import Known
from bot.deploy.remembered import Placed, Remembered
from bot.model import Value
from bot.model.errors import DeployError, FormatError

FILE = "process.json"
LOCK = "lock"
PATIENCE = 0.5
"""Seconds to wait for a lock that somebody holds."""


class Slot(Placed):
    """One revision on this machine. `process` is None while it is only meant to be started, or once it is gone."""

    commit: str
    repository: str
    tree: str
    port: int
    process: Known | None = None

    @property
    def was_up(self) -> bool:
        """As `Placed.was_up`."""
        return self.process is not None

    @property
    def folder(self) -> Path:
        """Its work tree."""
        return Path(self.tree)

    @property
    def output(self) -> Path:
        """The file that holds what it printed."""
        return self.folder.with_name(f"{self.folder.name}.log")


class Front(Value):
    """The process that holds the public port, or held it; `mark` is what it bears in its environment."""

    process: Known
    port: int
    mark: str


class Memory(Remembered[Slot]):
    """All that is known of one service on this machine."""

    keep: bool = False
    front: Front | None = None


def home(folder: Path, service: str, environment: str) -> Path:
    """The folder of one service in one environment; `@` stands in no name, so that no two share one."""
    return (folder / f"{service}@{environment}").resolve()


def read(folder: Path) -> Memory | None:
    """What was remembered in the folder.

    Raises:
        DeployError: it cannot be understood.
    """
    try:
        return Memory.from_json((folder / FILE).read_bytes(), str(folder / FILE))
    except FileNotFoundError:
        return None
    except (OSError, FormatError) as error:
        raise DeployError(f"{error}; remove {folder} once nothing of it runs any more") from None


def write(folder: Path, memory: Memory) -> None:
    """Remember, whole or not at all."""
    replace(folder / FILE, memory.to_json())


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, finds the old one or the new one.

    Raises:
        DeployError: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise DeployError(f"{path} cannot be written: {error.strerror}; make room for it, and let us write") from None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one bot at a time.

    Raises:
        DeployError: another bot holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignored = folder.parent / ".gitignore"
        if not ignored.exists():  # it may be inside the user's checkout, which is none of git's business
            ignored.write_text("*\n")
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise DeployError(f"{folder} cannot be used: {error.strerror}; name another folder for the state") from None
    with file:
        until = time.monotonic() + PATIENCE
        while not _held(file):
            if time.monotonic() > until:
                message = (
                    f"another deploy of this service is under way on this machine ({folder}); wait until it has ended"
                )
                raise DeployError(message) from None
            time.sleep(0.02)
        yield


def _held(file: IO[str]) -> bool:
    """Whether the lock is ours now. One that was just let go is held on to by any process that is being started."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
