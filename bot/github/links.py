"""What a commit belongs to: the pull request that brought it in, and the issues that this one closes."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.github.client import Client, Denied, Missing
from bot.model.errors import GitHubError

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

CLOSING = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:([\w.-]+/[\w.-]+))?#(\d+)\b", re.IGNORECASE
)
"""GitHub's closing keywords: docs.github.com, "Linking a pull request to an issue"."""
NAMED = re.compile(r"(?:^Merge pull request #(\d+) from )|(?:\(#(\d+)\)$)", re.MULTILINE)
QUERY = """
query ($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      closingIssuesReferences(first: 50, after: $after) {
        nodes { number repository { nameWithOwner } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""


@dataclass(frozen=True)
class Links:
    """Where a verdict belongs. `elsewhere` are issues of other repositories: they are named, and never written.

    `failed` says why GitHub did not give all the issues; those that the pull request's own words name are here even so.
    """

    pull_request: int | None
    issues: tuple[int, ...]
    elsewhere: tuple[str, ...]
    failed: str | None = None


def find(client: Client, commit: str, number: int | None) -> Links:
    """The pull request that introduced the commit, and the issues that it closes.

    Raises:
        GitHubError: GitHub is out of reach.
    """
    pull = _pull_request(client, commit, number)
    if pull is None:
        return Links(None, (), ())
    here: dict[int, None] = {}
    elsewhere: dict[str, None] = {}
    failed = None
    named = _keywords(client, pull)
    try:
        references = _references(client, pull.number)
        # GitHub knows best what is meant, but not what is named of a repository that the token cannot see
        named = [each for each in named if each[0].lower() != client.name.lower()]
    except GitHubError as error:
        failed = None if isinstance(error, Denied | Missing) else str(error)
        references = []
    for repository, issue in (*references, *named):
        if repository.lower() == client.name.lower():
            here[issue] = None
        else:
            elsewhere[f"{repository}#{issue}"] = None
    return Links(pull.number, tuple(here), tuple(elsewhere), failed)


def _pull_request(client: Client, commit: str, number: int | None) -> "PullRequest | None":
    if number is not None:
        return _pull(client, number)
    try:
        pulls = client.call("pull-requests: read", lambda: list(client.repository.get_commit(commit).get_pulls()))
    except Missing:
        pulls = []
    merged = [pull for pull in pulls if pull.merged_at is not None and pull.merge_commit_sha == commit]
    if merged:
        return _pull(client, merged[0].number)
    # GitHub catches up in its own time: until then the merge commit's own words say which it was
    try:
        message = client.call("contents: read", lambda: client.repository.get_commit(commit).commit.message)
    except Missing:
        return None
    named = NAMED.search(message)
    if named is None:
        return None
    found = _pull(client, int(named[1] or named[2]))
    return found if found is not None and found.merge_commit_sha == commit else None


def _pull(client: Client, number: int) -> "PullRequest | None":
    def complete() -> "PullRequest":
        found = client.repository.get_pull(number)
        found.complete()
        return found

    try:
        return client.call("pull-requests: read", complete)
    except Missing:
        return None


def _keywords(client: Client, pull: "PullRequest") -> list[tuple[str, int]]:
    if pull.base.ref != pull.base.repo.default_branch:
        return []
    return [(owner or client.name, int(issue)) for owner, issue in CLOSING.findall(pull.body or "")]


def _references(client: Client, number: int) -> list[tuple[str, int]]:
    owner, _, name = client.name.partition("/")
    found: list[tuple[str, int]] = []
    after: str | None = None
    while True:
        variables = {"owner": owner, "name": name, "number": number, "after": after}
        _, data = client.call(
            "issues: read",
            lambda given=variables: client.github.requester.graphql_query(QUERY, given),  # type: ignore[misc]
        )
        page: Any = data["data"]["repository"]["pullRequest"]["closingIssuesReferences"]
        found += [(node["repository"]["nameWithOwner"], node["number"]) for node in page["nodes"] if node]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
