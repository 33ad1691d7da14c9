"""The permissions of the example workflows are what the bot needs: all of them leave nothing out, and one less does.

What is left out then, and the line that says so, are read from docs/github/events.md. The repository is private: what is
public may be read with any token.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import yaml

from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.integration.jobs import ROOT, SPEC, Job, answering

WORKFLOWS = ROOT / "examples" / "workflows"
ROW = re.compile(r"^\| `([a-z-]+: (?:read|write))` \| (.+) \| (.+) \|$", re.MULTILINE)
LINES = {name: line.replace("`", "") for name, _, line in ROW.findall((ROOT / "docs/github/events.md").read_text())}
JOBS = [
    ("after-merge.yml", "proof", "push"),
    ("merge-queue.yml", "rehearsal", "merge_group"),
    ("refresh.yml", "refresh", "schedule"),
    ("someone-else-deploys.yml", "proof", "deployment_status"),
    ("talk-back.yml", "answer", "issue_comment"),
]
PROOFS = ("merge-queue.yml", "refresh.yml", "talk-back.yml")
"""Files that prove what is merged besides what they are about."""


def job_of(file: str, job: str) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load((WORKFLOWS / file).read_text())
    found: dict[str, Any] = workflow["jobs"][job]
    return found


def permissions(file: str, job: str) -> dict[str, str]:
    found: dict[str, str] = job_of(file, job)["permissions"]
    return found


class Place(NamedTuple):
    """A repository in which a pull request that fixes issue #1 was merged and proven, with a service that is up."""

    github: StandIn
    home: Repository
    url: str
    folder: Path

    def job(self, event: str, given: dict[str, str], **inputs: str) -> Job:
        number = len(self.github.world.tokens)
        return Job(
            self.github,
            self.home,
            self.folder / str(number),
            SPEC.format(url=self.url, status=200),
            self.event(event),
            given,
            **inputs,
        )

    def event(self, name: str) -> events.Event:
        if name == "merge_group":
            sha = self.home.commit("queued", branch="gh-readonly-queue/main/pr-3-0")
            return events.load(name, self.github, self.home, sha=sha)
        if name == "deployment_status":
            event = events.load("deployment_status_with_address", self.github, self.home)
            event.payload["deployment_status"]["environment_url"] = self.url
            event.payload["deployment"]["environment"] = "test"
            return event
        if name == "issue_comment":
            said = self.home.comment(2, "/stability rerun\n/stability explain health", login=self.home.owner)
            return events.load("issue_comment_created_on_pull_request", self.github, self.home, number=2, comment=said)
        if name == "pull_request":
            return events.load("pull_request_merged", self.github, self.home, number=2)
        return events.load(name, self.github, self.home)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with StandIn() as github, answering() as url:
        home = github.repository("example/shop", private=True)
        home.commit("the first")
        issue = home.open_issue("It is broken")
        home.merge(home.open_pull("Mend it", f"Fixes #{issue.number}").number)
        made = Place(github, home, url, tmp_path_factory.mktemp("permissions"))
        assert made.job("push", permissions("after-merge.yml", "proof")).run().returncode == 0
        yield made
        assert github.violations == []


def test_every_permission_of_the_examples_is_in_the_table_and_no_other() -> None:
    asked = {f"{name}: {level}" for file, job, _ in JOBS for name, level in permissions(file, job).items()}
    assert asked == set(LINES)


@pytest.mark.parametrize(("file", "job", "event"), JOBS)
def test_with_all_of_them_nothing_is_left_out(place: Place, file: str, job: str, event: str) -> None:
    work = place.job(event, permissions(file, job))

    ended = work.run()

    assert ended.returncode == 0, ended.stdout
    assert work.said["verdict"] == "stable"
    assert "permissions" not in ended.stdout + work.summary


DROPPED = [
    pytest.param(file, job, event, name, id=f"{event}-{name}")
    for file, job, event in JOBS
    for name in permissions(file, job)
    # the rest write as these do, apart from what a deployment is asked about first
    if (event in ("push", "merge_group") and name != "pull-requests")
    or (event, name) in (("deployment_status", "contents"), ("issue_comment", "deployments"))
]


@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_without_the_pull_request_a_push_goes_by_its_words_and_the_event_of_it_is_left_with_the_commit(
    place: Place, event: str
) -> None:
    given = permissions("after-merge.yml", "proof")
    del given["pull-requests"]
    folder = str(place.folder / "kept")  # an artifact of a run of `pull_request` would be nobody's baseline
    work = place.job(event, given, **({"baseline": folder} if event == "pull_request" else {}))

    ended = work.run()

    assert ended.returncode == 0, ended.stdout
    assert (LINES["pull-requests: write"] in ended.stdout) == (event == "pull_request")
    assert "add `pull-requests: read` to" in ended.stdout
    assert ("what GitHub lists as linked was left out" in ended.stdout) == (event == "push")
    assert ("#1 was closed already, and is confirmed" in ended.stdout) == (event == "push")


def test_without_the_pull_request_no_command_on_it_is_done(place: Place) -> None:
    given = permissions("talk-back.yml", "answer")
    del given["pull-requests"]
    records = len(place.home.deployments)
    work = place.job("issue_comment", given)

    ended = work.run()

    assert (ended.returncode, work.said) == (4, {"verdict": "", "exit-code": "4"})
    assert "was not done" in work.summary
    assert "pull-requests" in work.summary
    assert len(place.home.deployments) == records


def test_the_jobs_that_are_not_tried_without_each_need_what_those_do_that_are() -> None:
    needs = {file: permissions(file, job) for file, job, _ in JOBS}
    assert needs["refresh.yml"] == needs["merge-queue.yml"]
    assert needs["someone-else-deploys.yml"] | {"deployments": "write"} == needs["after-merge.yml"]
    assert needs["talk-back.yml"] == needs["after-merge.yml"]


@pytest.mark.parametrize("file", PROOFS)
def test_what_is_merged_is_proven_by_one_and_the_same_job_in_every_file(file: str) -> None:
    job, alone = job_of(file, "proof"), job_of("after-merge.yml", "proof")
    assert (job["permissions"], job["steps"], job["environment"]) == (
        alone["permissions"],
        alone["steps"],
        alone["environment"],
    )


def test_the_workflow_of_the_readme_is_the_example() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert (WORKFLOWS / "after-merge.yml").read_text() in blocks


def test_our_own_workflow_asks_for_what_the_example_asks_for() -> None:
    own = yaml.safe_load((ROOT / ".github" / "workflows" / "stability.yml").read_text())
    alone = yaml.safe_load((WORKFLOWS / "after-merge.yml").read_text())
    assert own["jobs"]["proof"]["permissions"] == alone["jobs"]["proof"]["permissions"]
    assert own["concurrency"] == alone["concurrency"]


def evaluated(text: str, **comment: object) -> str:
    """An expression of a workflow, of the few words that ours has. `&&` and `||` give a value, as Python's do."""
    whole = re.fullmatch(r"(.*?)\$\{\{(.*)\}\}", text, re.DOTALL)
    assert whole is not None
    python = whole[2].replace("&&", "and").replace("||", "or").replace("!", "not ")
    names = {
        "contains": lambda where, what: (
            str(what).lower() in ([each.lower() for each in where] if isinstance(where, list) else str(where).lower())
        ),
        "fromJSON": json.loads,
        "format": lambda pattern, *values: pattern.format(*values),
        "github": SimpleNamespace(event=SimpleNamespace(comment=SimpleNamespace(**comment))),
    }
    return whole[1] + str(eval(f"({python})", {"__builtins__": {}}, names))


@pytest.mark.parametrize(
    ("body", "association", "waits"),
    [
        ("/stability rerun", "MEMBER", True),
        ("Once more:\n/stability  Rerun", "COLLABORATOR", True),
        ("/stability rerun", "NONE", False),
        ("/stability rerun", "CONTRIBUTOR", False),
        ("/stability pin", "OWNER", False),
        ("please rerun it", "OWNER", False),
    ],
)
def test_of_comments_a_rerun_of_an_insider_alone_stands_in_line_with_the_deploys(
    body: str, association: str, waits: bool
) -> None:
    line = job_of("talk-back.yml", "proof")["concurrency"]["group"]
    asked = job_of("talk-back.yml", "answer")["concurrency"]
    found = evaluated(asked["group"], body=body, author_association=association, id=7)
    assert found == (line if waits else f"{line}-7")
    assert asked["cancel-in-progress"] is False


def test_what_deploys_has_the_history_that_the_revision_before_is_brought_up_from() -> None:
    for file, job, event in JOBS:
        deep = job_of(file, job)["steps"][0]["with"].get("fetch-depth") == 0
        assert deep == (event != "deployment_status"), file


@pytest.mark.parametrize(("file", "job", "event", "name"), DROPPED)
def test_without_one_of_them_what_the_documentation_says_is_left_out(
    place: Place, file: str, job: str, event: str, name: str
) -> None:
    given = permissions(file, job)
    line = re.escape(LINES[f"{name}: {given.pop(name)}"]).replace(r"\#N", r"\#\d+")
    work = place.job(event, given)

    ended = work.run()

    said = ended.stdout.replace("`", "")
    assert re.search(line, said), ended.stdout
    assert re.search(rf"add {name}: (read|write) to the job's permissions", said)
    if name in ("contents", "actions"):
        assert ended.returncode == (4 if event == "deployment_status" and name == "contents" else 3)
    else:
        assert ended.returncode == 0
        assert "Left out for want of a permission" in work.summary
    others = {each for each in LINES if not each.startswith(name)}
    assert not [each for each in others if f"add {each}" in said]
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_token_that_may_do_nothing_leaves_the_jobs_page_and_says_that_it_is_all(
    github: StandIn, tmp_path: Path
) -> None:
    home = github.repository("example/shop")
    home.commit("the first")
    with answering() as url:
        work = Job(github, home, tmp_path, SPEC.format(url=url, status=200), permissions={})
        ended = work.run()

    assert ended.returncode == 0, ended.stdout
    assert work.said["verdict"] == "first run"
    assert "This token could write nothing" in work.summary
    assert (home.statuses, home.comments, home.check_runs) == ([], {}, {})
