"""How often the whole action asks GitHub for one verdict: with its baseline, ten linked issues and its proof."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.github_stand_in import Recorded, Repository, StandIn
from tests.integration.jobs import SPEC, Job, answering

ISSUES = 10
SERVICES = ("/twirp/", "/blobs/")
"""The artifact service and its store have limits of their own: what is left is what GitHub's API counts."""
WRITES = (
    r"/statuses/\w+|/check-runs(/\d+)?|/issues/\d+(/comments)?|/issues/comments/\d+"
    r"|/deployments(/\d+/statuses)?|/git/(blobs|trees|commits)"
)
"""All that a verdict is written by, and nothing that some workflow would have to follow on."""
DATA = "stability-proof-data"


def merged(home: Repository, comments: int = 0) -> None:
    numbers = [home.open_issue(f"Broken in {each} places").number for each in range(ISSUES)]
    home.merge(home.open_pull("Mend it", "\n".join(f"Fixes #{each}" for each in numbers)).number)
    for each in home.issues:
        for _ in range(comments):
            old = home.comment(each, "and another thing")
            old.created_at = old.updated_at = "2026-01-01T00:00:00Z"


def starts_nothing(asked: Recorded) -> bool:
    """Whether it is no pull request, no tag, no dispatch, and no commit but on the branch for data."""
    if asked.method == "GET" or asked.path.startswith(SERVICES):
        return True
    if asked.path.endswith("/graphql"):
        return "mutation" not in str(asked.body)
    path = asked.path.removeprefix("/repos/example/shop")
    if re.fullmatch(rf"/git/refs(/heads/{DATA})?", path):
        return DATA in f"{path}{asked.body}"
    return re.fullmatch(WRITES, path) is not None


@pytest.mark.parametrize("closes", [True, False], ids=["closed at the merge", "still open"])
@pytest.mark.parametrize("baseline", ["artifact", "branch"])
def test_a_verdict_with_ten_linked_issues_takes_fewer_than_a_hundred_calls(
    github: StandIn, tmp_path: Path, baseline: str, closes: bool
) -> None:
    """Trap 19: what a job's token pushes or opens starts no workflow, so that nothing here may be in want of one."""
    home = github.repository("example/shop")
    home.auto_close = closes
    home.commit("the first")
    with answering() as url:
        spec = SPEC.format(url=url, status=200)
        assert Job(github, home, tmp_path / "1", spec, baseline=baseline).run().returncode == 0
        merged(home)
        before = len(github.requests)
        job = Job(github, home, tmp_path / "2", spec, baseline=baseline)
        ended = job.run()

    assert job.said["verdict"] == "stable", ended.stdout
    asked = github.requests[before:]
    assert len(asked) < 100
    assert sum(not each.path.startswith(SERVICES) for each in asked) < 90
    assert all(issue.state == "closed" for issue in home.issues.values())
    assert len(home.comments) == ISSUES + 2
    blobs = Counter(each.path for each in asked if each.method == "GET" and each.path.startswith("/blobs/"))
    assert set(blobs.values()) <= {1}, "an artifact is fetched once"
    # once to see which there are, and once more to see that nobody else has put one there since
    lists = Counter(each.path for each in asked if each.method == "POST" and each.path.endswith("/graphql"))
    assert sum(lists.values()) == 3, "which issues are linked, who we are, and what we said are asked once each"
    assert [f"{each.method} {each.path}" for each in asked if not starts_nothing(each)] == []


def test_busy_threads_take_no_more(github: StandIn, tmp_path: Path) -> None:
    home = github.repository("example/shop")
    home.commit("the first")
    with answering() as url:
        spec = SPEC.format(url=url, status=200)
        assert Job(github, home, tmp_path / "1", spec).run().returncode == 0
        merged(home, comments=350)
        before = len(github.requests)
        assert Job(github, home, tmp_path / "2", spec).run().returncode == 0
        asked = github.requests[before:]
        assert len(asked) < 100
        assert len(home.comments) == 351 * (ISSUES + 1) + 1
        before = len(github.requests)
        assert Job(github, home, tmp_path / "3", spec).run().returncode == 0

    assert len(github.requests[before:]) < 100
    assert len(home.comments) == 351 * (ISSUES + 1) + 1


def test_when_another_run_of_the_commit_is_under_way_it_is_fewer_than_a_hundred_of_githubs_api(
    github: StandIn, tmp_path: Path
) -> None:
    """The verdict is then written twice: what the other one wrote meanwhile is put right."""
    home = github.repository("example/shop")
    home.commit("the first")
    with answering() as url:
        spec = SPEC.format(url=url, status=200)
        assert Job(github, home, tmp_path / "1", spec).run().returncode == 0
        merged(home)
        first = home.statuses[-1]
        other = first.model_copy(
            update={
                "id": github.world.number(),
                "sha": home.branches["main"],
                "state": "pending",
                "target_url": f"{github.server_url}/example/shop/actions/runs/1",
            }
        )
        home.statuses.append(other)
        before = len(github.requests)
        ended = Job(github, home, tmp_path / "2", spec).run()

    assert ended.returncode == 0, ended.stdout
    asked = [each for each in github.requests[before:] if not each.path.startswith(SERVICES)]
    assert len(asked) < 100
    assert len(home.comments) == ISSUES + 2
