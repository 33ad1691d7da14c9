"""The image, started as a runner starts it. `make container-test` runs these."""

import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.end_to_end.runner import Runner, Started, host_address, pairs

pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]
PYTHON = "/opt/stability-proof/bin/python"


def test_the_image_holds_the_bot_and_git_and_starts_in_the_workspace(runner: Runner) -> None:
    ended = runner.main(entrypoint="/bin/sh", arguments=["-c", "pwd; id -u; git --version; stability-proof --version"])
    folder, user, git, version = ended.log.splitlines()
    assert (ended.exit_code, folder, user) == (0, "/github/workspace", "0")
    assert git.startswith("git version 2.")
    assert version.startswith("stability-proof ")


def test_an_input_arrives_with_its_hyphen_and_an_output_is_read_back(runner: Runner) -> None:
    program = (
        "import os, pathlib; e = os.environ\n"
        "write = lambda name, text: pathlib.Path(e[name]).write_text(text)\n"
        "token, spec = e['INPUT_GITHUB-TOKEN'], e['INPUT_SPEC']\n"
        "write('GITHUB_OUTPUT', f'token<<END\\n{token}\\nEND\\nspec={spec}\\n')\n"
        "write('GITHUB_STATE', 'deployed=yes\\n')\n"
        "write('GITHUB_STEP_SUMMARY', e['GITHUB_WORKSPACE'] + e['CHAT_PASSWORD'])\n"
    )
    runner.environment = {"CHAT_PASSWORD": "two words"}
    ended = runner.main({"spec": "other.yml"}, entrypoint=PYTHON, arguments=["-c", program])
    assert (ended.exit_code, ended.log) == (0, "")
    assert ended.outputs == {"token": "a-token-of-the-job", "spec": "other.yml"}
    assert ended.state == {"deployed": "yes"}
    assert ended.summary == "/github/workspacetwo words"


def test_code_in_the_workspace_does_not_get_in_the_bots_way(runner: Runner) -> None:
    (runner.workspace / "bot").mkdir()
    for trap in ("bot/__init__.py", "yaml.py", "json.py"):
        (runner.workspace / trap).write_text("raise SystemExit('the workspace was imported')")
    runner.environment = {"PYTHONPATH": "/github/workspace"}
    ended = runner.main(entrypoint="/usr/local/bin/stability-proof", arguments=["--version"])
    assert (ended.exit_code, ended.log.split()[0]) == (0, "stability-proof")


def test_git_reads_a_workspace_that_belongs_to_somebody_else(runner: Runner) -> None:
    subprocess.run(["git", "init", "--quiet", str(runner.workspace)], check=True)
    ours = ["chown", "-R", "1001:1001", "/github/workspace"]
    assert runner.main(entrypoint="/usr/bin/env", arguments=ours).exit_code == 0
    ended = runner.main(entrypoint="/usr/bin/git", arguments=["status", "--short"])
    assert (ended.exit_code, ended.log) == (0, "")


def test_a_server_on_the_runner_is_reached_by_the_bridge_and_not_by_localhost(runner: Runner) -> None:
    """Trap 8: in the container `localhost` is the container."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *_: object) -> None: ...

    host = host_address()
    with HTTPServer((host, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            get = "import sys, httpx; print(httpx.get(sys.argv[1], timeout=10, trust_env=False).text)"
            port = server.server_address[1]
            there = runner.main(entrypoint=PYTHON, arguments=["-c", get, f"http://{host}:{port}/"])
            itself = runner.main(entrypoint=PYTHON, arguments=["-c", get, f"http://localhost:{port}/"])
        finally:
            server.shutdown()
            thread.join()
    assert there.log.strip() == "here"
    assert "ConnectError" in itself.log


def test_a_cancelled_job_interrupts_the_step_and_a_killed_one_leaves_its_state(runner: Runner) -> None:
    """Trap 9: a first process without a handler ignores SIGTERM, and ten seconds are all that there is."""
    program = (
        "import os, pathlib, time\n"
        "pathlib.Path(os.environ['GITHUB_STATE']).write_text('deployed=yes\\n')\n"
        "pathlib.Path('/github/workspace/started').touch()\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: print('interrupted'); raise SystemExit(9)\n"
    )
    cancelled = _started(runner, program).cancel()
    assert (cancelled.exit_code, cancelled.log) == (9, "interrupted\n")
    (runner.workspace / "started").unlink()
    killed = _started(runner, program).kill()
    assert (killed.exit_code, killed.state) == (137, {"deployed": "yes"})


def _started(runner: Runner, program: str) -> Started:
    started = runner.start(entrypoint=PYTHON, arguments=["-u", "-c", program])
    _until(runner.workspace / "started")
    return started


def _until(path: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


@pytest.mark.parametrize("text", ["a<<END\n1\n", "no pair\n"])
def test_a_command_file_that_would_fail_the_step_fails_here_too(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid"):
        pairs(text)
