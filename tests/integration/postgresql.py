"""A PostgreSQL server of one's own, from Debian's package `postgresql`."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

AS_POSTGRES = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
"""PostgreSQL refuses to run as root."""


def binaries() -> Path:
    """Where `initdb` and `pg_ctl` are; skips the test when they are nowhere, and fails it when CI=true."""
    found = shutil.which("pg_ctl")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    usable = [folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()]
    if not usable:
        reason = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return usable[-1]


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database on a server that lives as long as the block."""
    programs = binaries()
    # not pytest's folder: that is for this user's eyes only, and the server may be another user
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        if AS_POSTGRES:
            shutil.chown(folder, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        data, log = str(folder / "data"), str(folder / "log")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        _run(programs / "initdb", "--auth=trust", "--username=chat", "--no-sync", "--pgdata", data, folder=folder)
        _run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options, folder=folder)
        try:
            yield f"postgresql://chat@127.0.0.1:{port}/postgres"
        finally:
            _run(programs / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", data, folder=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: Path, *arguments: str, folder: Path) -> None:
    # not a pipe: the server would inherit it, and nobody would ever see its end
    with tempfile.TemporaryFile() as output:
        command = [*AS_POSTGRES, str(program), *arguments]
        done = subprocess.run(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False)
        output.seek(0)
        assert done.returncode == 0, output.read().decode(errors="replace")
