"""Payloads and the runner's environment say what the stand-in holds, in the runner's own way."""

import json
from pathlib import Path

import pytest

from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import outputs, runner_environment, summary


@pytest.fixture
def repository(github: StandIn) -> Repository:
    """A repository in which pull request 129 was merged, and 131 came from a fork."""
    github.repository("mallory/chat", fork_of="octo/chat")
    made = github.repository("octo/chat")
    made.open_issue("Sockets close", number=128)
    made.open_pull("Fix", "Fixes #128", number=129)
    made.open_pull("From outside", number=131, head_repository="mallory/chat", login="mallory")
    made.merge(129)
    made.merge(131)
    return made


@pytest.mark.parametrize("path", sorted(events.HERE.glob("*.json")), ids=lambda path: path.stem)
def test_every_payload_loads_by_itself(path: Path) -> None:
    event = events.load(path.stem)
    assert path.stem.startswith(event.name)
    assert event.payload["repository"]["full_name"]


def test_a_push_is_of_the_commit_that_the_stand_in_has(github: StandIn, repository: Repository, tmp_path: Path) -> None:
    event = events.load("push", github, repository)
    environment = runner_environment(github, event, tmp_path)
    assert environment["GITHUB_SHA"] == repository.branches["main"] == event.payload["head_commit"]["id"]
    assert environment["GITHUB_REF"] == "refs/heads/main"
    assert json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text()) == event.payload
    assert repository.runs[int(environment["GITHUB_RUN_ID"])].head_sha == environment["GITHUB_SHA"]


def test_a_merged_pull_request_runs_on_its_merge_commit(
    github: StandIn, repository: Repository, tmp_path: Path
) -> None:
    event = events.load("pull_request_merged", github, repository, number=129)
    environment = runner_environment(github, event, tmp_path, inputs={"environment": "staging"})
    pull = repository.issues[129].pull
    assert pull is not None
    assert event.payload["pull_request"]["merge_commit_sha"] == environment["GITHUB_SHA"] == pull.merge_commit_sha
    assert environment["GITHUB_REF"] == "refs/heads/main"
    assert environment["INPUT_ENVIRONMENT"] == "staging"
    assert github.world.tokens[environment["INPUT_GITHUB-TOKEN"]].may("issues", "write")
    assert "ACTIONS_RUNTIME_TOKEN" in environment


def test_a_run_for_a_fork_may_only_read(github: StandIn, repository: Repository, tmp_path: Path) -> None:
    event = events.load("pull_request_merged_from_fork", github, repository, number=131)
    assert event.payload["pull_request"]["head"]["repo"]["fork"]
    environment = runner_environment(github, event, tmp_path)
    assert not github.world.tokens[environment["INPUT_GITHUB-TOKEN"]].may("issues", "write")
    assert repository.runs[int(environment["GITHUB_RUN_ID"])].head_repository == "mallory/chat"


def test_a_comment_tells_an_issue_from_a_pull_request(github: StandIn, repository: Repository) -> None:
    said = repository.comment(128, "/stability rerun", login="mia")
    on_issue = events.load("issue_comment_created", github, repository, number=128, comment=said).payload
    on_pull = events.load("issue_comment_created_on_pull_request", github, repository, number=129).payload
    assert "pull_request" not in on_issue["issue"]
    assert on_pull["issue"]["pull_request"]["merged_at"]
    assert (on_issue["comment"]["body"], on_issue["sender"]["login"]) == ("/stability rerun", "mia")


def test_changes_replace_what_the_payload_says() -> None:
    assert events.load("workflow_dispatch", inputs={"issue": "7"}).payload["inputs"] == {"issue": "7"}


def test_an_unknown_input_is_an_error(github: StandIn, repository: Repository, tmp_path: Path) -> None:
    event = events.load("push", github, repository)
    with pytest.raises(ValueError, match="no input"):
        runner_environment(github, event, tmp_path, inputs={"colour": "green"})


def test_outputs_are_read_as_the_runner_reads_them(github: StandIn, repository: Repository, tmp_path: Path) -> None:
    environment = runner_environment(github, events.load("push", github, repository), tmp_path)
    path = Path(environment["GITHUB_OUTPUT"])
    path.write_text("verdict=stable\ncomment<<E0F\na=b\n\nlast\nE0F\nurl=https://x?a<<b\nempty=\n")
    assert outputs(environment) == {
        "verdict": "stable",
        "comment": "a=b\n\nlast",
        "url": "https://x?a<<b",
        "empty": "",
    }
    path.write_text("comment<<E0F\nforever\n")
    with pytest.raises(ValueError, match="delimiter not found"):
        outputs(environment)
    assert summary(environment) == ""
