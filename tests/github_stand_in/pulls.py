"""Pull requests, as the API shows them."""

from tests.github_stand_in.issues import label_view
from tests.github_stand_in.people import association, full_repository, user_view
from tests.github_stand_in.routing import Answer, Json, Request, Site, not_found, operation, page
from tests.github_stand_in.state import Issue
from tests.github_stand_in.world import Repository


def pull_view(site: Site, repository: Repository, issue: Issue) -> Json:
    """A pull request, as lists show it."""
    pull = issue.pull
    assert pull is not None
    api, html = site.api(repository), site.html(repository, f"/pull/{issue.number}")
    mine, thread = f"{api}/pulls/{issue.number}", f"{api}/issues/{issue.number}"
    fork = site.world.repositories.get(pull.head_repository) if pull.head_repository else None
    owner = pull.head_repository.split("/")[0] if pull.head_repository else repository.owner
    links = {
        "self": mine,
        "html": html,
        "issue": thread,
        "comments": f"{thread}/comments",
        "review_comments": f"{mine}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{mine}/commits",
        "statuses": f"{api}/statuses/{pull.head_sha}",
    }
    return {
        "url": mine,
        "id": issue.id,
        "node_id": f"PR_{issue.id}",
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": links["issue"],
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "_links": {name: {"href": url} for name, url in links.items()},
        "number": issue.number,
        "state": issue.state,
        "locked": issue.locked,
        "active_lock_reason": None,
        "title": issue.title,
        "user": user_view(site, issue.login),
        "body": issue.body,
        "labels": [label_view(site, repository, name) for name in issue.labels],
        "milestone": None,
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": pull.draft,
        "auto_merge": None,
        "author_association": association(repository, issue.login),
        "head": {
            "label": f"{owner}:{pull.head}",
            "ref": pull.head,
            "sha": pull.head_sha,
            "user": user_view(site, owner),
            # null once the fork is gone, as GitHub has it
            "repo": full_repository(site, fork) if fork else None,
        },
        "base": {
            "label": f"{repository.owner}:{pull.base}",
            "ref": pull.base,
            "sha": pull.base_sha,
            "user": user_view(site, repository.owner),
            "repo": full_repository(site, repository),
        },
    }


def full_pull(site: Site, repository: Repository, issue: Issue) -> Json:
    """A pull request with whether and by whom it was merged."""
    pull = issue.pull
    assert pull is not None
    comments = len(repository.comments_on(issue.number))
    return pull_view(site, repository, issue) | {
        "merged": pull.merged,
        "mergeable": None if pull.merged else True,
        "rebaseable": None if pull.merged else True,
        "mergeable_state": "unknown" if pull.merged else "clean",
        "merged_by": user_view(site, pull.merged_by) if pull.merged_by else None,
        "comments": comments,
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(pull.commits),
        "additions": 1,
        "deletions": 0,
        "changed_files": 1,
    }


@operation("pulls/get", "pull_requests")
def _get(request: Request) -> Answer:
    repository = request.repository
    issue = repository.issues.get(request.path["pull_number"])
    if issue is None or issue.pull is None:
        raise not_found()
    return Answer(200, full_pull(request.site, repository, issue))


@operation("pulls/list", "pull_requests")
def _list(request: Request) -> Answer:
    repository, query = request.repository, request.query

    def wanted(issue: Issue) -> bool:
        if issue.pull is None or query.get("state", "open") not in (issue.state, "all"):
            return False
        owner = (issue.pull.head_repository or "").split("/")[0]
        return query.get("base") in (None, issue.pull.base) and query.get("head") in (
            None,
            f"{owner}:{issue.pull.head}",
        )

    every = sorted(filter(wanted, repository.issues.values()), key=lambda each: each.number)
    ascending = query.get("direction", "desc" if query.get("sort", "created") == "created" else "asc") == "asc"
    return page(request, every if ascending else every[::-1], lambda each: pull_view(request.site, repository, each))
