"""Commits, what one stands on, the files of one, and the pull requests that brought it."""

import base64
import hashlib

from tests.github_stand_in.git import read_file
from tests.github_stand_in.people import user_view
from tests.github_stand_in.pulls import pull_view
from tests.github_stand_in.routing import Answer, Json, Refusal, Request, Site, not_found, operation, page
from tests.github_stand_in.state import Commit
from tests.github_stand_in.world import Repository


def commit_view(site: Site, repository: Repository, commit: Commit) -> Json:
    """A commit with its message and parents."""
    api = site.api(repository)
    person = {"name": commit.author, "email": commit.email, "date": commit.date}
    verification = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
    comments = [each for each in repository.comments.values() if each.sha == commit.sha]
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha[:20]}",
        "url": f"{api}/commits/{commit.sha}",
        "html_url": site.html(repository, f"/commit/{commit.sha}"),
        "comments_url": f"{api}/commits/{commit.sha}/comments",
        "commit": {
            "author": person,
            "committer": person,
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
            "url": f"{api}/git/commits/{commit.sha}",
            "comment_count": len(comments),
            "verification": verification,
        },
        "author": user_view(site, repository.owner),
        "committer": user_view(site, repository.owner),
        "parents": [
            {"sha": sha, "url": f"{api}/commits/{sha}", "html_url": site.html(repository, f"/commit/{sha}")}
            for sha in commit.parents
        ],
    }


def the_commit(request: Request, ref: str) -> Commit:
    """The commit that a request means; 422 in GitHub's words where there is none."""
    found = request.repository.find(ref)
    if found is None:
        raise Refusal(422, f"No commit found for SHA: {ref}")
    return found


@operation("repos/get-commit", "contents")
def _get(request: Request) -> Answer:
    commit = the_commit(request, request.path["ref"])
    nothing = {"stats": {"additions": 0, "deletions": 0, "total": 0}, "files": []}
    return Answer(200, commit_view(request.site, request.repository, commit) | nothing)


@operation("repos/list-commits", "contents")
def _list(request: Request) -> Answer:
    repository = request.repository
    tip = repository.find(request.query.get("sha", repository.default_branch))
    if tip is None:
        raise not_found()
    order = {sha: place for place, sha in enumerate(repository.commits)}
    every = sorted(repository.ancestors(tip.sha), key=lambda sha: order[sha], reverse=repository.git is None)
    return page(request, every, lambda sha: commit_view(request.site, repository, repository.commits[sha]))


@operation("repos/list-pull-requests-associated-with-commit", "pull_requests|contents")
def _pulls(request: Request) -> Answer:
    repository = request.repository
    sha = the_commit(request, request.path["commit_sha"]).sha

    def brought(number: int) -> bool:
        pull = repository.issues[number].pull
        return pull is not None and sha in (pull.head_sha, pull.merge_commit_sha, *pull.commits)

    numbers = [number for number in repository.issues if brought(number)]
    return page(request, numbers, lambda number: pull_view(request.site, repository, repository.issues[number]))


@operation("repos/compare-commits-with-basehead", "contents")
def _compare(request: Request) -> Answer:
    site, repository = request.site, request.repository
    base_name, dots, head_name = request.path["basehead"].partition("...")
    base, head = repository.find(base_name), repository.find(head_name)
    if not dots or base is None or head is None:
        raise not_found()
    below, above = repository.ancestors(base.sha), repository.ancestors(head.sha)
    common = below & above
    if not common:
        raise not_found()
    tips = [sha for sha in common if not any(sha in repository.commits[each].parents for each in common)]
    ahead, behind = above - below, below - above
    word = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}.get(
        (bool(ahead), bool(behind)), "diverged"
    )
    order = list(repository.commits)
    rows = sorted(ahead, key=order.index, reverse=repository.git is not None)
    size, number = min(request.query.get("per_page", 250), 250), request.query.get("page", 1)
    name = f"/compare/{base_name}...{head_name}"
    url = site.html(repository, name)
    return Answer(
        200,
        {
            "url": site.api(repository, name),
            "html_url": url,
            "permalink_url": url,
            "diff_url": f"{url}.diff",
            "patch_url": f"{url}.patch",
            "base_commit": commit_view(site, repository, base),
            "merge_base_commit": commit_view(site, repository, repository.commits[tips[0]]),
            "status": word,
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [
                commit_view(site, repository, repository.commits[sha])
                for sha in rows[(number - 1) * size : number * size]
            ],
            "files": [],
        },
    )


@operation("repos/get-content", "contents")
def _content(request: Request) -> Answer:
    site, repository, path = request.site, request.repository, request.path["path"]
    ref = request.query.get("ref", repository.default_branch)
    commit = repository.find(ref)
    if commit is None:
        raise Refusal(404, f"No commit found for the ref {ref}")
    content = read_file(repository.git, commit.sha, path) if repository.git else repository.files.get(path)
    if content is None:
        raise not_found()
    sha = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    url, html = site.api(repository, f"/contents/{path}?ref={ref}"), site.html(repository, f"/blob/{ref}/{path}")
    blob = site.api(repository, f"/git/blobs/{sha}")
    return Answer(
        200,
        {
            "type": "file",
            "encoding": "base64",
            "size": len(content),
            "name": path.rsplit("/", 1)[-1],
            "path": path,
            "content": base64.encodebytes(content).decode(),
            "sha": sha,
            "url": url,
            "git_url": blob,
            "html_url": html,
            "download_url": html.replace("/blob/", "/raw/"),
            "_links": {"self": url, "git": blob, "html": html},
        },
    )
