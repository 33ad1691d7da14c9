"""GitHub through PyGithub, with what its own retries get wrong done here.

PyGithub sends a POST again after a 5xx and never a PATCH. Here what can be repeated is repeated; after a POST whose fate
is unknown the caller looks again; and all waiting together has one bound.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from bot.model.errors import GitHubError

if TYPE_CHECKING:
    from github import Github
    from github.Repository import Repository

_T = TypeVar("_T")
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
LITTLE = 8.0
"""Seconds of waiting that are left once GitHub was out of reach for a whole round of tries."""
TIMEOUT = 15
"""Seconds that an answer may take."""
ANSWERS = 2.0
"""Times the patience: all that a client may take, slow answers too; but time enough for one."""
SECONDARY = 60.0
"""Seconds to wait at a secondary limit that says no time of its own (docs.github.com, "Rate limits for the REST API")."""
MISREAD = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What comes of reading an answer that is not as GitHub describes it: a proxy's page, say, with the status 200."""


@dataclass(frozen=True)
class Clock:
    """How time passes: tests have a time of their own, in which nobody waits."""

    sleep: Callable[[float], None] = lambda seconds: time.sleep(seconds)
    monotonic: Callable[[], float] = lambda: time.monotonic()
    time: Callable[[], float] = lambda: time.time()


class Denied(GitHubError):
    """The token may not do this.

    Attributes:
        permission: what to add to the job's `permissions:`.
    """

    def __init__(self, permission: str, said: str) -> None:
        super().__init__(_advice(permission, said))
        self.permission = permission


def _advice(permission: str, said: str) -> str:
    """What to do about a refusal. Not every one is about a permission."""
    if "authenticate via a GitHub App" in said:
        return f"a personal token cannot do this ({said}); give `github-token: ${{{{ github.token }}}}`"
    if re.search(r"\b(?:locked|archived|SAML|IP allow list)\b", said, re.IGNORECASE):
        return f"GitHub refuses this, whatever the permissions: {said}"
    return f"the token may not do this ({said}); add `{permission}` to the job's permissions"


class Unsure(GitHubError):
    """GitHub failed on something that must not be sent twice: it may have been done."""


class Missing(GitHubError):
    """There is no such thing, or the token cannot see it."""


class Client:
    """One repository. `patience` bounds, in seconds, all the waiting of this client together: pauses, and tries that failed.
    With all that was answered, quickly or slowly, it is `ANSWERS` times that, and then nothing is asked any more.
    """

    def __init__(
        self, api_url: str, token: str, repository: str, *, patience: float = 120.0, clock: Clock | None = None
    ) -> None:
        if not token:
            raise GitHubError("there is no token: give `github-token`")
        self.api_url = api_url
        self.token = token
        self.name = repository
        self.clock = clock or Clock()
        self._patience = patience
        self._left = max(ANSWERS * patience, TIMEOUT)
        self._github: Github | None = None

    @property
    def github(self) -> "Github":
        """PyGithub, imported when it is first needed."""
        if self._github is None:
            from github import Auth, Github

            self._github = Github(
                auth=Auth.Token(self.token),
                base_url=self.api_url,
                per_page=100,
                timeout=TIMEOUT,
                retry=None,
                lazy=True,
                seconds_between_requests=None,
                seconds_between_writes=None,
                user_agent="stability-proof",
            )
        return self._github

    @property
    def repository(self) -> "Repository":
        """The repository, without asking for it."""
        return self.github.get_repo(self.name)

    def now(self) -> str:
        """The time as GitHub writes it: UTC, whole seconds."""
        return datetime.fromtimestamp(self.clock.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def wait(self, seconds: float) -> bool:
        """Give GitHub time to catch up; False, at once, where none is left for waiting."""
        if self._patience < seconds:
            return False
        self._patience -= seconds
        self._left -= seconds
        self.clock.sleep(seconds)
        return True

    def pause(self, attempt: int) -> bool:
        """The wait before the next try of what was tried so often (from 0) without an answer to go by."""
        return self.wait(PAUSES[min(attempt, len(PAUSES) - 1)])

    def json(self, permission: str, verb: str, path: str, **parameters: Any) -> Any:
        """One REST call that PyGithub has no method for; it must be repeatable."""
        _, data = self.call(
            permission, lambda: self.github.requester.requestJsonAndCheck(verb, path, parameters=parameters or None)
        )
        return data

    def send(self, permission: str, path: str, body: Any, *, repeatable: bool) -> Any:
        """One POST that PyGithub has no method for."""
        _, data = self.call(
            permission,
            lambda: self.github.requester.requestJsonAndCheck("POST", path, input=body),
            repeatable=repeatable,
        )
        return data

    def call(self, permission: str | Callable[[], str], act: Callable[[], _T], *, repeatable: bool = True) -> _T:
        """Do one thing. `permission` is what it takes; where that shows only in the answer, what says it then.

        Raises:
            Denied, Missing: GitHub says no.
            Unsure: it is not repeatable, and failed in a way that leaves open whether it was done.
            GitHubError: GitHub is out of reach, answers what it never does, or the patience is at its end.
        """
        from github import GithubException
        from requests import RequestException

        for pause in (*PAUSES, None):
            if self._left <= 0:
                raise GitHubError("GitHub answers so slowly that the time that there is for it is used up")
            began = self.clock.monotonic()
            try:
                return act()
            except GithubException as error:
                wait = self._after(error, permission, repeatable=repeatable, pause=pause)
                said = f"GitHub answered {error.status}"
            except RequestException as error:
                said = f"GitHub cannot be reached: {type(error).__name__}"
                if not repeatable:
                    raise Unsure(said) from None
                if pause is None:
                    self._patience = min(self._patience, LITTLE)
                    raise GitHubError(said) from None
                wait = pause
            except MISREAD as error:
                said = f"GitHub's answer is not as GitHub describes it: {type(error).__name__}: {str(error)[:100]}"
                raise (GitHubError if repeatable else Unsure)(said) from error
            finally:
                self._left -= self.clock.monotonic() - began
            self._sleep(wait, self.clock.monotonic() - began, said)
        raise GitHubError("GitHub cannot be reached")

    def _after(
        self, error: Any, permission: str | Callable[[], str], *, repeatable: bool, pause: float | None
    ) -> float:
        """How long to wait before the next try; raises where there is none."""
        status, said = error.status, _said(error)
        headers = {key.lower(): value for key, value in (error.headers or {}).items()}
        about_rates = re.search("rate limit|abuse detection", said, re.IGNORECASE)
        limited = status == 429 or (status == 403 and (about_rates is not None or "retry-after" in headers))
        if limited and pause is not None:
            return _asked_for(headers, self.clock.time())
        if limited:
            raise GitHubError(f"GitHub's rate limit is used up: {said}")
        if status >= 500 and not repeatable:
            raise Unsure(f"GitHub answered {status}") from None
        if status >= 500 and pause is not None:
            return pause
        if status == 401:
            raise GitHubError(f"GitHub does not take the token: {said}") from None
        if status == 403:
            raise Denied(permission if isinstance(permission, str) else permission(), said) from None
        if status in (404, 410):
            raise Missing(f"GitHub has no such thing, or the token cannot see it: {said}") from None
        raise GitHubError(f"GitHub answered {status}: {said}") from None

    def _sleep(self, seconds: float, waited: float, said: str) -> None:
        """Wait; a try that failed slowly was waiting too. `said` is what is waited out."""
        self._patience -= waited
        # a wait that is not begun uses nothing up: what else is to be done may need a short one
        if seconds > self._patience:
            raise GitHubError(f"{said}, and did not recover in the time that there is for waiting")
        self._patience -= seconds
        self._left -= seconds
        self.clock.sleep(seconds)


def _said(error: Any) -> str:
    data = error.data
    message = data.get("message") if isinstance(data, dict) else data
    return str(message or error)[:300]


def _asked_for(headers: dict[str, str], now: float) -> float:
    if headers.get("retry-after", "").isdigit():
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
        return max(1.0, float(headers["x-ratelimit-reset"]) - now)
    return SECONDARY
