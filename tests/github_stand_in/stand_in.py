"""The stand-in as a whole: start it, say what is in it, let things go wrong, and look at what was done."""

import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.github_stand_in import (
    actions,
    checks,
    comments,
    commits,
    deployments,
    git_data,
    issues,
    people,
    pulls,
    reactions,
    results,
    statuses,
)
from tests.github_stand_in.faults import Fault, Faults
from tests.github_stand_in.gateway import Gateway
from tests.github_stand_in.limits import Limits
from tests.github_stand_in.routing import Answer, Json, Site
from tests.github_stand_in.server import Server
from tests.github_stand_in.state import ROBOT, Token
from tests.github_stand_in.world import Repository, World

SUBJECTS = (actions, deployments, checks, comments, commits, git_data, issues, people, pulls, reactions, statuses)
"""Importing them is what makes their operations known."""

Answerer = Callable[[Site, str, str, dict[str, str], bytes], Answer]

PERMISSIONS = ("actions", "checks", "contents", "deployments", "issues", "pull_requests", "statuses")


@dataclass(frozen=True)
class Recorded:
    """One request as it came, and the status that it was answered with (None: the connection was reset)."""

    method: str
    path: str
    query: str
    body: Json
    status: int | None
    headers: dict[str, str]


class StandIn:
    """GitHub, as far as the bot needs it, over HTTP.

    >>> with StandIn() as github:
    ...     repository = github.repository("octo/chat")
    ...     issue = repository.open_issue("It is slow")
    ...     pull = repository.open_pull("Faster", f"Fixes #{issue.number}")
    ...     merged = repository.merge(pull.number)
    >>> issue.state, pull.pull.merge_commit_sha == merged == repository.branches["main"]
    ('closed', True)

    Attributes:
        world: all that it remembers.
        requests: every request, in the order of the answers.
        violations: where a request or an answer is not as GitHub's description has it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        public_host: str | None = None,
        limits: Limits | None = None,
        results_port: int = 0,
        state: Path | None = None,
        enterprise: bool = False,
    ) -> None:
        """Listen on `host` and `port`; `url` names `public_host`, as a container sees it.

        Artifacts and blobs have a port of their own, as at GitHub they have hosts of their own.

        `state` is a JSON file that the world is read from, if it is there, and kept in.

        `enterprise` mounts it as GitHub Enterprise Server does: REST below `/api/v3`, GraphQL at `/api/graphql`, and
        no artifact service.
        """
        self.limits = limits or Limits()
        self.state = state
        self.enterprise = enterprise
        kept = state.read_text() if state and state.exists() else "{}"
        self.world = World.model_validate_json(kept)
        self.requests: list[Recorded] = []
        self._faults = Faults()
        self._gateway = Gateway(self.world, self.limits)
        self._host, self._port, self._results_port = host, port, results_port
        self._public_host = public_host or ("127.0.0.1" if host in ("0.0.0.0", "") else host)
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._servers: list[Server] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Serve until `stop`."""
        self._stopping.clear()
        interface = Server(self._host, self._port, partial(self._respond, self._interface))
        self._port = interface.port
        self._servers.append(interface)
        results = Server(self._host, self._results_port, partial(self._respond, self._results))
        self._results_port = results.port
        self._servers.append(results)
        for each in self._servers:
            each.start()

    def stop(self) -> None:
        """Stop serving; the world stays as it is."""
        self._stopping.set()
        while self._servers:
            self._servers.pop().stop()
        self.save()

    def save(self) -> None:
        """Write the world to the state file, if there is one."""
        if self.state:
            fresh = self.state.with_name(self.state.name + ".new")
            fresh.write_text(self.world.model_dump_json(indent=1))
            fresh.replace(self.state)

    @property
    def url(self) -> str:
        """What GITHUB_API_URL is: the address of the REST interface."""
        return self.server_url + ("/api/v3" if self.enterprise else "")

    @property
    def server_url(self) -> str:
        """What GITHUB_SERVER_URL is: the address of the pages."""
        return f"http://{self._public_host}:{self._port}"

    @property
    def graphql_url(self) -> str:
        """What GITHUB_GRAPHQL_URL is."""
        return self.server_url + ("/api/graphql" if self.enterprise else "/graphql")

    @property
    def results_url(self) -> str:
        """What ACTIONS_RESULTS_URL is, with the slash that GitHub ends it with."""
        return f"{self.site.results}/"

    @property
    def site(self) -> Site:
        """The world as it is seen under `url`."""
        return self._seen_from(self._public_host)

    @property
    def violations(self) -> list[str]:
        """What was not as GitHub describes it."""
        return self._gateway.violations

    def repository(self, full_name: str, **fields: Any) -> Repository:
        """A repository; it is made when it is first named (`git=Path` reads the commits of a real one)."""
        return self.world.repository(full_name, **fields)

    def token(self, repository: str, permissions: dict[str, str] | None = None) -> str:
        """A GITHUB_TOKEN for a repository: all that a job can be given, unless told (`{"issues": "write"}`)."""
        given = dict.fromkeys(PERMISSIONS, "write") if permissions is None else permissions
        named = {name.replace("-", "_"): level for name, level in given.items()}
        return self._issue(
            "ghs_",
            Token(kind="installation", login=ROBOT, permissions={"metadata": "read"} | named, repository=repository),
        )

    def fork_token(self, repository: str) -> str:
        """The GITHUB_TOKEN of a run for a pull request from a fork: it may read."""
        return self.token(repository, dict.fromkeys(PERMISSIONS, "read"))

    def personal_token(self, login: str) -> str:
        """A classic token of a person, who may do what their role in a repository allows."""
        return self._issue("ghp_", Token(kind="personal", login=login))

    def _issue(self, prefix: str, token: Token) -> str:
        self.world.user(token.login)
        text = prefix + secrets.token_hex(18)
        self.world.tokens[text] = token
        return text

    def fail(
        self,
        method: str,
        path: str,
        *,
        times: int = 1,
        status: int | None = 502,
        after_effect: bool = False,
        retry_after: int | None = None,
        hang: float = 0.0,
        drop: bool = False,
        body: object = None,
        skip: int = 0,
    ) -> Fault:
        """Let the next `times` requests fail (after `skip` that do not); see `Fault`. `method` may be `*`.

        >>> github = StandIn()
        >>> _ = github.fail("POST", r"/comments$", after_effect=True)          # done, and answered with 502 all the same
        >>> _ = github.fail("GET", r"/pulls$", times=2, status=200, body=[])  # GitHub has not heard of the merge yet
        """
        fault = Fault(method, re.compile(path), times, status, after_effect, retry_after, hang, drop, body, skip)
        self._faults.add(fault)
        return fault

    def heal(self) -> None:
        """Take all faults back."""
        self._faults.waiting.clear()

    def count(self, method: str, path: str = "") -> int:
        """How many requests there were whose path (without the query) matches."""
        return sum(each.method == method and re.search(path, each.path) is not None for each in self.requests)

    def _respond(
        self, answerer: Answerer, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> Answer | None:
        path, _, query = target.partition("?")
        fault = self._faults.take(method, path)
        if fault and fault.hang:
            self._stopping.wait(fault.hang)
        instead = fault is not None and (fault.drop or fault.status is not None)
        answer: Answer | None = None
        if fault is None or fault.after_effect or not instead:
            with self._lock:
                # addresses in answers are those under which we were asked: a container's differ from ours
                site = self._seen_from(headers.get("host", "").rpartition(":")[0] or self._public_host)
                answer = answerer(site, method, target, headers, body)
                if method not in ("GET", "HEAD"):
                    self.save()
        if fault and instead:
            answer = None if fault.drop else _failure(fault)
        self.requests.append(Recorded(method, path, query, _json(body), answer.status if answer else None, headers))
        return answer

    def _seen_from(self, host: str) -> Site:
        url, results = f"http://{host}:{self._port}", f"http://{host}:{self._results_port}"
        return Site(self.world, url + ("/api/v3" if self.enterprise else ""), results, self.limits, url)

    def _interface(self, site: Site, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        if self.enterprise:
            below = target.removeprefix("/api/v3")
            if below == target and target != "/api/graphql":
                self._gateway.violations.append(f"{method} {target}: not below /api/v3, where GHES has its interface")
                return Answer(404, {"message": "Not Found"})
            target = "/graphql" if target == "/api/graphql" else below
        return self._gateway.answer(method, target, headers, body, site)

    def _results(self, site: Site, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        if self.enterprise:
            return Answer(404, {"code": "bad_route", "msg": f"no handler for path {target}"})
        return results.respond(site, self.violations, method, target, headers, body)


def _failure(fault: Fault) -> Answer:
    status = fault.status or 502
    words = {502: "Server Error", 503: "Service Unavailable", 500: "Server Error", 429: "Too Many Requests"}
    body = fault.body if fault.body is not None else {"message": words.get(status, "Fault"), "status": str(status)}
    return Answer(status, body, {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {})


def _json(body: bytes) -> Json:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
