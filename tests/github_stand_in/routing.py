"""What an operation is given and answers, and the table of all operations that the stand-in knows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from tests.github_stand_in.limits import Limits
from tests.github_stand_in.state import Token
from tests.github_stand_in.world import Repository, World

Json = Any
T = TypeVar("T")


class Refusal(Exception):
    """GitHub says no: a status, a message and perhaps the errors of single fields."""

    def __init__(self, status: int, message: str, *errors: dict[str, str], **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def body(self) -> Json:
        """The body that GitHub sends with it."""
        body: dict[str, Json] = {"message": self.message}
        if self.errors:
            body["errors"] = list(self.errors)
        return body | {"documentation_url": "https://docs.github.com/rest", "status": str(self.status)}


def not_found() -> Refusal:
    """404."""
    return Refusal(404, "Not Found")


def invalid(resource: str, fault: str, message: str, code: str = "custom") -> Refusal:
    """422 about one field."""
    error = {"resource": resource, "code": code, "field": fault, "message": message}
    return Refusal(422, "Validation Failed", error)


def not_accessible() -> Refusal:
    """403 for a token that lacks a permission."""
    return Refusal(403, "Resource not accessible by integration")


@dataclass(frozen=True)
class Site:
    """The world, and under which addresses it is seen: the interface's, that of artifacts and blobs, the pages'."""

    world: World
    url: str
    results: str
    limits: Limits
    pages: str

    def api(self, repository: Repository, path: str = "") -> str:
        """The address of a part of a repository in the API."""
        return f"{self.url}/repos/{repository.full_name}{path}"

    def html(self, repository: Repository, path: str = "") -> str:
        """The address of a part of a repository for people."""
        return f"{self.pages}/{repository.full_name}{path}"


@dataclass(frozen=True)
class Request:
    """One valid request of an operation, by somebody who is known."""

    site: Site
    path: dict[str, Json]
    query: dict[str, Json]
    body: dict[str, Json]
    token: Token | None
    headers: dict[str, str]
    url: str

    @property
    def world(self) -> World:
        """All that is remembered."""
        return self.site.world

    @property
    def login(self) -> str:
        """Who asks."""
        if self.token is None:
            raise Refusal(401, "Requires authentication")
        return self.token.login

    @property
    def by_app(self) -> bool:
        """Whether an app asks: a GITHUB_TOKEN is one."""
        return self.token is not None and self.token.kind == "installation"

    @property
    def repository(self) -> Repository:
        """The repository that the path names."""
        found = self.world.repositories.get(f"{self.path['owner']}/{self.path['repo']}")
        if found is None:
            raise not_found()
        return found


@dataclass(frozen=True)
class Answer:
    """A status with its body (JSON, or bytes as they are) and headers."""

    status: int
    body: Json = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Answer]


@dataclass(frozen=True)
class Operation:
    """How one operation is answered, and the permission (`a|b`: one of them) that a token needs for it."""

    handler: Handler
    permission: str
    creates_content: bool


OPERATIONS: dict[str, Operation] = {}


def operation(
    name: str, permission: str = "metadata", *, creates_content: bool = False
) -> Callable[[Handler], Handler]:
    """Answer the operation that GitHub's description calls `name`.

    `permission` names what the token needs: at level `read` for a GET, else at level `write`.
    """

    def register(handler: Handler) -> Handler:
        OPERATIONS[name] = Operation(handler, permission, creates_content)
        return handler

    return register


def page(request: Request, items: Iterable[T], view: Callable[[T], Json], wrap: str | None = None) -> Answer:
    """One page of a list, with GitHub's Link header: 30 a page unless asked, never more than 100."""
    every = list(items)
    size = min(max(request.query.get("per_page", 30), 1), 100)
    number = max(request.query.get("page", 1), 1)
    last = max(-(-len(every) // size), 1)
    rows = [view(each) for each in every[(number - 1) * size : number * size]]

    def link(to: int, relation: str) -> str:
        query = urlencode({**request.query, "per_page": size, "page": to})
        return f'<{request.url}?{query}>; rel="{relation}"'

    links = [link(number - 1, "prev")] if number > 1 else []
    links += [link(number + 1, "next"), link(last, "last")] if number < last else []
    links += [link(1, "first")] if number > 1 else []
    body = {"total_count": len(every), wrap: rows} if wrap else rows
    return Answer(200, body, {"Link": ", ".join(links)} if links else {})
