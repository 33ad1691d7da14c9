"""Each event as the action is started by it: what it writes, what it keeps, and what it leaves alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.github.client import Client
from bot.github.event import Activity, Kind
from bot.github.publisher import Publisher
from bot.github.quiet import GateAlone
from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.integration.jobs import SPEC, Job, answering

BASELINE = "stability-baseline-shop-test-last-good"


@pytest.fixture
def url() -> Iterator[str]:
    with answering() as url:
        yield url


@pytest.fixture
def home(github: StandIn) -> Repository:
    made = github.repository("example/shop")
    made.commit("the first")
    return made


@pytest.fixture
def spec(url: str) -> str:
    return SPEC.format(url=url, status=200)


def kept(home: Repository) -> list[str]:
    return [each.name for each in home.artifacts.values() if each.name.startswith("stability-baseline")]


def merged(home: Repository, **fields: str) -> int:
    """The number of a merged pull request, which fixes the issue before it."""
    issue = home.open_issue("It is broken")
    pull = home.open_pull("Mend it", f"Fixes #{issue.number}", **fields)  # type: ignore[arg-type]
    home.merge(pull.number)
    return pull.number


def test_a_merged_pull_request_gets_the_verdict(github: StandIn, home: Repository, spec: str, tmp_path: Path) -> None:
    number = merged(home)
    event = events.load("pull_request_merged", github, home, number=number)
    job = Job(github, home, tmp_path, spec, event)

    ended = job.run()

    assert ended.returncode == 0, ended.stdout
    assert len(home.comments_on(number)) == 1
    pull = home.issues[number].pull
    assert pull is not None
    assert home.statuses[-1].sha == pull.merge_commit_sha


def test_a_merge_from_a_fork_with_a_token_that_only_reads_is_on_the_jobs_page(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    """Trap 1: the event `pull_request` of a fork has a token that only reads, for the merge as well."""
    github.repository("mallory/shop", fork_of="example/shop")
    number = merged(home, head_repository="mallory/shop")
    event = events.load("pull_request_merged", github, home, number=number)
    job = Job(github, home, tmp_path, spec, event)

    ended = job.run()

    assert ended.returncode == 0, ended.stdout
    assert "it comes from a fork, so this token only reads" in ended.stdout
    assert "First run" in job.summary
    assert "Left out for want of a permission" in job.summary
    for permission in ("statuses", "checks", "issues"):
        assert f"`{permission}: write`" in job.summary
    assert "This token could write nothing" in job.summary
    assert (home.statuses, home.comments, home.check_runs) == ([], {}, {})


def test_a_merge_from_a_fork_by_its_target_is_deployed_as_its_merge_and_written_to(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    github.repository("mallory/shop", fork_of="example/shop")
    number = merged(home, head_repository="mallory/shop")
    event = events.load("pull_request_merged", github, home, number=number)
    job = Job(github, home, tmp_path, spec, event._replace(name="pull_request_target"))

    assert job.run().returncode == 0
    pull = home.issues[number].pull
    assert pull is not None
    assert home.statuses[-1].sha == pull.merge_commit_sha
    assert len(home.comments_on(number)) == 1


def queued(home: Repository) -> str:
    """What a merge queue wants to merge: a commit on a branch of its own."""
    issue = home.open_issue("It is broken")
    home.open_pull("Mend it", f"Fixes #{issue.number}")
    return home.commit(f"Mend it (#2)\n\nFixes #{issue.number}", branch="gh-readonly-queue/main/pr-2-0")


def test_a_merge_group_gets_a_status_and_a_check_and_nothing_else(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    assert Job(github, home, tmp_path / "1", spec).run().returncode == 0
    before, comments = kept(home), dict(home.comments)
    sha = queued(home)
    job = Job(github, home, tmp_path / "2", spec, events.load("merge_group", github, home, sha=sha))

    ended = job.run()

    assert ended.returncode == 0, ended.stdout
    assert job.said["verdict"] == "stable", ended.stdout
    assert (home.statuses[-1].sha, home.statuses[-1].state) == (sha, "success")
    assert (home.statuses[-1].description or "").startswith("before the merge: ")
    assert [each.conclusion for each in home.check_runs.values() if each.head_sha == sha] == ["success"]
    assert kept(home) == before
    assert home.comments == comments
    assert home.issues[1].state == "open"
    assert "This is a rehearsal" in job.summary


def test_a_merge_group_that_breaks_the_service_fails_and_leaves_the_issue(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    assert Job(github, home, tmp_path / "1", SPEC.format(url=url, status=200)).run().returncode == 0
    sha = queued(home)
    event = events.load("merge_group", github, home, sha=sha)
    job = Job(github, home, tmp_path / "2", SPEC.format(url=url, status=503), event)

    assert job.run().returncode == 1
    assert (home.statuses[-1].sha, home.statuses[-1].state) == (sha, "failure")
    assert home.issues[1].state == "open"
    assert len(home.comments) == 1


def test_a_schedule_refreshes_the_baseline_and_touches_no_pull_request(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    number = merged(home)
    job = Job(github, home, tmp_path, spec, "schedule")

    ended = job.run()

    assert ended.returncode == 0, ended.stdout
    assert BASELINE in kept(home)
    assert home.comments_on(number) == []
    assert home.comments == {}
    assert (home.statuses[-1].sha, home.statuses[-1].state) == (home.branches["main"], "success")
    assert "This was a refresh of the baseline" in job.summary


def deployed(github: StandIn, home: Repository, url: str, **changes: str) -> events.Event:
    event = events.load("deployment_status_with_address", github, home)
    event.payload["deployment_status"] |= {"environment_url": url}
    event.payload["deployment"] |= {"environment": "test", **changes}
    return event


def test_what_somebody_else_deployed_is_probed_where_it_is_and_compared_with_what_is_kept(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    away = SPEC.format(url="http://127.0.0.1:9", status=200)
    there = str(tmp_path / "kept")
    first = Job(github, home, tmp_path / "1", away, deployed(github, home, url), baseline=there)
    said = first.run()
    assert (said.returncode, first.said["verdict"]) == (0, "first run"), said.stdout
    number = merged(home)
    second = Job(github, home, tmp_path / "2", away, deployed(github, home, url), baseline=there)

    ended = second.run()

    assert (ended.returncode, second.said["verdict"]) == (0, "stable"), ended.stdout
    assert "somebody else deployed it to test" in ended.stdout
    (comment,) = home.comments_on(number)
    assert "it was only probed" in comment.body
    assert "deploying" not in first.summary
    assert home.issues[number - 1].state_reason == "completed"


def test_a_pull_requests_preview_is_not_signed_in_to(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    sha = home.commit("not merged", branch="topic")
    event = deployed(github, home, "http://127.0.0.1:9", sha=sha)

    ended = Job(github, home, tmp_path, spec, event).run()

    assert ended.returncode == 0
    assert "nothing signs in to what may be anybody's" in ended.stdout
    assert [each.path for each in github.requests] == [f"/repos/example/shop/compare/{sha}...main"]


def test_a_deployment_to_another_environment_is_somebody_elses(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    ended = Job(github, home, tmp_path, spec, deployed(github, home, "http://127.0.0.1:9", environment="prod")).run()

    assert ended.returncode == 0
    assert "it was deployed to prod; the spec is about test" in ended.stdout


def test_an_address_that_may_not_be_probed_is_an_error_and_no_green_job(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, spec, deployed(github, home, "http://169.254.169.254/latest"))

    ended = job.run()

    assert ended.returncode == 2
    assert "the deployment's address is refused" in ended.stdout
    assert job.said == {"verdict": "", "exit-code": "2"}


def test_a_dispatch_proves_its_commit_in_its_environment_and_reports_on_its_issue(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    wanted = home.branches["main"]
    home.commit("a newer one")
    issue = home.open_issue("Is it up?")
    payload = {"commit": wanted, "environment": "canary", "issue": issue.number}
    event = events.load("repository_dispatch", github, home, client_payload=payload)
    job = Job(github, home, tmp_path, spec, event)

    ended = job.run()

    assert ended.returncode == 0, ended.stdout
    assert (home.statuses[-1].sha, home.statuses[-1].context) == (wanted, "stability-proof / shop / canary")
    assert len(home.comments_on(issue.number)) == 1
    assert issue.state == "open"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"commit": "f" * 40}, "not on the default branch"),
        ({"environment": "../x"}, "client_payload.environment"),
        ({"issue": "all"}, "client_payload.issue"),
    ],
)
def test_a_dispatch_of_anything_else_is_one_message(
    github: StandIn, home: Repository, spec: str, tmp_path: Path, payload: dict[str, str], words: str
) -> None:
    event = events.load("repository_dispatch", github, home, client_payload=payload)

    ended = Job(github, home, tmp_path, spec, event).run()

    assert ended.returncode == 2
    assert words in ended.stdout
    assert home.statuses == []


def test_an_environment_that_would_be_a_path_is_refused(
    github: StandIn, home: Repository, spec: str, tmp_path: Path
) -> None:
    ended = Job(github, home, tmp_path, spec, environment="../../x").run()

    assert ended.returncode == 2
    assert "the input environment is '../../x'" in ended.stdout


@pytest.mark.parametrize("kind", ["prove", "probe", "rehearse", "refresh"])
def test_a_job_of_any_kind_that_was_killed_closes_what_it_had_opened_and_asks_for_no_more(
    github: StandIn, spec: str, tmp_path: Path, kind: Kind
) -> None:
    home = github.repository("example/private", private=True)  # what is public may be read, and no permission is missed
    home.commit("the first")
    given = {"contents": "read", "issues": "write", "statuses": "write", "checks": "write"}
    given |= {"deployments": "write"} if kind == "prove" else {}
    job = Job(github, home, tmp_path, spec, permissions=given)
    sha = home.branches["main"]
    asked = Activity(sha, "killed", kind=kind)
    run_url = f"{github.server_url}/{home.full_name}/actions/runs/{job.environment['GITHUB_RUN_ID']}"
    publisher = (Publisher if asked.comments else GateAlone)(
        Client(github.url, github.token(home.full_name, given), home.full_name), asked, sha, "shop", "test", run_url
    )
    publisher.begin()
    assert publisher.done.denied == []
    saved = {"begun": "true", "state": str(tmp_path / "state"), "commit": sha, "service": "shop"}
    saved |= {"environment": "test", "publish": "true", "kind": kind, "check": str(publisher.check)}

    ended = job.run("post", **{f"STATE_{name}": value for name, value in saved.items()})

    assert ended.returncode == 0, ended.stdout
    assert "permissions" not in ended.stdout
    assert [each.state for each in home.statuses] == ["pending", "error"]
    assert [each.conclusion for each in home.check_runs.values()] == ["cancelled"]
    ends = [[one.state for one in each.statuses] for each in home.deployments.values()]
    assert ends == ([["in_progress", "error"]] if kind == "prove" else [])


def test_the_step_after_the_job_is_told_the_kind(github: StandIn, home: Repository, spec: str, tmp_path: Path) -> None:
    for number, event in enumerate(("push", "schedule")):
        job = Job(github, home, tmp_path / str(number), spec, event)
        job.run()
        state = Path(job.environment["GITHUB_STATE"]).read_text()
        assert ("refresh" in state) == (event == "schedule")
