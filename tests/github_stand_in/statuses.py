"""Commit statuses: a history of which the newest of each context counts."""

from tests.github_stand_in.commits import the_commit
from tests.github_stand_in.limits import STATUS_CONTEXT, STATUS_DESCRIPTION, STATUSES_OF_A_CONTEXT
from tests.github_stand_in.people import minimal_repository, user_view
from tests.github_stand_in.routing import Answer, Json, Refusal, Request, Site, invalid, operation, page
from tests.github_stand_in.state import Status
from tests.github_stand_in.world import Repository


def status_view(site: Site, repository: Repository, status: Status) -> Json:
    """One status, without who made it."""
    return {
        "url": site.api(repository, f"/statuses/{status.sha}"),
        "avatar_url": f"{site.url}/avatars/{site.world.user(status.login).id}",
        "id": status.id,
        "node_id": f"SC_{status.id}",
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": status.created_at,
        "updated_at": status.created_at,
    }


def _whole(request: Request, status: Status) -> Json:
    creator = {"creator": user_view(request.site, status.login)}
    return status_view(request.site, request.repository, status) | creator


@operation("repos/create-commit-status", "statuses", creates_content=True)
def _create(request: Request) -> Answer:
    repository, body, sha = request.repository, request.body, request.path["sha"]
    if repository.find(sha) is None or len(sha) != 40:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    context, description = body.get("context", "default"), body.get("description")
    if description is not None and len(description) > STATUS_DESCRIPTION:
        message = f"description is too long (maximum is {STATUS_DESCRIPTION} characters)"
        raise invalid("Status", "description", message)
    if len(context) > STATUS_CONTEXT:
        raise invalid("Status", "context", f"context is too long (maximum is {STATUS_CONTEXT} characters)")
    if sum((each.sha, each.context) == (sha, context) for each in repository.statuses) >= STATUSES_OF_A_CONTEXT:
        raise invalid("Status", "context", "This SHA and context has reached the maximum number of statuses.")
    status = Status(
        id=request.world.number(),
        sha=sha,
        context=context,
        state=body["state"],
        description=description,
        target_url=body.get("target_url"),
        login=request.login,
    )
    repository.statuses.append(status)
    return Answer(201, _whole(request, status))


@operation("repos/list-commit-statuses-for-ref", "statuses")
def _list(request: Request) -> Answer:
    sha = the_commit(request, request.path["ref"]).sha
    rows = [each for each in reversed(request.repository.statuses) if each.sha == sha]
    return page(request, rows, lambda each: _whole(request, each))


@operation("repos/get-combined-status-for-ref", "statuses")
def _combined(request: Request) -> Answer:
    site, repository = request.site, request.repository
    sha = the_commit(request, request.path["ref"]).sha
    newest = {each.context: each for each in repository.statuses if each.sha == sha}
    states = {each.state for each in newest.values()}
    failed, waiting = states & {"error", "failure"}, "pending" in states or not states
    rows = page(request, newest.values(), lambda each: status_view(site, repository, each), "statuses")
    commit = site.api(repository, f"/commits/{sha}")
    return Answer(
        200,
        rows.body
        | {
            "state": "failure" if failed else "pending" if waiting else "success",
            "sha": sha,
            "repository": minimal_repository(site, repository),
            "commit_url": commit,
            "url": f"{commit}/status",
        },
        rows.headers,
    )
