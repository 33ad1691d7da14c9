"""A server that nobody here wrote, from a YAML spec alone: jupyter-server, its kernels, and its refusals."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bot import spec
from bot.model import Observation, Subject
from bot.probes.session import Plan, Session
from bot.safety.redact import Redactor
from tests.debian import missing
from tests.finding import pick
from tests.integration.servers import unused_url

LOCK = Path(__file__).with_name("jupyter.txt")
TOKEN = "b2f0c6f4a1e84c0d9a5e"
SPEC = """
version: 1
service: jupyter
login:
  user: {token: "${TOKEN}", scheme: token}
  stranger: {token: not-the-token-of-this-server, scheme: token}
probes:
  kernels-refused:
    refuses: {http: GET /api/kernels}
    login: user
    with: [403]
  events-refused:
    refuses: {websocket: /api/events/subscribe, within: 1s}
    login: user
    with: [403]
  stranger: {http: GET /api/kernels, login: stranger, expect: {status: 403}}
  execution:
    journey:
      - http: POST /api/kernels
        login: user
        json: {name: python3}
        expect: {status: 201, json: {name: python3, id: {type: string}}}
        capture: {kernel: $.id}
      - websocket: /api/kernels/{kernel}/channels?session_id={unique}
        login: user
        send:
          channel: shell
          header: {msg_id: "{unique}", session: "{unique}", username: "", msg_type: execute_request, version: "5.3"}
          parent_header: {}
          metadata: {}
          content: {code: "print('hello')\\n6 * 7", silent: false, store_history: true, allow_stdin: false}
        event_type: $.header.msg_type
        events: status+ execute_input stream execute_result status
        ignore: [execute_reply, iopub_welcome]   # the reply goes another way, and may overtake the rest
        within: 30s
        close: 1000
      - http: GET /api/kernels/{kernel}
        login: user
        expect: {status: 200, json: {id: "{kernel}"}}
      - http: DELETE /api/kernels/{kernel}
        login: user
        expect: {status: 204}
"""


def installed() -> Path:
    """The Python of an environment that has jupyter-server: made once for each lock and each Python, and kept."""
    name = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stability-proof"
    home = cache / f"jupyter-{name}"
    if not (home / "bin" / "python").exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="jupyter-", dir=cache))
        pip = [str(fresh / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        try:
            subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True, capture_output=True)
            lock = ["--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes", "--requirement", str(LOCK)]
            subprocess.run([*pip, *lock], check=True, capture_output=True, timeout=100)
            fresh.rename(home)
        except (subprocess.SubprocessError, OSError) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            if not (home / "bin" / "python").exists():  # unless another test made it meanwhile
                said = getattr(error, "stderr", None) or str(error).encode()
                missing(f"jupyter-server cannot be had from PyPI: {said.decode(errors='replace').strip()[-300:]}")
    return home / "bin" / "python"


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python, folder, url = installed(), tmp_path_factory.mktemp("jupyter"), unused_url()
    command = [
        *(str(python), "-m", "jupyter_server", "--allow-root", "--no-browser", "--ip=127.0.0.1"),
        *(f"--port={url.rpartition(':')[2]}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"),
    ]
    # nothing of the machine's own settings: neither its configuration nor its kernels
    own = {
        name: str(folder / name) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    environ = {**own, "PATH": os.environ["PATH"], "JUPYTER_TOKEN": TOKEN, "JUPYTER_PLATFORM_DIRS": "1"}
    for each in own.values():
        Path(each).mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while not answers(url):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


async def test_a_spec_alone_drives_it_from_signing_in_to_the_refusal_of_a_bad_token(
    jupyter: str, tmp_path: Path
) -> None:
    loaded = spec.parse(SPEC.encode(), "jupyter.yml", {"TOKEN": TOKEN})
    redactor = Redactor(loaded.secrets)
    plan = Plan(loaded.probes, loaded.logins, None, redactor, loaded.digest, "here", 1, 1.0)
    session = Session(plan, Subject(service="jupyter", environment="test", revision="1", url=jupyter), None, tmp_path)

    await session.correctness(only=[*loaded.probes])

    run, _ = session.runs()
    found: Mapping[str, Observation] = {each.probe: each for each in run.observations}
    assert [(each.probe, each.state, each.reason) for each in run.observations if each.state != "measured"] == []
    events = pick(found["execution"].checks, lambda check: check.id == "step 2: events")
    assert events.actual.split()[-5:] == ["status", "execute_input", "stream", "execute_result", "status"]
    tried = {check.id: check.actual for check in found["events-refused"].checks}
    assert tried["real credential"].startswith("it stayed open")
    assert "403 Forbidden" in tried["garbage"]
    assert found["kernels-refused"].checks[1].actual == "403 Forbidden"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + run.to_json()
    assert TOKEN.encode() not in kept
