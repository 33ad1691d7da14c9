"""Whole runs on Cloud Run from the command line: a candidate that never becomes ready, and a step that is refused."""

import json
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
    image: registry/shop:IMAGE
    endpoint: {url}
    logging: {url}
    spread: 10ms
  strategy: {{promote: [50, 100], pause: 500ms, watch: {{before: 300ms, after: 300ms}}}}
identity: {{header: x-revision}}
probes:
  health: {{http: GET /health, timed: false, expect: {{status: 200}}}}
"""


def run(ground: Ground, image: str) -> "subprocess.CompletedProcess[str]":
    """Run the whole pipeline on a fresh commit, deployed by this image."""
    repository = ground.folder / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    git(repository, "commit", "-q", "--allow-empty", "-m", "a revision")
    (repository / "stability.yml").write_text(SPEC.format(url=ground.google.url).replace("IMAGE", image))
    return subprocess.run(
        [sys.executable, "-m", "bot", "run", "--commit", "HEAD"],
        cwd=repository,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "GOOGLE_OAUTH_ACCESS_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_of_a_revision_that_never_becomes_ready_is_unstable_and_leaves_users_where_they_were(
    ground: Ground,
) -> None:
    old = ground.stable()
    done = run(ground, "crashes")
    repository = ground.folder / "repository"

    assert done.returncode == 1, done.stderr
    assert "UNSTABLE" in done.stdout
    assert "failed to start and listen on the port" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert not any(TOKEN.encode() in file.read_bytes() for file in (repository / "out").rglob("*") if file.is_file())
    assert (ground.shares(), ground.tags()) == ({old: 100}, {})
    assert ask(ground.service()["uri"]) == old


def test_a_step_that_google_refuses_leaves_a_verdict_and_the_users_where_they_were(ground: Ground) -> None:
    old = ground.stable()
    # the tag of the revision before, the deploy and half of the traffic are granted
    ground.google.fault("PATCH", "services/shop$", status=403, skip=3, message="no permission to move traffic")

    done = run(ground, "good")

    assert done.returncode == 4, done.stdout + done.stderr
    verdict = json.loads((ground.folder / "repository" / "out" / "verdict.json").read_bytes())
    rows = {each["id"]: each for each in verdict["findings"]}
    new = verdict["candidate"]["revision"]
    assert verdict["verdict"] == "inconclusive"
    assert "no permission to move traffic" in rows["rollout/move to 100 %"]["reason"]
    assert rows["rollout/promotion: traffic at 50 %"]["status"] == "maintained", rows
    assert rows["rollout/read-back at 50 %"]["after"] == f"{old} has 50 %, {new} has 50 %"
    assert rows["rollout/read-back at rollback"]["after"] == f"{old} has 100 %"
    assert rows["rollback/health"]["after"] == "holds again"
    assert (ground.shares(), ground.tags()) == ({old: 100}, {})
