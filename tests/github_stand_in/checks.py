"""Check runs and their annotations: for apps only, as GitHub has it."""

from tests.github_stand_in.commits import the_commit
from tests.github_stand_in.people import app_view
from tests.github_stand_in.routing import Answer, Json, Refusal, Request, Site, not_found, operation, page
from tests.github_stand_in.state import CheckRun, now
from tests.github_stand_in.world import Repository


def check_view(site: Site, repository: Repository, check: CheckRun) -> Json:
    """One check run."""
    mine, html = site.api(repository, f"/check-runs/{check.id}"), site.html(repository, f"/runs/{check.id}")
    return {
        "id": check.id,
        "node_id": f"CR_{check.id}",
        "name": check.name,
        "head_sha": check.head_sha,
        "external_id": check.external_id,
        "url": mine,
        "html_url": html,
        "details_url": check.details_url or html,
        "status": check.status,
        "conclusion": check.conclusion,
        "started_at": check.started_at,
        "completed_at": check.completed_at,
        "output": {
            "title": check.title,
            "summary": check.summary,
            "text": check.text,
            "annotations_count": len(check.annotations),
            "annotations_url": f"{mine}/annotations",
        },
        "check_suite": {"id": int(check.head_sha[:7], 16)},
        "app": app_view(site),
        "pull_requests": [],
    }


def _for_apps(request: Request) -> None:
    if not request.by_app:
        raise Refusal(403, "You must authenticate via a GitHub App.")


def _the_check(request: Request) -> CheckRun:
    found = request.repository.check_runs.get(request.path["check_run_id"])
    if found is None:
        raise not_found()
    return found


def _take(check: CheckRun, body: dict[str, Json]) -> None:
    for name in ("name", "status", "conclusion", "external_id", "details_url", "started_at", "completed_at"):
        if name in body:
            setattr(check, name, body[name])
    if "conclusion" in body:
        if body["conclusion"] == "stale":
            raise Refusal(422, "Only GitHub can set the conclusion stale.")
        check.status, check.completed_at = "completed", body.get("completed_at", now())
    elif body.get("status") == "completed":
        raise Refusal(422, 'Invalid request.\n\n"conclusion" is required when "status" is "completed".')
    elif "status" in body:
        check.conclusion = check.completed_at = None
    check.actions = body.get("actions", check.actions)
    output = body.get("output", {})
    check.title = output.get("title", check.title)
    check.summary = output.get("summary", check.summary)
    check.text = output.get("text", check.text)
    # an update adds annotations to those that are there
    check.annotations += output.get("annotations", [])


@operation("checks/create", "checks", creates_content=True)
def _create(request: Request) -> Answer:
    _for_apps(request)
    body = request.body
    sha = the_commit(request, body["head_sha"]).sha
    check = CheckRun(id=request.world.number(), name=body["name"], head_sha=sha, started_at=now())
    _take(check, body)
    request.repository.check_runs[check.id] = check
    return Answer(201, check_view(request.site, request.repository, check))


@operation("checks/update", "checks")
def _update(request: Request) -> Answer:
    _for_apps(request)
    check = _the_check(request)
    _take(check, request.body)
    return Answer(200, check_view(request.site, request.repository, check))


@operation("checks/get", "checks")
def _get(request: Request) -> Answer:
    return Answer(200, check_view(request.site, request.repository, _the_check(request)))


@operation("checks/list-for-ref", "checks")
def _list(request: Request) -> Answer:
    repository, query = request.repository, request.query
    sha = the_commit(request, request.path["ref"]).sha
    rows = [
        each
        for each in sorted(repository.check_runs.values(), key=lambda each: each.id, reverse=True)
        if each.head_sha == sha
        and query.get("check_name") in (None, each.name)
        and query.get("status") in (None, each.status)
        and query.get("app_id") in (None, 15368)
    ]
    if query.get("filter", "latest") == "latest":
        # by the time at which it was completed, says GitHub; what is still open is newer than what is not
        newest: dict[str, CheckRun] = {}
        for each in sorted(rows, key=lambda each: (each.completed_at or "9", each.id), reverse=True):
            newest.setdefault(each.name, each)
        rows = list(newest.values())
    return page(request, rows, lambda each: check_view(request.site, repository, each), "check_runs")


@operation("checks/list-annotations", "checks")
def _annotations(request: Request) -> Answer:
    check = _the_check(request)

    def view(given: dict[str, Json]) -> Json:
        blank = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
        path = f"/blob/{check.head_sha}/{given['path']}"
        return blank | given | {"blob_href": request.site.html(request.repository, path)}

    return page(request, check.annotations, view)
