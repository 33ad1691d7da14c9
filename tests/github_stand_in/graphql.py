"""GitHub's GraphQL interface, executed against a trimmed copy of its own schema (`openapi/github.graphql`)."""

import base64
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, build_schema, execute_sync, parse, validate

from tests.github_stand_in.routing import Answer, Json, Refusal, Site
from tests.github_stand_in.state import Comment, Issue, Token, User, now
from tests.github_stand_in.validation import Violation
from tests.github_stand_in.world import Repository

SCHEMA = Path(__file__).parent / "openapi" / "github.graphql"


@functools.cache
def _schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())


@functools.lru_cache(maxsize=64)
def _checked(query: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """A query that was read, and what in it is not in GitHub's schema."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return DocumentNode(definitions=()), [error]
    return document, validate(_schema(), document)


class Refused(GraphQLError):
    """An error in the shape that GitHub gives it: with a type at its top."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def execute(site: Site, token: Token | None, body: bytes) -> tuple[Answer, Violation | None]:
    """Answer one query; the violation says what is not in GitHub's schema."""
    if token is None:
        raise Refusal(401, "This endpoint requires you to be authenticated.")
    try:
        request = json.loads(body)
        query, variables = request["query"], request.get("variables")
    except (ValueError, KeyError, TypeError):
        raise Refusal(400, "Problems parsing JSON") from None
    document, errors = _checked(query)
    if errors:
        text = f"GraphQL: {errors[0].message}"
        return Answer(200, {"errors": [_error(each) for each in errors]}), Violation(text)
    view = _View(site, token)
    result = execute_sync(_schema(), document, view.root(), variable_values=variables)
    answer: dict[str, Json] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_error(each) for each in result.errors]
        broken = [each for each in result.errors if not isinstance(each.original_error, Refused | None)]
        if broken:
            return Answer(200, answer), Violation(f"GraphQL: {broken[0].message}")
    return Answer(200, answer), None


def _error(error: GraphQLError) -> Json:
    shown: dict[str, Json] = dict(error.formatted)
    cause = error.original_error
    return ({"type": cause.kind} if isinstance(cause, Refused) else {}) | shown


Resolver = Callable[..., Any]


class _View:
    """What a token sees, as dictionaries whose callables graphql-core calls only when a field is asked for."""

    def __init__(self, site: Site, token: Token) -> None:
        self.site, self.world, self.token = site, site.world, token

    def root(self) -> dict[str, Any]:
        return {
            "id": "Q_",
            "viewer": lambda _: self._account(self.token.login),
            "repository": lambda _, owner, name, **__: self._find_repository(f"{owner}/{name}"),
            "node": lambda _, id: self._node(id),  # noqa: A006
            "rateLimit": lambda _, **__: self._rate(),
            "minimizeComment": lambda _, input: self._minimize(input, input["classifier"].lower()),  # noqa: A006
            "unminimizeComment": lambda _, input: self._minimize(input, None),  # noqa: A006
        }

    def _rate(self) -> dict[str, Any]:
        allowed = self.site.limits.an_hour
        return {"cost": 1, "limit": allowed, "remaining": allowed, "used": 0, "resetAt": now()}

    def _sees(self, repository: Repository) -> bool:
        mine = self.token.kind == "personal" and self.token.login in repository.collaborators
        return not repository.private or mine or self.token.repository == repository.full_name

    def _find_repository(self, name: str) -> dict[str, Any]:
        found = self.world.repositories.get(name)
        if found is None or not self._sees(found):
            raise Refused("NOT_FOUND", f"Could not resolve to a Repository with the name '{name}'.")
        return self._repository(found)

    def _repository(self, repository: Repository) -> dict[str, Any]:
        return {
            "__typename": "Repository",
            "id": f"R_{repository.id}",
            "databaseId": repository.id,
            "name": repository.name,
            "nameWithOwner": repository.full_name,
            "url": self.site.html(repository),
            "isPrivate": repository.private,
            "isFork": repository.fork_of is not None,
            "defaultBranchRef": {"id": f"REF_{repository.id}", "name": repository.default_branch},
            "issue": lambda _, number: self._numbered(repository, number, pull=False),
            "pullRequest": lambda _, number: self._numbered(repository, number, pull=True),
        }

    def _numbered(self, repository: Repository, number: int, *, pull: bool) -> dict[str, Any]:
        self._permit(repository, "pull_requests" if pull else "issues")
        found = repository.issues.get(number)
        if found is None or (found.pull is not None) != pull:
            kind = "a PullRequest" if pull else "an Issue"
            raise Refused("NOT_FOUND", f"Could not resolve to {kind} with the number of {number}.")
        return self._pull(repository, found) if pull else self._issue(repository, found)

    def _permit(self, repository: Repository, permission: str) -> None:
        """What is public may be read with any token; else a field that the token may not see is refused by itself."""
        here = self.token.kind == "installation" and self.token.repository == repository.full_name
        if here and repository.private and not self.token.may(permission, "read"):
            raise Refused("FORBIDDEN", "Resource not accessible by integration")

    def _thread(self, repository: Repository, issue: Issue, kind: str) -> dict[str, Any]:
        return {
            "number": issue.number,
            "title": issue.title,
            "body": issue.body or "",
            "url": self.site.html(repository, f"/{kind}/{issue.number}"),
            "closed": issue.state == "closed",
            "closedAt": issue.closed_at,
            "author": lambda _: self._account(issue.login),
            "repository": lambda _: self._repository(repository),
            "comments": lambda _, **page: self._comments(repository, issue, page),
        }

    def _issue(self, repository: Repository, issue: Issue) -> dict[str, Any]:
        return self._thread(repository, issue, "issues") | {
            "__typename": "Issue",
            "id": f"I_{issue.id}",
            "state": issue.state.upper(),
            "stateReason": lambda _, **__: issue.state_reason.upper() if issue.state_reason else None,
            "closedByPullRequestsReferences": lambda _, **page: self._closed_by(repository, issue, page),
        }

    def _pull(self, repository: Repository, issue: Issue) -> dict[str, Any]:
        pull = issue.pull
        assert pull is not None
        merge = repository.find(pull.merge_commit_sha) if pull.merge_commit_sha else None
        return self._thread(repository, issue, "pull") | {
            "__typename": "PullRequest",
            "id": f"PR_{issue.id}",
            "state": "MERGED" if pull.merged else issue.state.upper(),
            "merged": pull.merged,
            "mergedAt": pull.merged_at,
            "lastEditedAt": issue.edited_at,
            "editor": lambda _: self._account(issue.edited_by) if issue.edited_by else None,
            "mergeCommit": merge
            and {
                "id": f"C_{merge.sha[:20]}",
                "oid": merge.sha,
                "message": merge.message,
                "url": self.site.html(repository, f"/commit/{merge.sha}"),
            },
            "baseRefName": pull.base,
            "headRefName": pull.head,
            "headRefOid": pull.head_sha,
            "isCrossRepository": pull.head_repository != repository.full_name,
            "closingIssuesReferences": lambda _, **page: self._closing(repository, issue, page),
        }

    def _closing(self, repository: Repository, issue: Issue, arguments: dict[str, Any]) -> dict[str, Any]:
        self._permit(repository, "issues")
        names = repository.closing_references(issue)
        if arguments.get("userLinkedOnly"):
            by_hand = set(issue.pull.linked if issue.pull else ())
            names = [each for each in names if f"{each[0]}#{each[1]}" in by_hand]
        found = [(self.world.repositories[name], number) for name, number in names]
        nodes = [self._issue(there, there.issues[number]) for there, number in found if self._sees(there)]
        return connection("closingIssuesReferences", nodes, arguments)

    def _closed_by(self, repository: Repository, issue: Issue, arguments: dict[str, Any]) -> dict[str, Any]:
        self._permit(repository, "pull_requests")
        here = (repository.full_name, issue.number)
        found = [
            (there, each)
            for there in self.world.repositories.values()
            for each in there.issues.values()
            if self._sees(there) and each.pull and here in there.closing_references(each)
        ]
        if not arguments.get("includeClosedPrs"):
            # what was closed without a merge is left out, what was merged is not
            found = [(there, each) for there, each in found if each.state == "open" or (each.pull and each.pull.merged)]
        nodes = [self._pull(there, each) for there, each in found]
        return connection("closedByPullRequestsReferences", nodes, arguments)

    def _comments(self, repository: Repository, issue: Issue, arguments: dict[str, Any]) -> dict[str, Any]:
        nodes = [self._comment(repository, each) for each in repository.comments_on(issue.number)]
        return connection("comments", nodes, arguments)

    def _comment(self, repository: Repository, comment: Comment) -> dict[str, Any]:
        assert comment.number is not None
        kind = "pull" if repository.issues[comment.number].pull else "issues"
        return {
            "__typename": "IssueComment",
            "id": f"IC_{comment.id}",
            "databaseId": comment.id,
            "body": comment.body,
            "url": self.site.html(repository, f"/{kind}/{comment.number}#issuecomment-{comment.id}"),
            "author": lambda _: self._account(comment.login),
            "createdAt": comment.created_at,
            "updatedAt": comment.updated_at,
            "isMinimized": comment.minimized is not None,
            "minimizedReason": comment.minimized,
            "viewerDidAuthor": comment.login == self.token.login,
        }

    def _account(self, login: str) -> dict[str, Any]:
        user: User = self.world.user(login)
        # the interface knows an app by its name alone: github-actions, where REST says github-actions[bot]
        name = login.removesuffix("[bot]")
        kind = "Bot" if user.robot else "User"
        url = f"{self.site.url}/{'apps/' if user.robot else ''}{name}"
        return {"__typename": kind, "id": f"U_{user.id}", "databaseId": user.id, "login": name, "url": url}

    def _node(self, node: str) -> dict[str, Any]:
        kind, _, number = node.partition("_")
        for repository in filter(self._sees, self.world.repositories.values()):
            if kind == "R" and str(repository.id) == number:
                return self._repository(repository)
            for issue in repository.issues.values():
                if kind in ("I", "PR") and str(issue.id) == number:
                    return self._pull(repository, issue) if issue.pull else self._issue(repository, issue)
            if kind == "IC" and number.isdigit() and int(number) in repository.comments:
                return self._comment(repository, repository.comments[int(number)])
        raise Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{node}'")

    def _minimize(self, arguments: dict[str, Any], reason: str | None) -> dict[str, Any]:
        kind, _, number = arguments["subjectId"].partition("_")
        for repository in self.world.repositories.values():
            if kind == "IC" and number.isdigit() and (comment := repository.comments.get(int(number))):
                here = self.token.kind == "personal" or self.token.repository == repository.full_name
                if not here or (self.token.kind == "installation" and not self._may_write()):
                    raise Refused("FORBIDDEN", "Resource not accessible by integration")
                comment.minimized = reason
                name = "minimizedComment" if reason else "unminimizedComment"
                return {
                    "clientMutationId": arguments.get("clientMutationId"),
                    name: self._comment(repository, comment),
                }
        raise Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{arguments['subjectId']}'")

    def _may_write(self) -> bool:
        return self.token.may("issues|pull_requests", "write")


def connection(name: str, nodes: Sequence[Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """One page of a connection; GitHub wants `first` or `last`, at most 100."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        text = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise Refused("MISSING_PAGINATION_BOUNDARIES", text)
    asked = first if first is not None else last
    if asked is None or not 0 <= asked <= 100:
        text = f"Requesting {asked} records on the `{name}` connection exceeds the `first` limit of 100 records."
        raise Refused("EXCESSIVE_PAGINATION", text)
    start = _place(arguments["after"]) if arguments.get("after") else 0
    end = _place(arguments["before"]) - 1 if arguments.get("before") else len(nodes)
    if first is not None:
        end = min(end, start + first)
    else:
        start = max(start, end - asked)
    cursors = [base64.b64encode(f"cursor:v2:{place + 1}".encode()).decode() for place in range(start, end)]
    return {
        "totalCount": len(nodes),
        "nodes": list(nodes[start:end]),
        "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes[start:end], strict=True)],
        "pageInfo": {
            "hasNextPage": end < len(nodes),
            "hasPreviousPage": start > 0,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def _place(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().removeprefix("cursor:v2:"))
    except ValueError:
        raise Refused("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from None
