"""Comments on issues and pull requests, and on commits."""

from tests.github_stand_in.commits import the_commit
from tests.github_stand_in.issues import not_too_long, the_issue
from tests.github_stand_in.people import app_view, association, user_view
from tests.github_stand_in.reactions import rollup, the_comment
from tests.github_stand_in.routing import Answer, Json, Request, Site, invalid, not_accessible, operation, page
from tests.github_stand_in.state import Comment, now
from tests.github_stand_in.world import Repository


def comment_view(site: Site, repository: Repository, comment: Comment) -> Json:
    """A comment; of a commit where it has a `sha`."""
    on_commit = comment.sha is not None
    mine = site.api(repository, f"/comments/{comment.id}" if on_commit else f"/issues/comments/{comment.id}")
    view = {
        "id": comment.id,
        "url": mine,
        "body": comment.body,
        "user": user_view(site, comment.login),
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "author_association": association(repository, comment.login),
        "reactions": rollup(f"{mine}/reactions", comment.reactions),
    }
    if comment.sha is not None:
        html = site.html(repository, f"/commit/{comment.sha}#commitcomment-{comment.id}")
        place = {"path": comment.path, "position": comment.position, "line": comment.line}
        return view | place | {"node_id": f"CC_{comment.id}", "html_url": html, "commit_id": comment.sha}
    assert comment.number is not None
    kind = "pull" if repository.issues[comment.number].pull else "issues"
    return view | {
        "node_id": f"IC_{comment.id}",
        "html_url": site.html(repository, f"/{kind}/{comment.number}#issuecomment-{comment.id}"),
        "issue_url": site.api(repository, f"/issues/{comment.number}"),
        "performed_via_github_app": app_view(site) if comment.app else None,
    }


def _view(request: Request, comment: Comment) -> Json:
    return comment_view(request.site, request.repository, comment)


@operation("issues/list-comments", "issues|pull_requests")
def _list(request: Request) -> Answer:
    since = request.query.get("since", "")
    rows = [each for each in request.repository.comments_on(the_issue(request).number) if each.updated_at >= since]
    return page(request, rows, lambda each: _view(request, each))


@operation("issues/create-comment", "issues|pull_requests", creates_content=True)
def _create(request: Request) -> Answer:
    issue = the_issue(request)
    _has_text("IssueComment", request.body["body"])
    comment = request.repository.comment(issue.number, request.body["body"], login=request.login)
    comment.app = request.by_app
    return Answer(201, _view(request, comment))


@operation("issues/get-comment", "issues|pull_requests")
def _get(request: Request) -> Answer:
    return Answer(200, _view(request, the_comment(request)))


@operation("issues/update-comment", "issues|pull_requests")
def _update(request: Request) -> Answer:
    return _changed(request, "IssueComment")


@operation("issues/delete-comment", "issues|pull_requests")
def _delete(request: Request) -> Answer:
    return _deleted(request)


@operation("repos/list-comments-for-commit")
def _list_of_commit(request: Request) -> Answer:
    sha = the_commit(request, request.path["commit_sha"]).sha
    rows = [each for each in request.repository.comments.values() if each.sha == sha]
    return page(request, rows, lambda each: _view(request, each))


@operation("repos/create-commit-comment", "contents:read", creates_content=True)
def _create_on_commit(request: Request) -> Answer:
    sha = the_commit(request, request.path["commit_sha"]).sha
    body = request.body
    _has_text("CommitComment", body["body"])
    comment = Comment(
        id=request.world.number(),
        login=request.login,
        body=body["body"],
        sha=sha,
        path=body.get("path"),
        position=body.get("position"),
        line=body.get("line"),
        app=request.by_app,
    )
    request.repository.comments[comment.id] = comment
    return Answer(201, _view(request, comment))


@operation("repos/get-commit-comment")
def _get_of_commit(request: Request) -> Answer:
    return Answer(200, _view(request, the_comment(request)))


@operation("repos/update-commit-comment", "contents")
def _update_of_commit(request: Request) -> Answer:
    return _changed(request, "CommitComment")


@operation("repos/delete-commit-comment", "contents")
def _delete_of_commit(request: Request) -> Answer:
    return _deleted(request)


def _has_text(resource: str, body: str) -> None:
    if not body.strip():
        raise invalid(resource, "data", "Body cannot be blank", code="unprocessable")
    not_too_long(resource, body)


def _mine(request: Request) -> Comment:
    # an author, or somebody who may write in the repository; a GITHUB_TOKEN may (it was let through by permission)
    comment = the_comment(request)
    role = request.repository.collaborators.get(request.login)
    if not (request.by_app or comment.login == request.login or role in ("admin", "maintain", "write")):
        raise not_accessible()
    return comment


def _changed(request: Request, resource: str) -> Answer:
    comment = _mine(request)
    _has_text(resource, request.body["body"])
    comment.body, comment.updated_at = request.body["body"], now()
    return Answer(200, _view(request, comment))


def _deleted(request: Request) -> Answer:
    del request.repository.comments[_mine(request).id]
    return Answer(204)
