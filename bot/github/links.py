"""What a commit belongs to: the pull request that brought it in, and the issues that this one closes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bot.github.client import Client, Denied, Missing
from bot.model.errors import GitHubError

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

CLOSING = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:([\w.-]+/[\w.-]+))?#(\d+)\b", re.IGNORECASE
)
"""GitHub's closing keywords: docs.github.com, "Linking a pull request to an issue"."""
NAMED = re.compile(r"(?:^Merge pull request #(\d+) from )|(?:\(#(\d+)\)$)", re.MULTILINE)
SHOWN = re.compile(r"<!--.*?(?:-->|\Z)|^(`{3,}).*?(?:^\1|\Z)|`[^`\n]*`", re.DOTALL | re.MULTILINE)
"""What GitHub reads no keyword in: comments (the hints of a template), fences and code."""
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
        return _of_commit(client, commit)
    failed = None
    named = _keywords(client, pull)
    try:
        references = _references(client, pull.number)
        # GitHub knows best what is meant, but not what is named of a repository that the token cannot see
        named = [each for each in named if each[0].lower() != client.name.lower()]
    except GitHubError as error:
        failed = None if isinstance(error, Denied | Missing) else str(error)
        references = []
    return Links(pull.number, *_sorted(client, (*references, *named)), failed)


def _of_commit(client: Client, commit: str) -> Links:
    """What a commit that no pull request brought in closes: GitHub reads its message once it is on the default branch."""
    try:
        message = client.call("contents: read", lambda: client.repository.get_commit(commit).commit.message)
        named = [(owner or client.name, int(issue)) for owner, issue in CLOSING.findall(message)]
        if not named or not _on_default_branch(client, commit):
            return Links(None, (), ())
    except Missing:
        return Links(None, (), ())
    return Links(None, *_sorted(client, named))


def _on_default_branch(client: Client, commit: str) -> bool:
    default = client.json("contents: read", "GET", f"/repos/{client.name}")["default_branch"]
    compared = client.json(
        "contents: read", "GET", f"/repos/{client.name}/compare/{commit}...{quote(default, safe='')}"
    )
    return compared["status"] in ("ahead", "identical")


def _sorted(client: Client, references: Iterable[tuple[str, int]]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The issues of this repository, and those of others; each once."""
    here: dict[int, None] = {}
    elsewhere: dict[str, None] = {}
    for repository, issue in references:
        if repository.lower() == client.name.lower():
            here[issue] = None
        else:
            elsewhere[f"{repository}#{issue}"] = None
    return tuple(here), tuple(elsewhere)


def _pull_request(client: Client, commit: str, number: int | None) -> "PullRequest | None":
    if number is not None:
        return _pull(client, number)

    def introduced() -> int | None:
        pulls = client.repository.get_commit(commit).get_pulls()
        return next((each.number for each in pulls if each.merged_at and each.merge_commit_sha == commit), None)

    try:
        merged = client.call("pull-requests: read", introduced)
    except Missing:
        merged = None
    if merged is not None:
        return _pull(client, merged)
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
    return [(owner or client.name, int(issue)) for owner, issue in CLOSING.findall(SHOWN.sub("", pull.body or ""))]


def _references(client: Client, number: int) -> list[tuple[str, int]]:
    owner, _, name = client.name.partition("/")
    found: list[tuple[str, int]] = []
    after: str | None = None
    while True:
        variables = {"owner": owner, "name": name, "number": number, "after": after}

        def page(given: dict[str, Any] = variables) -> tuple[list[tuple[str, int]], str | None]:
            _, data = client.github.requester.graphql_query(QUERY, given)
            listed = data["data"]["repository"]["pullRequest"]["closingIssuesReferences"]
            nodes = [(node["repository"]["nameWithOwner"], int(node["number"])) for node in listed["nodes"] if node]
            return nodes, listed["pageInfo"]["endCursor"] if listed["pageInfo"]["hasNextPage"] else None

        nodes, after = client.call("issues: read", page)
        found += nodes
        if after is None:
            return found
