"""Issues and their labels. A pull request is one too."""

import hashlib

from tests.github_stand_in.limits import BODY
from tests.github_stand_in.people import app_view, association, user_view
from tests.github_stand_in.reactions import rollup
from tests.github_stand_in.routing import Answer, Json, Request, Site, invalid, not_found, operation, page
from tests.github_stand_in.state import ROBOT, Issue, now
from tests.github_stand_in.world import Repository


def issue_view(site: Site, repository: Repository, issue: Issue) -> Json:
    """An issue; with `pull_request` when it is one."""
    mine = site.api(repository, f"/issues/{issue.number}")
    kind = "pull" if issue.pull else "issues"
    html = site.html(repository, f"/{kind}/{issue.number}")
    view = {
        "id": issue.id,
        "node_id": f"I_{issue.id}",
        "url": mine,
        "repository_url": site.api(repository),
        "labels_url": f"{mine}/labels{{/name}}",
        "comments_url": f"{mine}/comments",
        "events_url": f"{mine}/events",
        "timeline_url": f"{mine}/timeline",
        "html_url": html,
        "number": issue.number,
        "state": issue.state,
        "state_reason": issue.state_reason,
        "title": issue.title,
        "body": issue.body,
        "user": user_view(site, issue.login),
        "labels": [label_view(site, repository, name) for name in issue.labels],
        "assignee": user_view(site, issue.assignees[0]) if issue.assignees else None,
        "assignees": [user_view(site, each) for each in issue.assignees],
        "milestone": None,
        "locked": issue.locked,
        "active_lock_reason": None,
        "comments": len(repository.comments_on(issue.number)),
        "closed_at": issue.closed_at,
        "closed_by": user_view(site, issue.closed_by) if issue.closed_by else None,
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "author_association": association(repository, issue.login),
        "performed_via_github_app": app_view(site) if issue.login == ROBOT else None,
        "reactions": rollup(f"{mine}/reactions", issue.reactions),
    }
    if issue.pull:
        pull = site.api(repository, f"/pulls/{issue.number}")
        links = {"url": pull, "html_url": html, "diff_url": f"{html}.diff", "patch_url": f"{html}.patch"}
        view["pull_request"] = links | {"merged_at": issue.pull.merged_at}
        view["draft"] = issue.pull.draft
    return view


def label_view(site: Site, repository: Repository, name: str) -> Json:
    """A label; its number and colour follow from its name."""
    number = int(hashlib.sha1(name.encode()).hexdigest()[:8], 16)
    return {
        "id": number,
        "node_id": f"LA_{number}",
        "url": site.api(repository, f"/labels/{name}"),
        "name": name,
        "description": None,
        "color": f"{number % 0xFFFFFF:06x}",
        "default": False,
    }


def the_issue(request: Request) -> Issue:
    """The issue (or pull request) that the path names."""
    issue = request.repository.issues.get(request.path["issue_number"])
    if issue is None:
        raise not_found()
    return issue


def not_too_long(resource: str, body: str | None) -> None:
    """Refuse a body as GitHub does."""
    if body is not None and len(body) > BODY:
        message = f"Body is too long (maximum is {BODY} characters)"
        raise invalid(resource, "data", message, code="unprocessable")


@operation("issues/get", "issues|pull_requests")
def _get(request: Request) -> Answer:
    return Answer(200, issue_view(request.site, request.repository, the_issue(request)))


@operation("issues/list-for-repo", "issues|pull_requests")
def _list(request: Request) -> Answer:
    repository, query = request.repository, request.query
    labels = set(filter(None, query.get("labels", "").split(",")))
    every = [
        each
        for each in sorted(repository.issues.values(), key=lambda each: each.number, reverse=True)
        if query.get("state", "open") in (each.state, "all")
        and labels <= set(each.labels)
        and query.get("since", "") <= each.updated_at
        and query.get("creator") in (None, each.login)
    ]
    return page(request, every, lambda each: issue_view(request.site, repository, each))


@operation("issues/create", "issues", creates_content=True)
def _create(request: Request) -> Answer:
    body = request.body
    not_too_long("Issue", body.get("body"))
    issue = request.repository.open_issue(str(body["title"]), body.get("body") or "", login=request.login)
    issue.labels = _names(body.get("labels", []))
    return Answer(201, issue_view(request.site, request.repository, issue))


@operation("issues/update", "issues|pull_requests")
def _update(request: Request) -> Answer:
    issue, body = the_issue(request), request.body
    not_too_long("Issue", body.get("body"))
    if "title" in body:
        issue.title = str(body["title"])
    if "body" in body:
        issue.body = body["body"]
    if "labels" in body:
        issue.labels = _names(body["labels"])
    if "assignees" in body:
        issue.assignees = body["assignees"]
    # GitHub ignores the reason unless the state changes
    reason = body.get("state_reason")
    if body.get("state") == "closed":
        issue.close(None if reason in (None, "reopened") else reason, request.login)
    elif body.get("state") == "open":
        if issue.pull and issue.pull.merged:
            raise invalid("PullRequest", "state", "state cannot be changed. The pull request was merged.", "invalid")
        issue.reopen()
    issue.updated_at = now()
    return Answer(200, issue_view(request.site, request.repository, issue))


@operation("issues/list-labels-on-issue", "issues|pull_requests")
def _labels(request: Request) -> Answer:
    return page(request, the_issue(request).labels, lambda name: label_view(request.site, request.repository, name))


@operation("issues/add-labels", "issues|pull_requests")
def _add_labels(request: Request) -> Answer:
    issue = the_issue(request)
    given = request.body.get("labels", request.body.get("") or [])
    issue.labels = list(dict.fromkeys([*issue.labels, *_names(given)]))
    return Answer(200, [label_view(request.site, request.repository, name) for name in issue.labels])


@operation("issues/remove-label", "issues|pull_requests")
def _remove_label(request: Request) -> Answer:
    issue = the_issue(request)
    if request.path["name"] not in issue.labels:
        raise not_found()
    issue.labels.remove(request.path["name"])
    return Answer(200, [label_view(request.site, request.repository, name) for name in issue.labels])


def _names(labels: list[Json]) -> list[str]:
    return [each if isinstance(each, str) else each["name"] for each in labels]
