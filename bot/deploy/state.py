"""What a process target remembers: written before and after each act, so that a killed bot can be made good."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bot.deploy.processes import Known
from bot.model import Value
from bot.model.errors import DeployError, FormatError

FILE = "process.json"


class Slot(Value):
    """One revision on this machine. `process` is None while it is only meant to be started."""

    revision: str
    commit: str
    tree: str
    port: int
    process: Known | None = None


class Memory(Value):
    """`act` is what was begun and not yet ended: `deploy` (the candidate is on trial) or `settle` (it is accepted).

    `retired` is the revision before, while it is being stopped.
    """

    repository: str
    front: Known | None = None
    public_port: int = 0
    serving: Slot | None = None
    candidate: Slot | None = None
    retired: Slot | None = None
    act: Literal["deploy", "settle"] | None = None


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
    """Write a file so that a reader, or a crash, finds the old one or the new one."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one bot at a time.

    Raises:
        DeployError: another bot holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another deploy of this service is under way on this machine ({folder}); wait until it has ended"
            raise DeployError(message) from None
        yield
