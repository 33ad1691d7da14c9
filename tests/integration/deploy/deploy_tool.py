"""A deploy tool as a team may have one: `python deploy_tool.py FOLDER VERB …`. Revisions are real processes behind a front.

It keeps what it knows in `FOLDER/known.json`, and prints JSON as docs/targets/command.md asks for. A file
`FOLDER/trouble` with verbs in it, one a line and with their words where only those are meant, makes them fail.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FRONT = Path(__file__).parents[3] / "bot" / "deploy" / "front.py"
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        alike = {*sys.argv[2][-7:]}  # that a real commit's first seven digits are all one digit is no chance to count with
        status = {"f": 500, "e": 429, "d": 302}.get(min(alike), 200) if len(alike) == 1 else 200
        # what is limited or redirected is so for users alone, and not for probes
        status = status if status == 500 or self.path == "/" else 200
        public = not self.headers["host"].endswith(":" + sys.argv[1])
        self.send_response(404 if sys.argv[2].endswith("9" * 7) and public and self.path == "/health" else status)
        if status == 302:
            self.send_header("location", "/maintenance")
        self.send_header("x-revision", sys.argv[2])
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def main(folder: Path, verb: str, *words: str) -> int:
    file = folder / "known.json"
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"up": {}, "serving": None, "done": []}
    trouble = folder / "trouble"
    if trouble.exists() and {verb, " ".join((verb, *words))} & {*trouble.read_text().splitlines()}:
        print(f"the platform refuses to {verb}", file=sys.stderr)
        return 7
    known["done"].append([verb, *words])
    said = VERBS[verb](folder, known, *words)
    file.write_text(json.dumps(known))
    print("the tool says other things as well")
    print(json.dumps(said))
    return 0


def _deploy(folder: Path, known: dict[str, Any], commit: str, revision: str) -> dict[str, Any]:
    if commit[:7] in ("bad", "badcccc"):  # a real commit may well begin with three of these
        return {"ready": False, "reason": "it crashed while it started"}
    known["up"][revision] = {**_serve(revision), "commit": commit}
    known.setdefault("front", None)
    if known["front"] is None:
        known["front"] = _front(folder)
    return {"revision": revision, "image": f"registry.test/shop@sha256:{'0' * 64}"}


def _url(_folder: Path, known: dict[str, Any]) -> dict[str, Any]:
    found = {"public": f"http://127.0.0.1:{(known.get('front') or {}).get('port', 9)}"}
    for revision, each in known["up"].items():
        role = "previous" if revision == known["serving"] else "candidate"
        found[role] = f"http://127.0.0.1:{each['port']}"
    return found


def _url_without_previous(folder: Path, known: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in _url(folder, known).items() if name != "previous"}


def _url_without_candidate_among_users(folder: Path, known: dict[str, Any]) -> dict[str, Any]:
    """As a platform does that has an address for what is in shadow, and one for users."""
    shared = len(known.get("traffic", {})) > 1
    return {name: each for name, each in _url(folder, known).items() if name != "candidate" or not shared}


def _deploy_under_a_name_of_its_own(folder: Path, known: dict[str, Any], commit: str) -> dict[str, Any]:
    """As platforms do that name a revision themselves, and give it all the users."""
    said = _deploy(folder, known, commit, f"own-{commit[:7]}")
    _promote(folder, known, said["revision"], "100")
    return said


def _rollback_with_token(folder: Path, known: dict[str, Any], previous: str) -> dict[str, Any]:
    if os.environ.get("TOKEN") != "for-the-tool":
        raise SystemExit("there is no TOKEN")
    return _rollback(folder, known, previous)


def _describe(_folder: Path, known: dict[str, Any]) -> dict[str, Any]:
    serving = known["serving"]
    if serving is None:
        return {}
    return {
        "revision": serving,
        "commit": known["up"][serving]["commit"],
        "traffic": known.get("traffic", {serving: 100}),
    }


def _promote(folder: Path, known: dict[str, Any], revision: str, percent: str) -> dict[str, Any]:
    share, old = int(percent), known["serving"]
    known["traffic"] = {revision: share, **({old: 100 - share} if old else {})}
    _point(folder, {known["up"][name]["port"]: has for name, has in known["traffic"].items()})
    if share == 100:
        known["before"], known["serving"] = old, revision
    return {}


def _promote_in_vain(_folder: Path, _known: dict[str, Any], _revision: str, _percent: str) -> dict[str, Any]:
    """As a platform does whose route is pinned: it takes the order, and the revision before keeps all the users."""
    return {}


def _point(folder: Path, shares: dict[int, int]) -> None:
    """Whole or not at all: an empty file would be a request lost."""
    (folder / "backend.new").write_text("\n".join(f"{port} {share}" for port, share in shares.items() if share))
    (folder / "backend.new").replace(folder / "backend")


def _rollback(folder: Path, known: dict[str, Any], previous: str) -> dict[str, Any]:
    _point(folder, {known["up"][previous]["port"]: 100})
    known["serving"], known["traffic"] = previous, {previous: 100}
    return {}


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "deploy": _deploy,
    "deploy_under_a_name_of_its_own": _deploy_under_a_name_of_its_own,
    "url": _url,
    "url_without_previous": _url_without_previous,
    "url_without_candidate_among_users": _url_without_candidate_among_users,
    "describe": _describe,
    "promote": _promote,
    "promote_in_vain": _promote_in_vain,
    "rollback": _rollback,
    "rollback_with_token": _rollback_with_token,
    "cleanup": lambda *_: {},
}


def _serve(revision: str) -> dict[str, int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port), revision],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return {"port": port, "pid": process.pid}


def _front(folder: Path) -> dict[str, int]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(FRONT), str(folder / "backend"), "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    return {"port": int(process.stdout.readline()), "pid": process.pid}


def end(folder: Path) -> None:
    """Stop all that the tool started."""
    file = folder / "known.json"
    known = json.loads(file.read_text()) if file.exists() else {"up": {}}
    for each in (*known["up"].values(), known.get("front")):
        if each:
            os.kill(each["pid"], signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
