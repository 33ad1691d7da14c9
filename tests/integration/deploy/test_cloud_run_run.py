"""A whole run on Cloud Run from the command line, of a candidate that never becomes ready."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cloud_run_stand_in.fixtures import Ground, ask, ground
from tests.cloud_run_stand_in.stand_in import TOKEN
from tests.integration.deploy.ground import git

__all__ = ["ground"]

SPEC = """
version: 1
service: shop
deploy:
  cloud_run:
    project: proj-1
    region: europe-west1
    service: shop
    image: registry/shop:crashes
    endpoint: {url}
    logging: {url}
    spread: 10ms
probes:
  health: {{http: GET /health}}
"""


def test_a_run_of_a_revision_that_never_becomes_ready_is_unstable_and_leaves_users_where_they_were(
    ground: Ground,
) -> None:
    old = ground.stable()
    repository = ground.folder / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    git(repository, "commit", "-q", "--allow-empty", "-m", "a revision")
    (repository / "stability.yml").write_text(SPEC.format(url=ground.google.url))
    root = Path(__file__).parents[3]

    done = subprocess.run(
        [sys.executable, "-m", "bot", "run", "--commit", "HEAD"],
        cwd=repository,
        env=os.environ | {"PYTHONPATH": str(root), "GOOGLE_OAUTH_ACCESS_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "UNSTABLE" in done.stdout
    assert "failed to start and listen on the port" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert not any(TOKEN.encode() in file.read_bytes() for file in (repository / "out").rglob("*") if file.is_file())
    assert (ground.shares(), ground.tags()) == ({old: 100}, {})
    assert ask(ground.service()["uri"]) == old
