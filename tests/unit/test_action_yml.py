"""`action.yml`, what the README says of it, and what the container holds are about the same action."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", [*ACTION["inputs"], *ACTION["outputs"]])
def test_the_readme_mentions_each_input_and_output(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", [*ACTION["inputs"], *ACTION["outputs"]])
def test_each_name_is_lower_case_with_hyphens_and_is_described(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert len((ACTION["inputs"].get(name) or ACTION["outputs"][name])["description"]) > 20


@pytest.mark.parametrize("name", ACTION["inputs"])
def test_each_input_has_a_default_so_that_none_is_needed(name: str) -> None:
    assert "default" in ACTION["inputs"][name]


def test_the_step_after_the_job_is_a_program_that_the_image_gets() -> None:
    program = Path(ACTION["runs"]["post-entrypoint"])
    assert f"COPY container {program.parent}" in DOCKERFILE
    assert os.access(ROOT / "container" / program.name, os.X_OK)


def test_the_image_does_what_a_docker_action_must() -> None:
    """No USER and no WORKDIR, and an entry point that needs no shell (GitHub's Dockerfile support for actions)."""
    assert not re.search(r"^(USER|WORKDIR)\b", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["/', DOCKERFILE, re.MULTILINE)
