"""Workflow runs and the artifacts that they left, as the REST interface shows them."""

from datetime import UTC, datetime

from tests.github_stand_in.blobs import signed_url
from tests.github_stand_in.people import minimal_repository, user_view
from tests.github_stand_in.routing import (
    Answer,
    Json,
    Refusal,
    Request,
    Site,
    not_accessible,
    not_found,
    operation,
    page,
)
from tests.github_stand_in.state import Artifact, WorkflowRun
from tests.github_stand_in.world import Repository


def run_view(site: Site, repository: Repository, run: WorkflowRun) -> Json:
    """One run of a workflow."""
    mine, html = site.api(repository, f"/actions/runs/{run.id}"), site.html(repository, f"/actions/runs/{run.id}")
    head = site.world.repositories.get(run.head_repository, repository)
    commit = repository.find(run.head_sha) or head.find(run.head_sha)
    person = commit and {"name": commit.author, "email": commit.email}
    workflow = sum(run.path.encode())
    return {
        "id": run.id,
        "node_id": f"WFR_{run.id}",
        "name": "Stability",
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.path,
        "display_title": commit.message.splitlines()[0] if commit else "Stability",
        "run_number": 1,
        "run_attempt": run.attempt,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": workflow,
        "check_suite_id": run.id + 1,
        "check_suite_node_id": f"CS_{run.id + 1}",
        "url": mine,
        "html_url": html,
        "pull_requests": [],
        "created_at": run.created_at,
        "updated_at": run.created_at,
        "run_started_at": run.created_at,
        "actor": user_view(site, run.login),
        "triggering_actor": user_view(site, run.login),
        "jobs_url": f"{mine}/jobs",
        "logs_url": f"{mine}/logs",
        "check_suite_url": site.api(repository, f"/check-suites/{run.id + 1}"),
        "artifacts_url": f"{mine}/artifacts",
        "cancel_url": f"{mine}/cancel",
        "rerun_url": f"{mine}/rerun",
        "previous_attempt_url": None,
        "workflow_url": site.api(repository, f"/actions/workflows/{workflow}"),
        "head_commit": commit
        and {
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": commit.date,
            "author": person,
            "committer": person,
        },
        "repository": minimal_repository(site, repository),
        "head_repository": minimal_repository(site, head),
    }


def artifact_view(site: Site, repository: Repository, artifact: Artifact) -> Json:
    """One artifact. What run it is of is not said here but for these few facts."""
    mine, run = site.api(repository, f"/actions/artifacts/{artifact.id}"), repository.runs[artifact.run]
    head = site.world.repositories.get(run.head_repository, repository)
    return {
        "id": artifact.id,
        "node_id": f"A_{artifact.id}",
        "name": artifact.name,
        "size_in_bytes": artifact.size,
        "url": mine,
        "archive_download_url": f"{mine}/zip",
        "expired": expired(artifact),
        "digest": artifact.digest,
        "created_at": artifact.created_at,
        "updated_at": artifact.created_at,
        "expires_at": artifact.expires_at,
        "workflow_run": {
            "id": run.id,
            "repository_id": repository.id,
            "head_repository_id": head.id,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
        },
    }


def expired(artifact: Artifact) -> bool:
    """Whether it was kept as long as it was to be."""
    return datetime.fromisoformat(artifact.expires_at) <= datetime.now(UTC)


def _there(request: Request) -> list[Artifact]:
    """What can be seen, the newest first."""
    every = sorted(request.repository.artifacts.values(), key=lambda each: each.id, reverse=True)
    name = request.query.get("name")
    return [each for each in every if each.final and not each.deleted and name in (None, each.name)]


def _the_artifact(request: Request) -> Artifact:
    found = request.repository.artifacts.get(request.path["artifact_id"])
    if found is None or found.deleted or not found.final:
        raise not_found()
    return found


@operation("actions/get-workflow-run", "actions")
def _run(request: Request) -> Answer:
    run = request.repository.runs.get(request.path["run_id"])
    if run is None:
        raise not_found()
    return Answer(200, run_view(request.site, request.repository, run))


@operation("actions/list-artifacts-for-repo", "actions")
def _list(request: Request) -> Answer:
    rows = _there(request)
    return page(request, rows, lambda each: artifact_view(request.site, request.repository, each), "artifacts")


@operation("actions/list-workflow-run-artifacts", "actions")
def _list_of_run(request: Request) -> Answer:
    rows = [each for each in _there(request) if each.run == request.path["run_id"]]
    return page(request, rows, lambda each: artifact_view(request.site, request.repository, each), "artifacts")


@operation("actions/get-artifact", "actions")
def _get(request: Request) -> Answer:
    return Answer(200, artifact_view(request.site, request.repository, _the_artifact(request)))


@operation("actions/delete-artifact", "actions")
def _delete(request: Request) -> Answer:
    _the_artifact(request).deleted = True
    return Answer(204)


@operation("actions/download-artifact", "actions")
def _download(request: Request) -> Answer:
    # unlike the list, the content of an artifact is never for just anybody
    if request.login and request.token and request.by_app and not request.token.may("actions", "read"):
        raise not_accessible()
    artifact = _the_artifact(request)
    if request.path["archive_format"] != "zip":
        raise Refusal(415, "Only the archive format zip is supported.")
    if expired(artifact):
        raise Refusal(410, "Artifact has expired")
    # the address is good for a minute, and for anybody: it takes no token
    return Answer(302, None, {"Location": signed_url(request.site, artifact.blob, write=False)})
