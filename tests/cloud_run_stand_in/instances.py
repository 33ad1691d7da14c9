"""Instances of revisions: real processes on this machine, started from the program that an image's name stands for."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Instance:
    """One process and where it listens; `printed` is what it has said, with the time of each line."""

    process: subprocess.Popen[bytes]
    port: int
    printed: list[tuple[float, str]] = field(default_factory=list)

    def listens_within(self, seconds: float) -> bool:
        """Cloud Run's default start-up probe: a TCP connection to the port."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
                return True
            time.sleep(0.01)
        return False

    def stop(self) -> None:
        """SIGTERM, and SIGKILL a little later (Cloud Run waits 10 s)."""
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def start(program: Path, environment: dict[str, str]) -> Instance:
    """Start a program, which learns its port in `PORT`."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(program)],
        env={"PATH": os.environ["PATH"], **environment, "PORT": str(port)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    instance = Instance(process, port)
    threading.Thread(target=_listen, args=(instance,), daemon=True).start()
    return instance


def _listen(instance: Instance) -> None:
    assert instance.process.stdout is not None
    with contextlib.suppress(ValueError, OSError):  # it was closed
        for line in instance.process.stdout:
            instance.printed.append((time.time(), line.decode(errors="replace").rstrip()))
