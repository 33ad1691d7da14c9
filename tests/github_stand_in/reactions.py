"""Reactions to issues and comments: one of each kind from each account."""

from collections.abc import Callable

from tests.github_stand_in.people import user_view
from tests.github_stand_in.routing import Answer, Json, Request, Site, not_found, operation, page
from tests.github_stand_in.state import Comment, Reaction

CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def rollup(url: str, reactions: list[Reaction]) -> Json:
    """How many of each kind."""
    counts = {content: sum(each.content == content for each in reactions) for content in CONTENTS}
    return {"url": url, "total_count": len(reactions), **counts}


def reaction_view(site: Site, reaction: Reaction) -> Json:
    """One reaction."""
    return {
        "id": reaction.id,
        "node_id": f"REA_{reaction.id}",
        "user": user_view(site, reaction.login),
        "content": reaction.content,
        "created_at": reaction.created_at,
    }


def _to_issue(request: Request) -> list[Reaction]:
    issue = request.repository.issues.get(request.path["issue_number"])
    if issue is None:
        raise not_found()
    return issue.reactions


def _to_comment(request: Request) -> list[Reaction]:
    return the_comment(request).reactions


def the_comment(request: Request) -> Comment:
    """The comment that the path names."""
    comment = request.repository.comments.get(request.path["comment_id"])
    if comment is None or (comment.number is None) == ("/issues/comments/" in request.url):
        raise not_found()
    return comment


def _offer(name: str, permission: str, reactions: Callable[[Request], list[Reaction]]) -> None:
    @operation(f"reactions/create-for-{name}", permission, creates_content=True)
    def create(request: Request) -> Answer:
        found, login, content = reactions(request), request.login, request.body["content"]
        for each in found:
            if (each.login, each.content) == (login, content):
                return Answer(200, reaction_view(request.site, each))
        found.append(Reaction(id=request.world.number(), login=login, content=content))
        return Answer(201, reaction_view(request.site, found[-1]))

    @operation(f"reactions/list-for-{name}", permission)
    def list_all(request: Request) -> Answer:
        wanted = request.query.get("content")
        rows = [each for each in reactions(request) if wanted in (None, each.content)]
        return page(request, rows, lambda each: reaction_view(request.site, each))


_offer("issue", "issues|pull_requests", _to_issue)
_offer("issue-comment", "issues|pull_requests", _to_comment)
_offer("commit-comment", "contents", _to_comment)


@operation("reactions/delete-for-issue-comment", "issues|pull_requests")
def _delete(request: Request) -> Answer:
    reactions = _to_comment(request)
    for each in reactions:
        if each.id == request.path["reaction_id"]:
            reactions.remove(each)
            return Answer(204)
    raise not_found()
