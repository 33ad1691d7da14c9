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


def _code() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))


def test_the_inputs_are_those_that_the_code_reads() -> None:
    read = [*re.findall(r"\binputs(?:\.get\(|\[)\"([a-z-]+)\"", _code()), "github-token"]
    assert set(read) == set(ACTION["inputs"])
    assert '"INPUT_GITHUB-TOKEN"' in _code()


def test_the_outputs_are_those_that_the_code_sets() -> None:
    body = _code().partition("def _outputs(")[2].partition("\n    def ")[0]
    assert set(re.findall(r"^ +\"([a-z-]+)\": ", body, re.MULTILINE)) == set(ACTION["outputs"])


def test_the_readmes_tables_have_each_input_and_output_once_and_the_same_defaults() -> None:
    inputs, outputs = README.partition("### Inputs and outputs")[2].partition("| output |")[::2]
    named = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \|", inputs, re.MULTILINE))
    assert list(named) == list(ACTION["inputs"])
    for name, each in ACTION["inputs"].items():
        if shown := re.fullmatch("`(.+)`", named[name]):
            assert each["default"] == shown[1]
        else:
            assert each["default"] == ("${{ github.token }}" if name == "github-token" else "")
    rows = re.findall(r"^\| (`.+?`) \|", outputs.partition("\n\n")[0], re.MULTILINE)
    assert [name for row in rows for name in re.findall("`([a-z-]+)`", row)] == list(ACTION["outputs"])


def test_no_address_of_github_is_in_the_code_but_where_the_runner_gives_none() -> None:
    """GitHub Enterprise Server has addresses of its own; what the runner says goes before these two defaults."""
    found = {
        (path.relative_to(ROOT / "bot").as_posix(), line.strip())
        for path in (ROOT / "bot").rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"https?://[^\s\"']*github\.com", line)
    }
    assert found == {
        ("github/environment.py", 'api_url=given.get("GITHUB_API_URL", "https://api.github.com"),'),
        ("github/environment.py", 'server_url=given.get("GITHUB_SERVER_URL", "https://github.com"),'),
    }
