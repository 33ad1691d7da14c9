"""A small real service that is deployed as a container, and what the engine says of it."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.end_to_end.shop import git

BASE = "python:3.13-slim-bookworm"
SERVICE = """
import http.server, os, socket, sys
class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/exit":
            os._exit(9)
        body = self.answer().encode()
        self.send_response(200)
        self.send_header("x-revision", os.environ["REVISION"])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def answer(self):
        if self.path == "/database":
            return socket.gethostbyname("database")
        return "%s %s" % (WORD, os.environ.get("GREETING", ""))
    def log_message(self, *words):
        print("request", self.path, flush=True)
print("the shop opens; its password is s3cret-word", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", 8080))), Shop).serve_forever()
"""
DOCKERFILE = f'FROM {BASE}\nCOPY shop.py /shop.py\nEXPOSE 8080\nCMD ["python3", "-u", "/shop.py"]\n'


class Dock:
    """A repository whose commits are revisions of the service."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.folder = folder
        self.owner = owner
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "-q", "-b", "main")

    def commit(self, word: str = "apples", dockerfile: str = DOCKERFILE, files: Mapping[str, str] | None = None) -> str:
        """A revision that answers with the word."""
        written = {"shop.py": f"WORD = {word!r}\n{SERVICE}", "Dockerfile": dockerfile, **(files or {})}
        for name, text in written.items():
            (self.folder / name).write_text(text)
        git(self.folder, "add", ".")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", word)
        return git(self.folder, "rev-parse", "HEAD")

    def containers(self) -> list[dict[str, Any]]:
        """Every container that is marked as this service's, running or not."""
        listed = docker("ps", "-aq", "--filter", f"label=dev.stability-proof.service={self.owner}").split()
        return list(json.loads(docker("inspect", *listed))) if listed else []

    def running(self) -> dict[str, str]:
        """The role of each running one by its revision's name (the front has none)."""
        return {
            each["Config"]["Labels"].get("dev.stability-proof.revision", "front"): each["Config"]["Labels"][
                "dev.stability-proof.role"
            ]
            for each in self.containers()
            if each["State"]["Running"]
        }

    def close(self) -> None:
        """Remove all that is marked, and what was built."""
        if listed := [each["Id"] for each in self.containers()]:
            docker("rm", "-f", "-v", *listed)
        mark = f"label=dev.stability-proof.service={self.owner}"
        while nets := docker("network", "ls", "-q", "--filter", mark).split():
            # a container that was removed just now may be on it for a moment still
            subprocess.run(["docker", "network", "rm", *nets], capture_output=True, check=False)
        built = docker("images", "-q", f"stability-proof-{self.owner.replace('@', '-')}-image").split()
        if built:
            docker("rmi", "-f", *set(built))


def docker(*words: str) -> str:
    """Docker's own client."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def asked(url: str, path: str = "/") -> tuple[str, str]:
    """The revision that answered, and what it said."""
    with urllib.request.urlopen(url + path, timeout=5) as answer:
        return answer.headers["x-revision"], answer.read().decode()


def gone(url: str, seconds: float = 5.0) -> bool:
    """Whether nobody answers there any more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            asked(url)
        except (urllib.error.URLError, OSError):
            return True
        time.sleep(0.05)
    return False
