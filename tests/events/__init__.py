"""Payloads of GitHub's events, and how a test loads one that fits its stand-in."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.github_stand_in.comments import comment_view
from tests.github_stand_in.commits import commit_view
from tests.github_stand_in.issues import issue_view
from tests.github_stand_in.people import full_repository, user_view
from tests.github_stand_in.pulls import full_pull
from tests.github_stand_in.routing import Site
from tests.github_stand_in.stand_in import StandIn
from tests.github_stand_in.state import Comment
from tests.github_stand_in.world import Repository

HERE = Path(__file__).parent
EVENTS = (
    "deployment_status",
    "issue_comment",
    "merge_group",
    "pull_request",
    "push",
    "repository_dispatch",
    "schedule",
    "workflow_dispatch",
)
NO_COMMIT = "0" * 40
Payload = dict[str, Any]


class Event(NamedTuple):
    """What a runner is told: the name of the event (GITHUB_EVENT_NAME), and its payload (GITHUB_EVENT_PATH)."""

    name: str
    payload: Payload


def load(
    name: str,
    github: StandIn | None = None,
    repository: Repository | None = None,
    *,
    number: int | None = None,
    sha: str | None = None,
    comment: Comment | None = None,
    **changes: Any,
) -> Event:
    """A payload (`push`, `pull_request_merged`, …: the files beside this one), as GitHub would have sent it.

    With a stand-in and one of its repositories, what the payload says of the repository, of the pull request or issue
    `number`, of the commit `sha` (what was pushed to the default branch, or deployed: its tip unless told; or a merge
    group's head) and of the `comment` is what
    the stand-in holds. `changes` replace fields at the payload's top, after that.
    """
    event = max((each for each in EVENTS if name.startswith(each)), key=len)
    payload: Payload = json.loads((HERE / f"{name}.json").read_text())
    if github is not None and repository is not None:
        site = github.site
        payload.pop("installation", None)
        payload.pop("organization", None)
        payload["repository"] |= full_repository(site, repository)
        if "sender" in payload:
            payload["sender"] = user_view(site, repository.owner)
        if event == "push":
            _fit_push(payload, site, repository, sha or repository.branches[repository.default_branch])
        if event == "workflow_dispatch":
            payload["ref"] = f"refs/heads/{repository.default_branch}"
        if event == "merge_group":
            _fit_group(payload, repository, sha)
        if event == "deployment_status":
            payload["deployment"]["sha"] = sha or repository.branches[repository.default_branch]
            payload["deployment"]["ref"] = repository.default_branch
        if number is not None:
            _fit_thread(payload, site, repository, number)
        if comment is not None:
            payload["comment"] = comment_view(site, repository, comment)
            payload["sender"] = user_view(site, comment.login)
    return Event(event, payload | changes)


def _fit_thread(payload: Payload, site: Site, repository: Repository, number: int) -> None:
    issue = repository.issues[number]
    if "pull_request" in payload:
        payload["pull_request"] |= full_pull(site, repository, issue)
        payload["number"] = number
    if "issue" in payload:
        payload["issue"] |= issue_view(site, repository, issue)
        if not issue.pull:
            payload["issue"].pop("pull_request", None)


def _fit_group(payload: Payload, repository: Repository, sha: str | None) -> None:
    default = repository.default_branch
    group = payload["merge_group"]
    group |= {
        "base_ref": f"refs/heads/{default}",
        "base_sha": repository.branches[default],
        "head_sha": sha or group["head_sha"],
    }
    group["head_ref"] = f"refs/heads/gh-readonly-queue/{default}/pr-104-{group['base_sha']}"


def _fit_push(payload: Payload, site: Site, repository: Repository, sha: str) -> None:
    commit = repository.find(sha)
    if commit is None:
        raise ValueError(f"{repository.full_name} has no commit {sha}")
    person = {"name": commit.author, "email": commit.email, "username": repository.owner}
    view = commit_view(site, repository, commit)
    before = commit.parents[0] if commit.parents else NO_COMMIT
    pushed = payload["commits"][0] | {
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": commit.date,
        "url": view["html_url"],
        "author": person,
        "committer": person,
    }
    payload |= {
        "ref": f"refs/heads/{repository.default_branch}",
        "before": before,
        "after": commit.sha,
        "created": before == NO_COMMIT,
        "compare": site.html(repository, f"/compare/{before[:12]}...{commit.sha[:12]}"),
        "head_commit": pushed,
        "commits": [pushed],
        "pusher": {"name": repository.owner, "email": commit.email},
    }
