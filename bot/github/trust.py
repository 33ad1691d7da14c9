"""Which artifacts are this repository's own: pure rules over what GitHub says of one and of its workflow run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LARGEST = 80 * 1024 * 1024
TRUSTED_EVENTS = frozenset(
    {"push", "schedule", "workflow_dispatch", "repository_dispatch", "issue_comment", "deployment_status"}
)
"""Events whose runs GitHub records under the branch that they ran on, and whose workflow file is of that branch.

A run of `pull_request` or `pull_request_target` is recorded under the pull request's branch and repository, so that one
of a fork's branch `main` looks like ours; one of `merge_group` is of a commit that is on no branch yet; `workflow_run`
follows on any of these. (docs.github.com, "Events that trigger workflows"; "Secure use reference".)
"""


def unkept(event: str, ref: str, default_branch: str) -> str | None:
    """Why no artifact of a run that this event started is ever a baseline (`refusal`); None where it can be one.

    `ref` is GITHUB_REF. It is empty where a deployment's `ref` is a commit; the run has no branch then.
    """
    if event in ("pull_request", "pull_request_target"):
        return (
            f"GitHub records a run of {event} under the pull request's branch, where nobody can tell it from a fork's"
        )
    if event == "deployment_status" and ref != f"refs/heads/{default_branch}":
        return f"GitHub records the run of a deployment under its `ref`, and that is not the branch {default_branch}"
    return None


@dataclass(frozen=True)
class Home:
    """What this repository and this workflow are, against which an artifact is held."""

    repository_id: int
    default_branch: str
    workflow_path: str
    head: str


def refusal(artifact: Mapping[str, Any], run: Mapping[str, Any], home: Home) -> str | None:
    """Why an artifact is not to be trusted; None when it is. Whether its commit is an ancestor is asked apart.

    The artifacts of forks are in the same list: one of them may have any name, and any branch.
    """
    where = artifact.get("workflow_run") or {}
    if why := foreign(artifact, home):
        return why
    if run.get("event") not in TRUSTED_EVENTS:
        return f"its run was started by {run.get('event')!r}"
    if where.get("head_branch") != home.default_branch or run.get("head_branch") != home.default_branch:
        return "its run was not on the default branch"
    if not home.workflow_path:
        return "which workflow this is, is not known (GITHUB_WORKFLOW_REF), and another one may have made it"
    if str(run.get("path", "")).partition("@")[0] != home.workflow_path:
        return "another workflow made it"
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(artifact.get("digest") or "")):
        return "GitHub knows no digest of it"
    size = int(artifact.get("size_in_bytes") or 0)
    if not 0 < size <= LARGEST:
        return "it is too large" if size else "it is empty"
    return None


def foreign(artifact: Mapping[str, Any], home: Home) -> str | None:
    """What the list alone says against an artifact: its run need not be asked for."""
    where = artifact.get("workflow_run") or {}
    if artifact.get("expired"):
        return "it has expired"
    if not where.get("repository_id") == where.get("head_repository_id") == home.repository_id:
        return "it comes from a fork"
    return None
