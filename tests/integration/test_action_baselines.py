"""The action from one deploy to the next: where the baseline is kept, who may say what it is, and what is never one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.baseline.artifact import ArtifactStore
from bot.baseline.branch import BranchStore
from bot.baseline.marks import Marks
from bot.baseline.store import Store
from bot.composing import now
from bot.github.artifacts import Artifacts
from bot.github.client import Client
from bot.github.data_branch import DEFAULT, DataBranch
from bot.github.trust import Home
from bot.model import Run
from bot.model.mark import Mark
from tests.finding import pick
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.git_data import files_on
from tests.github_stand_in.runner import WORKFLOW, summary
from tests.integration.jobs import ROOT, SPEC, Job, answering
from tests.unit.samples import run, subject

NAME = "stability-baseline-shop-test-last-good"
MARK = Mark(by="ana", reason="v2 is slow", at="2026-02-02T03:04:05.000Z", source="https://example.invalid/1")


@pytest.fixture
def spec() -> Iterator[str]:
    with answering() as url:
        yield SPEC.format(url=url, status=200)


@pytest.fixture
def home(github: StandIn) -> Repository:
    return shop(github)


def shop(github: StandIn) -> Repository:
    made = github.repository("example/shop")
    made.commit("the first")
    return made


class Deploys:
    """One deploy after another, each of the tip and in a fresh workspace."""

    def __init__(self, github: StandIn, home: Repository, folder: Path, spec: str, **inputs: str) -> None:
        self.github, self.home, self.folder, self.spec, self.inputs = github, home, folder, spec, inputs
        self.number = 0
        self.variables: dict[str, str] = {}
        self.job: Job
        self.log = ""

    def __call__(self) -> str:
        """Deploy the tip: the verdict."""
        self.number += 1
        self.job = Job(self.github, self.home, self.folder / str(self.number), self.spec, **self.inputs)
        ended = self.job.run(**self.variables)
        self.log = ended.stdout + ended.stderr
        assert "Traceback" not in self.log
        return self.job.said["verdict"]

    @property
    def report(self) -> str:
        return summary(self.job.environment)


def good_run(store: Store, home: Repository, minute: int = 0, at: str | None = None) -> str:
    """A good run of the tip as an earlier job kept it; its commit."""
    commit, at = home.branches["main"], at or f"2026-01-02T03:{minute:02}:00.000Z"
    of = subject(commit[:7], commit=commit, service="shop", environment="test")
    store.save(run(subject=of, started=at, finished=at), "stable", Path())
    return commit


def artifacts(github: StandIn, home: Repository) -> ArtifactStore:
    """The store as a job sees it that answers a comment."""
    client = Client(github.url, github.token(home.full_name), home.full_name)
    place = Home(home.id, "main", WORKFLOW, home.branches["main"])
    token = home.workflow_run(event="issue_comment").token
    return ArtifactStore(Artifacts(client, lambda: place, token, github.results_url), "shop", "test")


def on_branch(github: StandIn, home: Repository, name: str = DEFAULT) -> BranchStore:
    client = Client(github.url, github.token(home.full_name), home.full_name)
    return BranchStore(DataBranch(client, name, lambda: home.branches["main"], "main"), "shop", "test")


@pytest.mark.parametrize("where", ["artifact", "branch:proofs/data"])
def test_a_run_is_compared_with_the_one_before(
    github: StandIn, home: Repository, spec: str, tmp_path: Path, where: str
) -> None:
    deploy = Deploys(github, home, tmp_path, spec, baseline=where)
    assert deploy() == "first run"
    first = home.branches["main"]
    home.commit("the second")
    assert deploy() == "stable", deploy.log
    assert first[:7] in deploy.report
    assert len(github.requests) < 100
    assert ("proofs/data" in home.branches) == where.startswith("branch")


def test_a_fork_that_names_its_branch_main_gets_nothing(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    """Trap 10: the list of artifacts mixes those of forks with ours."""
    first = good_run(artifacts(github, home), home)
    ours = pick(home.artifacts.values(), lambda each: each.name == NAME)
    github.repository("mallory/shop", fork_of="example/shop")
    for event in ("pull_request", "pull_request_target", "push"):
        theirs = home.workflow_run(event=event, head_branch="main", head_repository="mallory/shop")
        home.upload(theirs, NAME, {"run.json": home.content(ours)["run.json"].replace(b"shop", b"mall")})
    home.commit("the second")
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "stable"
    assert first[:7] in deploy.report
    assert len({line for line in deploy.log.splitlines() if line.endswith("it comes from a fork")}) == 3


@pytest.mark.parametrize("content", [b"0" * (64 * 1024 * 1024 + 1), b'{"format":NaN}'], ids=["bomb", "NaN"])
def test_a_hostile_artifact_of_our_own_workflow_is_a_clear_refusal_and_no_baseline(
    github: StandIn, home: Repository, spec: str, tmp_path: Path, content: bytes
) -> None:
    home.upload(home.workflow_run(), NAME, {"run.json": content})
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "inconclusive", "this is no first run: there is a baseline, and it cannot be had"
    assert "last-good was refused" in deploy.log
    assert deploy.job.said["exit-code"] == "3"


def test_a_last_run_that_cannot_be_read_is_said_and_the_good_one_is_compared_with(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    """What had been accepted and closed is not known then: whoever wonders finds the reason in the log."""
    deploy = Deploys(github, home, tmp_path, spec, baseline=str(tmp_path / "kept"))
    assert deploy() == "first run"
    (tmp_path / "kept/shop/test/last/run.json").write_bytes(b"{}")
    home.commit("the second")
    assert deploy() == "stable", deploy.log
    (line,) = {each for each in deploy.log.splitlines() if each.startswith("the baseline last was refused: ")}
    assert "not a run: at subject" in line


def test_what_a_maintainer_pinned_is_compared_with_and_the_verdict_says_who_did(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    first = good_run(artifacts(github, home), home)
    artifacts(github, home).pin(MARK)
    home.commit("the second")
    good_run(artifacts(github, home), home, 1)
    home.commit("the third")
    before = len(github.requests)
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "stable"
    assert first[:7] in deploy.report
    assert "kept as pinned by ana since" in deploy.report
    assert "the baseline is pinned by ana since 2026-02-02" in deploy.log
    assert len(github.requests) - before < 100
    assert sum(each.name.endswith("-pinned") for each in home.artifacts.values()) == 1


@pytest.mark.parametrize("where", ["artifact", "branch"])
def test_what_was_deployed_last_is_compared_with_though_a_newer_run_is_kept(
    github: StandIn, home: Repository, spec: str, tmp_path: Path, where: str
) -> None:
    deploy = Deploys(github, home, tmp_path, spec, baseline=where)
    assert deploy() == "first run"
    first = home.branches["main"]
    home.commit("never deployed")
    newer = good_run((artifacts if where == "artifact" else on_branch)(github, home), home, at=now())
    home.commit("the third")
    assert deploy() == "stable", deploy.log
    assert f"Compared with shop-{first[:7]}," in deploy.report
    assert newer[:7] not in deploy.report.partition("###")[0]
    records = [[each.state for each in one.statuses] for one in home.deployments.values()]
    assert records == [["in_progress", "success", "inactive"], ["in_progress", "success"]]


def test_without_the_permission_for_deployments_the_newest_is_compared_with_and_one_line_says_why(
    github: StandIn, spec: str, tmp_path: Path
) -> None:
    home = github.repository("example/shop", private=True)
    home.commit("the first")
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "first run"
    home.commit("never recorded")
    newer = good_run(artifacts(github, home), home, at=now())
    home.commit("the third")
    names = ("issues", "pull-requests", "statuses", "checks")
    token = github.token(home.full_name, {"contents": "read", "actions": "read", **dict.fromkeys(names, "write")})
    deploy.variables = {"INPUT_GITHUB-TOKEN": token}
    assert deploy() == "stable", deploy.log
    assert f"Compared with {newer[:7]}," in deploy.report
    (line,) = [line for line in deploy.log.splitlines() if "deployment" in line]
    assert line.startswith("the deployment record was left out: ")
    assert line.endswith("add `deployments: write` to the job's permissions")


def test_records_from_before_the_permission_was_taken_away_hold_nothing_back(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    """In a public repository any token reads them, for ever."""
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "first run"
    token = github.token(home.full_name, {"contents": "read", "actions": "read", "statuses": "write"})
    deploy.variables = {"INPUT_GITHUB-TOKEN": token}
    home.commit("the second")
    assert deploy() == "stable", deploy.log
    second = home.branches["main"]
    home.commit("the third")
    assert deploy() == "stable", deploy.log
    assert f"Compared with shop-{second[:7]}," in deploy.report


def test_a_refresh_of_what_is_deployed_is_compared_with(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "first run"
    (old,) = (each.id for each in home.artifacts.values() if each.name == NAME)
    refresh = Job(github, home, tmp_path / "refresh", spec, "schedule")
    assert refresh.run().returncode == 0
    new = max((each for each in home.artifacts.values() if each.name == NAME), key=lambda each: each.id)
    assert new.id != old
    home.commit("the second")
    assert deploy() == "stable", deploy.log
    compared = Run.from_json((deploy.job.workspace / ".stability-proof" / "baseline" / "run.json").read_bytes())
    kept = Run.from_json(home.content(new)["run.json"])
    assert compared.provenance == kept.provenance


def test_a_github_that_shows_no_deployments_is_said_and_the_newest_is_compared_with(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "first run"
    home.commit("the second")
    github.fail("GET", "/deployments$", status=200, body={"message": "a proxy's page"})
    assert deploy() == "stable", deploy.log
    assert deploy.log.count("By which run the last deployment was proven cannot be seen") == 1


def test_what_a_maintainer_invalidated_is_never_compared_with(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    first = good_run(on_branch(github, home), home)
    home.commit("the second")
    bad = good_run(on_branch(github, home), home, 1)
    on_branch(github, home).invalidate(bad[:7], MARK)
    home.commit("the third")
    deploy = Deploys(github, home, tmp_path, spec, baseline="branch")
    assert deploy() == "stable"
    assert first[:7] in deploy.report
    assert "was invalidated by ana on 2026-02-02" in deploy.log


def test_a_fork_pins_and_invalidates_nothing(github: StandIn, home: Repository, spec: str, tmp_path: Path) -> None:
    commit = good_run(artifacts(github, home), home)
    github.repository("mallory/shop", fork_of="example/shop")
    marks = Marks().invalidating(commit, MARK).to_json()
    for given in (
        {"head_repository": "mallory/shop"},
        {"path": ".github/workflows/other.yml"},
        {"event": "pull_request"},
    ):
        home.upload(home.workflow_run(head_branch="main", **given), "stability-marks-shop-test", {"marks.json": marks})
    home.commit("the second")
    deploy = Deploys(github, home, tmp_path, spec)
    assert deploy() == "stable"
    assert commit[:7] in deploy.report
    assert "invalidated" not in deploy.log


def test_the_job_of_the_documentation_keeps_its_baseline_on_the_branch_with_just_its_permissions(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "baselines.md").read_text()
    block = pick(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL), lambda each: "permissions:" in each)
    job = yaml.safe_load(block)
    given = job["steps"][1]["with"]
    deploy = Deploys(github, home, tmp_path, spec, baseline=given["baseline"])
    deploy.variables = {"INPUT_GITHUB-TOKEN": github.token(home.full_name, job["permissions"])}
    assert deploy() == "first run"
    assert "to the job's permissions" not in deploy.log
    assert "shop/test/last-good.json" in files_on(home, DEFAULT)


def test_without_the_permission_the_verdict_stands_and_one_line_says_what_to_add(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    deploy = Deploys(github, home, tmp_path, spec, baseline="branch")
    token = github.token(home.full_name, {"contents": "read", "issues": "write", "statuses": "write"})
    deploy.variables = {"INPUT_GITHUB-TOKEN": token}
    assert deploy() == "first run"
    assert deploy.log.count("add `contents: write` to the job's permissions") == 1
    assert DEFAULT not in home.branches


def test_a_runner_that_names_no_artifact_service_keeps_the_baseline_on_the_branch(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    deploy = Deploys(github, home, tmp_path, spec)
    deploy.variables = {"ACTIONS_RESULTS_URL": "", "ACTIONS_RUNTIME_TOKEN": ""}
    assert deploy() == "first run"
    assert "There is no artifact service here (the runner names none)" in deploy.log
    assert "shop/test/last-good.json" in files_on(home, DEFAULT)


def test_the_whole_action_on_github_enterprise_server(spec: str, tmp_path: Path) -> None:
    with StandIn(enterprise=True) as github:
        home = shop(github)
        issue = home.open_issue("It is slow")
        first = good_run(on_branch(github, home), home)
        pull = home.open_pull("Faster", f"Fixes #{issue.number}")
        home.merge(pull.number)
        deploy = Deploys(github, home, tmp_path, spec)
        assert deploy() == "stable", deploy.log
        assert deploy.log.count("There is no artifact service here") == 1
        assert first[:7] in deploy.report
        assert github.violations == []
        assert github.count("POST", "^/api/graphql$") > 0
        assert all(each.path.startswith(("/api/", "/twirp/")) for each in github.requests)
        assert home.statuses[-1].state == "success"
        assert any("stable" in each.body.lower() for each in home.comments_on(pull.number))
        assert deploy.job.said["comment-url"].startswith(f"{github.server_url}/example/shop/")
        assert "shop/test/last-good.json" in files_on(home, DEFAULT)


def test_a_branch_that_cannot_be_one_for_data_is_refused_before_anything_is_deployed(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    deploy = Deploys(github, home, tmp_path, spec, baseline="branch:main")
    assert deploy() == ""
    assert "the default branch" in deploy.log
    assert deploy.job.said["exit-code"] == "2"
