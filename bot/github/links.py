"""What a commit belongs to: the pull requests that brought it in, and the issues that these close or name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from bot.github.client import Client, Denied, Missing
from bot.github.graphql import query
from bot.github.permission import may_write
from bot.model.errors import GitHubError

CLOSING = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:([\w.-]+/[\w.-]+))?#([0-9]{1,9})\b", re.IGNORECASE
)
"""GitHub's closing keywords: docs.github.com, "Linking a pull request to an issue"."""
PROOF = re.compile(r"^[ \t]*(?:[-*+][ \t]+)?proof:", re.IGNORECASE | re.MULTILINE)
"""Our own word, at the start of a line: the issues after it get the verdict, and GitHub does not close them at the merge."""
ANOTHER = re.compile(r"(?:[ \t,&]|\band\b)*(?:([\w.-]+/[\w.-]+))?#([0-9]{1,9})\b", re.IGNORECASE)
NAMED = re.compile(r"(?:^Merge pull request #([0-9]{1,9}) from )|(?:\(#([0-9]{1,9})\)$)", re.MULTILINE)
SHOWN = re.compile(r"<!--.*?(?:-->|\Z)|^(`{3,}).*?(?:^\1|\Z)|`[^`\n]*`", re.DOTALL | re.MULTILINE)
"""What GitHub reads no keyword in: comments (the hints of a template), fences and code."""
CATCHING_UP = (1.0, 2.0, 4.0)
"""Seconds between looks for the pull request of a merge that GitHub has not taken note of yet."""
FRESH = 15 * 60.0
"""Seconds after which GitHub has surely taken note of a merge."""
MOST_PULLS = 5
MOST_ISSUES = 20
"""Of one change. Whoever writes a pull request's words must not have hundreds of issues written to, nor use up the limit
that the status needs."""
QUERY = """
query ($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      mergedAt
      lastEditedAt
      editor { __typename login }
      closingIssuesReferences(first: 50, after: $after) {
        nodes { number repository { nameWithOwner } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
NEEDS = {"closingIssuesReferences": "issues: read", "pullRequest": "pull-requests: read"}
Reference = tuple[str, int]
"""(repository, number)."""


@dataclass(frozen=True)
class Links:
    """Where a verdict belongs. `elsewhere` are issues of other repositories: they are named, and never written.

    `certain` are the issues that GitHub itself says are some; the others are numbers that somebody wrote. `failed` says
    why GitHub did not give all the issues, `denied` which permission that takes; those that the pull request's own words
    name are here even so. `left` says what is left alone, and why. `proofs` are the issues that `Proof:` names. `doubtful`
    are those that GitHub lists for a pull request whose words an outsider changed after the merge, with when that was: they
    are only reopened, if GitHub has closed them at the merge.
    """

    pull_requests: tuple[int, ...]
    issues: tuple[int, ...]
    elsewhere: tuple[str, ...]
    failed: str | None = None
    certain: frozenset[int] = frozenset()
    left: tuple[str, ...] = ()
    proofs: frozenset[int] = frozenset()
    doubtful: Mapping[int, str] = field(default_factory=dict)
    denied: str | None = None


class _Pull(NamedTuple):
    number: int
    body: str
    to_default: bool


class _Commit(NamedTuple):
    message: str
    parents: int
    age: float


def find(client: Client, commit: str, number: int | None) -> Links:
    """The pull requests that introduced the commit, and the issues that they close or name.

    Raises:
        GitHubError: GitHub is out of reach.
    """
    seen = _commit(client, commit)
    pulls = _pulls(client, commit, number, seen)
    if not pulls:
        return _of_commit(client, commit, seen)
    failed: str | None = None
    denied: str | None = None
    certain: list[Reference] = []
    named: list[Reference] = []
    proofs: list[Reference] = []
    left: list[str] = []
    doubtful: dict[int, str] = {}
    for pull in pulls:
        written = list(_keywords(client, pull))
        try:
            listed, edited, at = _references(client, pull.number)
            if edited is not None and not _is_trusted(client, edited):
                left.append(
                    f"#{pull.number} was edited after it was merged, by somebody who is not known to write here: "
                    "the issues that it names are left alone, but for those that its merge closed and this does not prove"
                )
                doubtful |= dict.fromkeys(_sorted(client, listed)[0][:MOST_ISSUES], at)
                continue
            certain += listed
            # GitHub knows best what is meant, but not what is named of a repository that the token cannot see
            written = [each for each in written if each[0].lower() != client.name.lower()]
        except GitHubError as error:
            denied = str(error) if isinstance(error, Denied) else denied
            failed = failed if isinstance(error, Denied | Missing) else str(error)
        named += written
        if pull.to_default:
            proofs += _proofs(client, SHOWN.sub("", pull.body))
    if seen is not None and any(pull.to_default for pull in pulls):
        proofs += _proofs(client, seen.message)
    here, elsewhere = _sorted(client, (*certain, *named, *proofs))
    known, proven = (frozenset(_sorted(client, each)[0]) for each in (certain, proofs))
    numbers = tuple(pull.number for pull in pulls)
    doubtful = {issue: at for issue, at in doubtful.items() if issue not in here}
    return _bounded(Links(numbers, here, elsewhere, failed, known, tuple(left), proven, doubtful, denied))


def _bounded(found: Links) -> Links:
    """Not more issues than a change may settle."""
    left = found.left
    if len(found.issues) > MOST_ISSUES:
        left += (
            f"{len(found.issues) - MOST_ISSUES} more issues are left alone: a change settles {MOST_ISSUES} at most",
        )
    if len(found.elsewhere) > MOST_ISSUES:
        left += (f"{len(found.elsewhere) - MOST_ISSUES} more issues of other repositories are named",)
    return replace(found, issues=found.issues[:MOST_ISSUES], elsewhere=found.elsewhere[:MOST_ISSUES], left=left)


def _is_trusted(client: Client, editor: dict[str, Any]) -> bool:
    """Whether what somebody made of a pull request's words after the merge counts. Its author may change them for ever,
    and nobody looks at them again; an app may, where maintainers let it."""
    try:
        return editor.get("__typename") == "Bot" or may_write(client, str(editor.get("login") or ""))
    except GitHubError:  # not known is not trusted
        return False


def _of_commit(client: Client, commit: str, seen: _Commit | None) -> Links:
    """What a commit that no pull request brought in closes: GitHub reads its message once it is on the default branch."""
    if seen is None:
        return Links((), (), ())
    named = [(owner or client.name, int(issue)) for owner, issue in CLOSING.findall(seen.message)]
    proofs = _proofs(client, seen.message)
    named += proofs
    try:
        if not named or not _on_default_branch(client, commit):
            return Links((), (), ())
    except Missing:
        return Links((), (), ())
    return _bounded(Links((), *_sorted(client, named), proofs=frozenset(_sorted(client, proofs)[0])))


def _on_default_branch(client: Client, commit: str) -> bool:
    default = client.json("contents: read", "GET", f"/repos/{client.name}")["default_branch"]
    compared = client.json(
        "contents: read", "GET", f"/repos/{client.name}/compare/{commit}...{quote(default, safe='')}"
    )
    return compared["status"] in ("ahead", "identical")


def _sorted(client: Client, references: Iterable[Reference]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The issues of this repository, and those of others; each once."""
    here: dict[int, None] = {}
    elsewhere: dict[str, None] = {}
    for repository, issue in references:
        if repository.lower() == client.name.lower():
            here[issue] = None
        else:
            elsewhere[f"{repository}#{issue}"] = None
    return tuple(here), tuple(elsewhere)


def _commit(client: Client, commit: str) -> _Commit | None:
    """What the commit says of itself; None where the token cannot see it."""
    path = f"/repos/{client.name}/commits/{commit}"

    def read() -> _Commit:
        _, data = client.github.requester.requestJsonAndCheck("GET", path)
        made = (data["commit"]["committer"] or {}).get("date")
        age = client.clock.time() - datetime.fromisoformat(made).timestamp() if made else FRESH
        return _Commit(str(data["commit"]["message"]), len(data["parents"]), age)

    try:
        return client.call("contents: read", read)
    except (Denied, Missing):
        return None


def _pulls(client: Client, commit: str, number: int | None, seen: _Commit | None) -> list[_Pull]:
    """The pull requests that the commit is the merge of. GitHub takes note of a merge in its own time: until then the
    commit's own words say which it was, and a fresh merge is asked for again a few times."""
    if number is not None:
        found = _pull(client, number)
        return [_shown(found)] if found else []
    for pause in (*CATCHING_UP, None):
        if merged := _introduced(client, commit):
            return merged
        named = NAMED.search(seen.message) if seen else None
        claimed = _pull(client, int(named[1] or named[2])) if named else None
        if claimed is not None and claimed["merge_commit_sha"] == commit:
            return [_shown(claimed)]
        # a merge may not be known yet; what claims the number of a pull request that was merged as another commit is none
        waits = seen is not None and -FRESH < seen.age < FRESH and (seen.parents > 1 or named is not None)
        if claimed is not None and claimed["merged_at"]:
            waits = False
        if not waits or pause is None or not client.wait(pause):
            break
    return []


def _introduced(client: Client, commit: str) -> list[_Pull]:
    path = f"/repos/{client.name}/commits/{commit}/pulls"

    def read() -> list[_Pull]:
        _, data = client.github.requester.requestJsonAndCheck("GET", path, parameters={"per_page": 100})
        if not isinstance(data, list):
            raise TypeError("no list of pull requests")
        return [_shown(each) for each in data if each["merged_at"] and each["merge_commit_sha"] == commit]

    try:
        return client.call("pull-requests: read", read)[:MOST_PULLS]
    except Missing:
        return []


def _pull(client: Client, number: int) -> dict[str, Any] | None:
    path = f"/repos/{client.name}/pulls/{number}"

    def read() -> dict[str, Any]:
        _, data = client.github.requester.requestJsonAndCheck("GET", path)
        _shown(data)
        return {"merged_at": data["merged_at"], "merge_commit_sha": data["merge_commit_sha"], **data}

    try:
        return client.call("pull-requests: read", read)
    except Missing:
        return None


def _shown(data: dict[str, Any]) -> _Pull:
    base = data["base"]
    return _Pull(int(data["number"]), str(data["body"] or ""), base["ref"] == base["repo"]["default_branch"])


def _keywords(client: Client, pull: _Pull) -> Iterator[Reference]:
    if pull.to_default:
        for owner, issue in CLOSING.findall(SHOWN.sub("", pull.body)):
            yield owner or client.name, int(issue)


def _proofs(client: Client, text: str) -> list[Reference]:
    found = []
    for line in PROOF.finditer(text):
        one = ANOTHER.match(text, line.end())
        while one is not None:
            found.append((one[1] or client.name, int(one[2])))
            one = ANOTHER.match(text, one.end())
    return found


def _references(client: Client, number: int) -> tuple[list[Reference], dict[str, Any] | None, str]:
    """The issues that GitHub lists, who edited the pull request's words since it was merged, if anybody did, and when it
    was merged."""
    owner, _, name = client.name.partition("/")
    found: list[Reference] = []
    after: str | None = None
    while True:
        variables = {"owner": owner, "name": name, "number": number, "after": after}

        def page(data: Any) -> tuple[list[Reference], str | None, dict[str, Any] | None, str]:
            pull = data["repository"]["pullRequest"]
            late = pull["mergedAt"] and pull["lastEditedAt"] and pull["lastEditedAt"] > pull["mergedAt"]
            listed = pull["closingIssuesReferences"]
            nodes = [(node["repository"]["nameWithOwner"], int(node["number"])) for node in listed["nodes"] if node]
            following = listed["pageInfo"]["endCursor"] if listed["pageInfo"]["hasNextPage"] else None
            return nodes, following, (pull["editor"] or {}) if late else None, str(pull["mergedAt"] or "")

        nodes, after, edited, at = query(client, NEEDS, QUERY, variables, page)
        found += nodes
        if after is None:
            return found, edited, at
