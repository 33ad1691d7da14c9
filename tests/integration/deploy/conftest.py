"""The ground on which deploys are tried."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.deploy import processes
from tests.integration.deploy import kubernetes_ground
from tests.integration.deploy.ground import Ground

collect_ignore_glob = [] if sys.platform.startswith("linux") else ["test_*"]  # the process target needs Linux


@pytest.fixture(autouse=True)
def _reaped() -> Iterator[None]:
    """Take note of the end of this process's own children, which a bot in another one has killed."""
    yield
    for child in processes._children.values():
        child.poll()


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """An empty repository; whatever was started on it is stopped afterwards."""
    made = Ground(tmp_path)
    yield made
    made.close()


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[kubernetes_ground.KubernetesGround]:
    """An empty cluster; afterwards every exchange has to have been as Kubernetes describes it."""
    with kubernetes_ground.ground(tmp_path) as made:
        yield made
