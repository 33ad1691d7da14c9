"""A real repository with a small service in several revisions, and what runs and lies about on this machine."""

import asyncio
import http.client
import os
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bot.deploy import processes
from bot.deploy.process import ProcessTarget
from bot.deploy.target import DeployContext, Deployed, Deployer
from bot.safety.redact import Redactor

COMMAND = "{python} -I -S service.py {port}"

HEALTHY = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["REVISION"].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/crash":
            os._exit(9)

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128

def serve():
    Server(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()

print("password=hunter-two-hunter", flush=True)
"""
SERVES = HEALTHY + "serve()\n"
CRASHES = "import sys\nprint('cannot find the database', file=sys.stderr)\nsys.exit(3)\n"
NEVER_READY = HEALTHY.replace("send_response(200)", "send_response(503)") + "serve()\n"
ACCEPTS_AND_IS_SILENT = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""
IGNORES_SIGTERM = HEALTHY + "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nserve()\n"
HAS_CHILDREN = (
    HEALTHY
    + """
import subprocess
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
wait = [sys.executable, "-I", "-S", "-c", stubborn]
subprocess.Popen(wait)
subprocess.Popen(wait, start_new_session=True, cwd="/")
subprocess.Popen(["setsid", *wait], env={"PATH": os.environ["PATH"]}, cwd="/")
serve()
"""
)
TELLS_ITS_ENVIRONMENT = (
    HEALTHY.replace('os.environ["REVISION"].encode()', "repr(sorted(os.environ.items())).encode()") + "serve()\n"
)


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, untouched by this machine's configuration."""
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": "a@b.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass
class Ground:
    """A repository, the folder in which deploys remember, and all that was logged."""

    folder: Path
    logged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.repository.mkdir(parents=True)
        git(self.repository, "init", "-q", "-b", "main")

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def home(self) -> Path:
        return self.state / "shop@test"

    def commit(self, source: str) -> str:
        """Commit a revision of the service; its SHA."""
        (self.repository / "service.py").write_text(source)
        git(self.repository, "add", "-A")
        git(self.repository, "commit", "-q", "--allow-empty", "-m", "a revision")
        return git(self.repository, "rev-parse", "HEAD")

    def context(self, **changes: object) -> DeployContext:
        given: dict[str, object] = {
            "service": "shop",
            "environment": "test",
            "repository": self.repository,
            "state": self.state,
            "redactor": Redactor(["hunter-two-hunter"]),
            "log": self.logged.append,
        }
        return DeployContext(**{**given, **changes})  # type: ignore[arg-type]

    def running(self) -> dict[str, list[int]]:
        """Everything that runs on this ground: the name of its mark, and pids."""
        return {mark.name: pids for mark, pids in processes.marked(self.home.resolve()).items()}

    def revisions(self) -> list[str]:
        """The revisions that run, without the front."""
        return sorted(name.rpartition("-")[0] for name in self.running() if not name.startswith("front-"))

    def trees(self) -> list[str]:
        """The revisions that have a work tree, as git knows them and as they lie on the disk."""
        listed = [
            Path(line.split()[1]).name
            for line in git(self.repository, "worktree", "list", "--porcelain").splitlines()
            if line.startswith("worktree ")
        ]
        listed.remove(self.repository.name)
        on_disk = [each.name for each in (self.home / "trees").glob("*") if each.is_dir()]
        assert sorted(listed) == sorted(on_disk)
        return sorted(name.rpartition("-")[0] for name in on_disk)

    def close(self) -> None:
        """Stop whatever a test left."""
        for mark in processes.marked(self.home.resolve()):
            asyncio.run(processes.stop(None, mark))


def target(**keys: object) -> ProcessTarget:
    """The target with a quick service."""
    return ProcessTarget.model_validate({"command": COMMAND, "within": "3s", "keep": True, **keys})


async def promoted(deployer: Deployer, commit: str) -> Deployed:
    """A candidate that has all the users' traffic, on trial; one that is not ready gets none."""
    deployed = await deployer.deploy(commit)
    if deployed.observation.state == "measured":
        await deployer.promote(100)
    return deployed


def name(commit: str) -> str:
    """What a revision of this commit calls itself."""
    return f"shop-{commit[:7]}"


def ask(url: str, path: str = "/", timeout: float = 5.0) -> str:
    """One request on a connection of its own: the body of a 200.

    Raises:
        OSError, http.client.HTTPException: it failed.
    """
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=timeout)
    try:
        connection.request("GET", path, headers={"connection": "close"})
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise http.client.HTTPException(f"{answer.status}")
        return body
    finally:
        connection.close()


def serves(url: str) -> str | None:
    """Which revision answers there; None when none does."""
    try:
        return ask(url)
    except (OSError, http.client.HTTPException):
        return None


class Stream:
    """A steady stream of requests, from several threads, for as long as the block lasts."""

    def __init__(self, url: str, threads: int = 3) -> None:
        self.url = url
        self.answered: Counter[str] = Counter()
        self.failed: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                self.answered[ask(self.url)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
            time.sleep(0.001)
