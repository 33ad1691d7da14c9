"""A small real service in a real git repository, and the command line started on it as a user would."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]

SERVICE = '''
"""A shop of one page. What it answers on /stock is what its revisions differ in."""
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: else delayed acknowledgements make 40 ms of noise

    def do_GET(self):
        if self.path == "/health":
            self.answer(b'{"status": "healthy"}')
        elif self.path == "/stock":
            self.stock()
        else:
            self.answer(b"{}", 404)

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-revision", os.environ.get("REVISION", ""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        print("request", self.path, flush=True)

    def stock(self):
STOCK

ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
'''

HEALTHY = "self.answer(b'{\"apples\": 3}')"
BROKEN_JSON = "self.answer(b'{\"apples\": ')"
ENDLESS = """self.send_response(200)
self.send_header("x-revision", os.environ.get("REVISION", ""))
self.send_header("connection", "close")
self.end_headers()
while True:
    self.wfile.write(b"x" * 65536)"""
SILENT = "time.sleep(600)"
SUICIDE = "os._exit(7)"

SPEC = """version: 1
service: shop
environment: test
deploy:
  process: {command: "{python} service.py {port}", ready: /health, port: PORT, keep: true}
  strategy: {starts: 1, watch: {before: 200ms, after: 300ms}}
identity: {header: x-revision}
probes:
  health: {http: GET /health, timeout: 4s, expect: {status: 200, json: {status: healthy}}}
  stock: {http: GET /stock, timeout: 4s, expect: {status: 200, json: {apples: 3}}}
judge: {budget: {latency: 100%}, floor: {latency: 50ms}, failures: {latency: 15%}, tolerance: 2000%, time: 60s}
"""


def _as_from_a_terminal() -> None:
    """The tests may themselves run under `nohup`, which would have all that they start ignore the hang-up."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, untouched by this machine's configuration."""
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "a"), ("EMAIL", "a@b.invalid"), ("DATE", "2026-01-02T03:04:05Z"))
        },
    }
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Shop:
    """A repository, a public port, and what has been started."""

    folder: Path
    port: int = field(default_factory=free_port)

    _processes: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        git(self.folder, "init", "-q", "-b", "main")
        (self.folder / "stability.yml").write_text(SPEC.replace("PORT", str(self.port)))

    def strategy(self, text: str) -> None:
        """Have the spec say how users' traffic gets to a candidate."""
        spec = self.folder / "stability.yml"
        spec.write_text(re.sub(r"strategy: .*", f"strategy: {text}", spec.read_text()))

    def commit(self, stock: str) -> str:
        """Commit a revision that answers /stock so."""
        body = "\n".join(f"        {line}" for line in stock.splitlines())
        (self.folder / "service.py").write_text(SERVICE.replace("STOCK", body))
        git(self.folder, "add", "service.py")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", "a revision")
        return git(self.folder, "rev-parse", "HEAD")

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """Start the command line in the repository."""
        return self._started([sys.executable, "-m", "bot", *words], **environment)

    def _started(self, words: list[str], **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(HOME), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_as_from_a_terminal,
        )
        self._processes.append(process)
        return process

    def run_within(self, limits: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line to its end within limits, in the words of the shell."""
        return self._ended(
            self._started(["sh", "-c", f'{limits}; exec "$@"', "sh", sys.executable, "-m", "bot", *words])
        )

    def run(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line to its end."""
        return self._ended(self.start(*words, **environment))

    def run_action(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the action's main step to its end."""
        return self._ended(self._started([sys.executable, "-m", "bot.action"], **environment))

    def _ended(self, process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
        out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def serving(self) -> str:
        """The revision that users reach at this moment."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
            return str(answer.headers["x-revision"])

    def saved(self, side: str = "candidate") -> dict[str, Any]:
        """The run that was kept."""
        found: dict[str, Any] = json.loads((self.folder / "out" / side / "run.json").read_text())
        return found

    def close(self) -> None:
        """Stop everything that this shop's processes left behind: each bears the folder in its command or directory."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    words = (entry / "cmdline").read_bytes().decode(errors="replace")
                    place = str((entry / "cwd").readlink())
                except OSError:
                    continue
                if str(self.folder) in words or place.startswith(str(self.folder)):
                    os.kill(int(entry.name), signal.SIGKILL)
        for process in self._processes:  # a test that failed did not wait for its own
            with process:
                process.kill()


def wait_for(condition: Any, seconds: float = 60.0, running: "subprocess.Popen[str] | None" = None) -> None:
    """Wait until something is so; at most for as long as what should bring it about is `running`."""
    until = time.monotonic() + seconds
    while not condition():
        if running is not None and running.poll() is not None:
            raise AssertionError("it never came true; what ran has ended:\n" + "\n".join(running.communicate()))
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)
