"""A target's life over four pushes, each a run of the action as a runner starts it: one comment, one issue, one memory."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot import proof
from bot.github import deployments
from bot.github.client import Client
from bot.model import Verdict
from tests.finding import pick
from tests.github_stand_in import Repository, StandIn
from tests.integration.test_action import Job

SPEC = """version: 1
service: shop
environment: test
deploy: {{url: {{url: "{url}"}}}}
probes:
  health: {{http: GET /health, timed: false, expect: {{status: 200}}}}
  search: {{http: GET /search, timed: false, expect: {{status: 200}}}}
"""


class Shop(BaseHTTPRequestHandler):
    broken: set[str] = set()  # noqa: RUF012 - one shop a test, cleared by its fixture

    def do_GET(self) -> None:
        self.send_response(503 if self.path in self.broken else 200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@pytest.fixture
def url() -> Iterator[str]:
    Shop.broken = set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_target_from_its_first_break_to_the_next(github: StandIn, url: str, tmp_path: Path) -> None:
    home = github.repository("example/shop")
    issue = home.open_issue("The search is broken")

    def push(name: str, *broken: str) -> Job:
        Shop.broken = set(broken)
        job = Job(github, home, tmp_path / name, SPEC.format(url=url))
        ended = job.run()
        assert ended.returncode in (0, 1), ended.stdout + ended.stderr
        return job

    def verdict(job: Job) -> Verdict:
        return Verdict.from_json((job.workspace / ".stability-proof" / "verdict.json").read_bytes())

    first = push("1", "/search")
    assert first.said["verdict"] == "unstable"
    (check,) = home.check_runs.values()
    assert [(each["path"], each["start_line"]) for each in check.annotations] == [("stability.yml", 7)]

    pull = home.open_pull("Mend the search", f"Proof: #{issue.number}")
    home.merge(pull.number)
    second = push("2")
    assert second.said["verdict"] == "stable"
    since = verdict(second).since
    assert since is not None
    assert since.fixed == ("search/status",)
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    (shown,) = home.comments_on(issue.number)
    assert "1 fixed" in shown.body
    assert "Earlier verdicts" in shown.body
    client = Client(github.url, github.token(home.full_name), home.full_name)
    pinned = deployments.last_successful(client, "test", "shop")
    assert pinned is not None
    assert pinned["baseline"]["commit"] == home.branches["main"]
    kept = pick(home.artifacts.values(), lambda each: each.name.endswith("last-good"))
    assert pinned["baseline"]["digest"].encode() in home.content(kept)["run.json"]

    typo = home.open_issue("A typo in the docs")
    home.merge(home.open_pull("Mend the docs", f"Fixes #{typo.number}", head="docs").number)
    third = push("3")
    assert verdict(third).since is not None
    assert (issue.state, typo.state) == ("closed", "closed")

    home.commit("It breaks the search again")
    fourth = push("4", "/search")
    assert fourth.said["verdict"] == "unstable"
    assert (issue.state, issue.state_reason) == ("open", "reopened")
    assert typo.state == "closed", "nothing says that it is about the search"
    assert [each.sha for each in home.comments.values() if each.sha][-1] == home.branches["main"], (
        "the verdict is there too"
    )
    (again,) = home.comments_on(issue.number)
    assert again.id == shown.id
    assert "**No longer proven:**" in again.body
    assert "`search` is broken or worse" in again.body
    assert "1 new. New: `search/status`." in again.body.replace("): 1 new", "1 new")
    assert [each.verdict for each in (verdict(fourth).since.last, *verdict(fourth).since.earlier)] == [  # type: ignore[union-attr]
        "stable",
        "stable",
        "unstable",
    ]
    assert [each.statuses[-1].state for each in home.deployments.values()] == [
        "failure",
        "inactive",
        "success",
        "failure",
    ]

    home.commit("Nobody says that this mends the search")
    fifth = push("5")
    assert fifth.said["verdict"] == "stable"
    assert issue.state == "open", "somebody may have found more in it by now"
    (told,) = home.comments_on(issue.number)
    assert "**Holds again:**" in told.body
    assert "`search` holds again" in told.body
    assert "No longer proven" not in told.body
    there = [each.body for each in home.comments.values() if each.sha == home.branches["main"]]
    assert [f"#{issue.number}" in each.partition("## ")[0] for each in there] == [True]
    for job in (first, second, third, fourth, fifth):
        found = proof.verify(job.workspace / ".stability-proof" / "proof.zip")
        assert found.differences == ()


def test_a_job_that_was_killed_has_its_deployment_record_closed(github: StandIn, url: str, tmp_path: Path) -> None:
    home: Repository = github.repository("example/shop")
    job = Job(github, home, tmp_path, SPEC.format(url=url))
    sha = home.branches["main"]
    run_url = f"{github.url}/{home.full_name}/actions/runs/{job.environment['GITHUB_RUN_ID']}"
    client = Client(github.url, github.token(home.full_name), home.full_name)
    made = deployments.Deployments(client, sha, "shop", "test", run_url).begin()
    state = {
        "STATE_begun": "true",
        "STATE_state": str(tmp_path / "state"),
        "STATE_commit": sha,
        "STATE_service": "shop",
        "STATE_environment": "test",
        "STATE_publish": "true",
        "STATE_comments": "true",
    }
    assert job.run("post", **state).returncode == 0
    assert [each.state for each in home.deployments[made].statuses] == ["in_progress", "error"]
    assert home.statuses[-1].state == "error"


def test_a_github_that_lets_nobody_comment_for_an_hour_gets_all_else_and_the_verdict_is_saved(
    github: StandIn, url: str, tmp_path: Path
) -> None:
    home = github.repository("example/shop")
    job = Job(github, home, tmp_path, SPEC.format(url=url))
    github.fail("POST", "/comments$", times=99, status=403, retry_after=3600)

    ended = job.run()

    assert ended.returncode == 4
    assert "the comment on the commit" in ended.stdout
    assert "the verdict, first run, is in" in ended.stdout
    assert "FIRST RUN" in ended.stdout
    assert (job.said["verdict"], job.said["exit-code"]) == ("first run", "4")
    assert (job.workspace / job.said["proof-path"]).exists()
    assert home.statuses[-1].state == "success"
    assert [each.status for each in home.check_runs.values()] == ["completed"]
    assert job.run("post").returncode == 0
    assert home.statuses[-1].state == "success"
