"""What `docker login` left for a registry goes to that registry, and to none whose name is a part of another's."""

import base64
import json
from pathlib import Path

import pytest

from bot.deploy.docker.images import _credentials


@pytest.fixture(autouse=True)
def logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = base64.b64encode(b"ana:a-password").decode()
    auths = {"https://index.docker.io/v1/": {"auth": auth}, "registry.example.com:5000": {"auth": auth}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.mark.parametrize("image", ["python:3.13", "docker.io/library/python", "registry.example.com:5000/shop:1"])
def test_they_go_where_they_belong(image: str) -> None:
    said = json.loads(base64.urlsafe_b64decode(_credentials(image)["X-Registry-Auth"]))
    assert (said["username"], said["password"]) == ("ana", "a-password")


@pytest.mark.parametrize("image", ["ocker.io/x", "example.com/x", "registry.example.com/x", "ghcr.io/x"])
def test_they_go_nowhere_else(image: str) -> None:
    assert _credentials(image) == {}
