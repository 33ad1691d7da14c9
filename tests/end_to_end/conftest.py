"""The action's image, built once."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.runner import Runner

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def action_image() -> Iterator[str]:
    """The image's name; STABILITY_PROOF_IMAGE names one that is built already: a release tests what it ships."""
    if built := os.environ.get("STABILITY_PROOF_IMAGE"):
        yield built
        return
    built_here = Runner(ROOT, ROOT, ROOT)
    yield built_here.build()
    built_here.unbuild()


@pytest.fixture
def runner(action_image: str, tmp_path: Path) -> Iterator[Runner]:
    """A job with the action in it, and an empty workspace."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    made = Runner(ROOT, workspace, tmp_path / "temp", image=action_image)
    yield made
    made.end()
