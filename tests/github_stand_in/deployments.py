"""Deployments and their statuses."""

from tests.github_stand_in.limits import DEPLOYMENT_DESCRIPTION
from tests.github_stand_in.people import app_view, user_view
from tests.github_stand_in.routing import Answer, Json, Refusal, Request, Site, invalid, not_found, operation, page
from tests.github_stand_in.state import ROBOT, Deployment, DeploymentStatus
from tests.github_stand_in.world import Repository


def deployment_view(site: Site, repository: Repository, deployment: Deployment) -> Json:
    """One deployment."""
    mine = site.api(repository, f"/deployments/{deployment.id}")
    return {
        "url": mine,
        "id": deployment.id,
        "node_id": f"DE_{deployment.id}",
        "sha": deployment.sha,
        "ref": deployment.ref,
        "task": deployment.task,
        "payload": deployment.payload,
        "original_environment": deployment.environment,
        "environment": deployment.environment,
        "description": deployment.description,
        "creator": user_view(site, deployment.login),
        "created_at": deployment.created_at,
        "updated_at": deployment.statuses[-1].created_at if deployment.statuses else deployment.created_at,
        "statuses_url": f"{mine}/statuses",
        "repository_url": site.api(repository),
        "transient_environment": deployment.transient,
        "production_environment": deployment.production,
        "performed_via_github_app": app_view(site) if deployment.login == ROBOT else None,
    }


def status_view(site: Site, repository: Repository, deployment: Deployment, status: DeploymentStatus) -> Json:
    """One status of a deployment."""
    of = site.api(repository, f"/deployments/{deployment.id}")
    return {
        "url": f"{of}/statuses/{status.id}",
        "id": status.id,
        "node_id": f"DES_{status.id}",
        "state": status.state,
        "creator": user_view(site, status.login),
        "description": status.description,
        "environment": status.environment,
        "target_url": status.log_url,
        "log_url": status.log_url,
        "environment_url": status.environment_url,
        "created_at": status.created_at,
        "updated_at": status.created_at,
        "deployment_url": of,
        "repository_url": site.api(repository),
        "performed_via_github_app": app_view(site) if status.login == ROBOT else None,
    }


def _the_deployment(request: Request) -> Deployment:
    found = request.repository.deployments.get(request.path["deployment_id"])
    if found is None:
        raise not_found()
    return found


def _not_too_long(resource: str, description: str | None) -> None:
    if description is not None and len(description) > DEPLOYMENT_DESCRIPTION:
        message = f"description is too long (maximum is {DEPLOYMENT_DESCRIPTION} characters)"
        raise invalid(resource, "description", message)


@operation("repos/create-deployment", "deployments", creates_content=True)
def _create(request: Request) -> Answer:
    repository, body = request.repository, request.body
    ref = body["ref"]
    commit = repository.find(ref)
    if commit is None:
        raise Refusal(422, f"No ref found for: {ref}")
    _not_too_long("Deployment", body.get("description"))
    tip = repository.branches[repository.default_branch]
    # unless told not to, GitHub merges the default branch into a branch that lacks it, and deploys nothing
    if body.get("auto_merge", True) and ref in repository.branches and tip not in repository.ancestors(commit.sha):
        repository.commit(
            f"Merge {repository.default_branch} into {ref}", branch=ref, parents=[repository.branches[ref], tip]
        )
        return Answer(202, {"message": f"Auto-merged {repository.default_branch} into {ref} on deployment."})
    _contexts_hold(repository, commit.sha, ref, body.get("required_contexts"))
    environment = body.get("environment", "production")
    made = Deployment(
        id=request.world.number(),
        sha=commit.sha,
        ref=ref,
        task=body.get("task", "deploy"),
        environment=environment,
        payload=body.get("payload", {}),
        description=body.get("description"),
        production=body.get("production_environment", environment == "production"),
        transient=body.get("transient_environment", False),
        login=request.login,
    )
    repository.deployments[made.id] = made
    return Answer(201, deployment_view(request.site, repository, made))


def _contexts_hold(repository: Repository, sha: str, ref: str, required: list[str] | None) -> None:
    newest: dict[str, str] = {each.context: each.state for each in repository.statuses if each.sha == sha}
    newest |= {
        each.name: each.conclusion or "pending" for each in repository.check_runs.values() if each.head_sha == sha
    }
    wanted = newest if required is None else required
    if failed := [name for name in wanted if newest.get(name) != "success"]:
        errors = [
            {"contexts": name, "resource": "Deployment", "field": "required_contexts", "code": "invalid"}
            for name in failed
        ]
        raise Refusal(409, f"Conflict: Commit status checks failed for {ref}.", *errors)


@operation("repos/get-deployment", "deployments")
def _get(request: Request) -> Answer:
    return Answer(200, deployment_view(request.site, request.repository, _the_deployment(request)))


@operation("repos/list-deployments", "deployments")
def _list(request: Request) -> Answer:
    query = request.query
    rows = [
        each
        for each in sorted(request.repository.deployments.values(), key=lambda each: each.id, reverse=True)
        if all(query.get(name, "none") in ("none", getattr(each, name)) for name in ("sha", "ref", "task"))
        and query.get("environment") in (None, "none", each.environment)
    ]
    return page(request, rows, lambda each: deployment_view(request.site, request.repository, each))


@operation("repos/create-deployment-status", "deployments", creates_content=True)
def _create_status(request: Request) -> Answer:
    repository, body, deployment = request.repository, request.body, _the_deployment(request)
    _not_too_long("DeploymentStatus", body.get("description"))
    if body["state"] == "success" and body.get("auto_inactive", True):
        _retire_others(request, deployment)
    status = _add(request, deployment, body["state"])
    status.description = body.get("description", "")
    status.log_url = body.get("log_url") or body.get("target_url", "")
    status.environment_url = body.get("environment_url", "")
    if "environment" in body:
        deployment.environment = status.environment = body["environment"]
    return Answer(201, status_view(request.site, repository, deployment, status))


def _add(request: Request, deployment: Deployment, state: str) -> DeploymentStatus:
    status = DeploymentStatus(
        id=request.world.number(),
        state=state,
        description="",
        log_url="",
        environment=deployment.environment,
        environment_url="",
        login=request.login,
    )
    deployment.statuses.append(status)
    return status


def _retire_others(request: Request, deployment: Deployment) -> None:
    for each in request.repository.deployments.values():
        ended = each.statuses and each.statuses[-1].state == "success"
        # prior ones only, as GitHub has it
        same = each.environment == deployment.environment and each.id < deployment.id
        if ended and same and not (each.transient or each.production):
            _add(request, each, "inactive")


@operation("repos/list-deployment-statuses", "deployments")
def _statuses(request: Request) -> Answer:
    deployment = _the_deployment(request)
    return page(
        request,
        deployment.statuses[::-1],
        lambda each: status_view(request.site, request.repository, deployment, each),
    )


@operation("repos/get-deployment-status", "deployments")
def _status(request: Request) -> Answer:
    deployment = _the_deployment(request)
    for each in deployment.statuses:
        if each.id == request.path["status_id"]:
            return Answer(200, status_view(request.site, request.repository, deployment, each))
    raise not_found()
