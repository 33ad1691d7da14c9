"""Which commit a comment is about: the merge commit of its pull request, or of the one that closed its issue."""

from typing import TYPE_CHECKING, Any, NamedTuple

from bot.github.client import Client, Missing
from bot.github.graphql import query
from bot.github.said import Said

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

QUERY = """
query ($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) {
      closedByPullRequestsReferences(first: 50, includeClosedPrs: true) {
        nodes { number merged mergedAt baseRefName mergeCommit { oid } repository { nameWithOwner } }
      }
    }
  }
}
"""
NEEDS = {"closedByPullRequestsReferences": "pull-requests: read", "issue": "issues: read"}


class Bound(NamedTuple):
    """The commit, and the pull request that brought it in; without a commit `why` says why there is none."""

    commit: str | None = None
    pull_request: int | None = None
    why: str = ""


def to_pull_request(client: Client, number: int, default: str) -> Bound:
    """The merge commit, never the head: what was not merged was not deployed.

    Raises:
        GitHubError: GitHub is out of reach, or does not let the token see it.
    """

    def complete() -> "PullRequest":
        found = client.repository.get_pull(number)
        found.complete()
        return found

    try:
        pull = client.call("pull-requests: read", complete)
    except Missing:
        return Bound(why=f"there is no pull request {number}")
    if not pull.merged or not pull.merge_commit_sha:
        return Bound(why="this pull request is not merged: only what was merged is deployed and proven")
    if default and pull.base.ref != default:
        return Bound(why=f"this pull request was merged into {pull.base.ref}, not into the default branch, {default}")
    return Bound(pull.merge_commit_sha, number)


def to_issue(client: Client, said: Said, default: str) -> Bound:
    """The merge commit of the newest pull request of this repository that closes the issue; none where there is none.

    Raises:
        GitHubError: GitHub is out of reach, or does not let the token see it.
    """
    owner, _, name = client.name.partition("/")

    def read(data: Any) -> list[dict[str, Any]]:
        return [each for each in data["repository"]["issue"]["closedByPullRequestsReferences"]["nodes"] if each]

    given = {"owner": owner, "name": name, "number": said.number}

    merged = [
        (str(each["mergedAt"]), int(each["number"]), str(each["mergeCommit"]["oid"]))
        for each in query(client, NEEDS, QUERY, given, read)
        if each["merged"] and each["mergeCommit"] and each["baseRefName"] == (default or each["baseRefName"])
        if each["repository"]["nameWithOwner"].lower() == client.name.lower()
    ]
    if not merged:
        return Bound(why="no merged pull request of this repository closes this issue")
    _, number, commit = max(merged)
    return Bound(commit, number)
