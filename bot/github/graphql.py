"""GitHub's GraphQL interface, whose refusals come as 200 with `errors`, beside whatever could be answered.

Each error has a `type` and the path of the field that is null for it (docs.github.com, "Rate limits and query limits for
the GraphQL API"; spec.graphql.org, section 7.1).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from bot.github.client import MISREAD, Client

_T = TypeVar("_T")
STATUSES = (({"RATE_LIMITED", "RATE_LIMIT"}, 429), ({"FORBIDDEN", "INSUFFICIENT_SCOPES"}, 403), ({"NOT_FOUND"}, 404))
"""What REST would have answered; of several errors the first that fits counts."""
OTHER = 400


def query(
    client: Client,
    permissions: Mapping[str, str],
    text: str,
    variables: Mapping[str, Any],
    read: Callable[[Any], _T],
    *,
    repeatable: bool = True,
) -> _T:
    """Ask, and read from `data`. What is null in it for an error is no matter while `read` does without.

    One that is not `repeatable` is asked once: there is another way to find out. `permissions` says for each field that
    can be refused which permission it takes; the first is that of all others.

    Raises:
        Denied, Missing: GitHub refuses something that `read` cannot do without.
        GitHubError: GitHub is out of reach, or answers what it never does.
    """
    wanted = [next(iter(permissions.values()))]

    def ask() -> _T:
        from github import GithubException

        requester = client.github.requester
        given = {"query": text, "variables": dict(variables)}
        headers, answer = requester.requestJsonAndCheck("POST", requester.graphql_url, input=given)
        errors = [each for each in answer.get("errors") or () if isinstance(each, dict)]
        status, error = _worst(errors)
        if error is None:
            return read(answer["data"])
        path = [str(each) for each in error.get("path") or ()]
        wanted[0] = next((permissions[each] for each in reversed(path) if each in permissions), wanted[0])
        refused = GithubException(status, {"message": str(error.get("message") or error.get("type"))}, headers)
        if status == STATUSES[0][1]:
            raise refused
        try:
            return read(answer["data"])
        except MISREAD:
            raise refused from None

    return client.call(lambda: wanted[0], ask, repeatable=repeatable)


def _worst(errors: Sequence[dict[str, Any]]) -> tuple[int, dict[str, Any] | None]:
    for kinds, status in STATUSES:
        for each in errors:
            if each.get("type") in kinds:
                return status, each
    return OTHER, next(iter(errors), None)
