"""Where the access token comes from, and the page that says how to get one."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.deploy.cloud_run.tokens import METADATA, Tokens
from bot.model.errors import DeployError
from bot.safety.redact import Redactor
from tests.cloud_run_stand_in.fixtures import Ground, ground
from tests.cloud_run_stand_in.stand_in import TOKEN

__all__ = ["ground"]

PAGE = Path(__file__).parents[3] / "docs" / "targets" / "cloud_run.md"


@contextmanager
def metadata(tokens: list[str], flavour: str = "Google") -> Iterator[str]:
    """A metadata server that gives these tokens, one after the other; its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = self.path == METADATA and self.headers["metadata-flavor"] == "Google"
            body = json.dumps({"access_token": tokens.pop(0), "expires_in": 3599, "token_type": "Bearer"}).encode()
            self.send_response(200 if right else 403)
            self.send_header("Metadata-Flavor", flavour)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


NOWHERE = {"GCE_METADATA_HOST": "127.0.0.1:9", "PATH": "/nowhere"}


async def test_the_specs_token_comes_before_the_environments() -> None:
    environ = {"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.environment\n", **NOWHERE}
    redactor = Redactor()

    assert await Tokens("ya29.spec", redactor, environ).token() == "ya29.spec"
    assert await Tokens(None, redactor, environ).token() == "ya29.environment"
    assert "ya29" not in redactor.text("it is ya29.environment, or ya29.spec")


async def test_the_metadata_servers_token_is_taken_where_there_is_one() -> None:
    with metadata(["ya29.first", "ya29.second"]) as host:
        tokens = Tokens(None, Redactor(), {**NOWHERE, "GCE_METADATA_HOST": host})
        assert await tokens.token() == await tokens.token() == "ya29.first"
        assert tokens.forget()
        assert await tokens.token() == "ya29.second"


async def test_whoever_else_answers_there_is_not_believed() -> None:
    says = "there is no access token for Google Cloud: set GOOGLE_OAUTH_ACCESS_TOKEN"
    with metadata(["ya29.wrong"], flavour="Portal") as host, pytest.raises(DeployError, match=says):
        await Tokens(None, Redactor(), {**NOWHERE, "GCE_METADATA_HOST": host}).token()


async def test_a_token_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(DeployError, match="has spaces or odd characters") as failed:
        await Tokens("ya29 and more", Redactor(), NOWHERE).token()
    assert "ya29" not in str(failed.value)


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
async def test_gcloud_is_asked_last(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ya29.gcloud")
    environ = {**os.environ, "GCE_METADATA_HOST": "127.0.0.1:9", "CLOUDSDK_CONFIG": str(tmp_path)}
    environ = {key: value for key, value in environ.items() if not key.endswith("ACCESS_TOKEN")}

    tokens = Tokens(None, Redactor(), {**environ, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token")})

    assert await tokens.token() == "ya29.gcloud"


async def test_a_token_that_has_expired_is_renewed(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    old = ground.stable()
    with metadata(["ya29.expired", TOKEN]) as host:
        for name in ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        async with ground.target(token=None).open(ground.context()) as deployer:
            assert await deployer.traffic() == {old: 100}


def test_the_workflow_of_the_page_is_one(tmp_path: Path) -> None:
    [text] = re.findall(r"```yml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    workflow = tmp_path / "stability.yml"
    workflow.write_text(text)

    words = [
        Path(sys.executable).with_name("check-jsonschema"),
        "--builtin-schema",
        "vendor.github-workflows",
        workflow,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "GOOGLE_OAUTH_ACCESS_TOKEN: ${{ steps.google.outputs.access_token }}" in text
