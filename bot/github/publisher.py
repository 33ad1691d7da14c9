"""Putting one verdict where it belongs; what a permission is missing for is left out, with one line that says which."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from bot.github import gate, issues, links
from bot.github.client import MISREAD, Client, Denied
from bot.github.comment import Sticky, marker
from bot.github.event import Activity
from bot.github.gate import Gate
from bot.github.issues import IssueOutcome
from bot.model.errors import GitHubError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Texts:
    """A verdict as GitHub shows it."""

    verdict: str
    comment: str
    status: str
    title: str
    summary: str


@dataclass
class Publication:
    """What was done. `lines` say it in words; `denied` what a permission was missing for, `failed` what GitHub failed."""

    comment_url: str | None = None
    outcomes: list[IssueOutcome] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Publisher:
    """One verdict's way to GitHub."""

    def __init__(
        self, client: Client, activity: Activity, sha: str, service: str, environment: str, run_url: str | None
    ) -> None:
        self.client = client
        self.activity = activity
        self.sha = sha
        self.gate = Gate(client, sha, environment, run_url)
        self.sticky = Sticky(client, marker(service, environment))
        self.done = Publication()
        self.check: int | None = None

    def begin(self) -> None:
        """Say that the proof is under way. Nothing here is worth stopping for."""
        self._try("the status", lambda: self.gate.status("pending", "The proof is under way"))
        self.check = self._try("the check", self.gate.begin_check)

    def publish(self, texts: Texts, close: Literal["stable", "never"]) -> Publication:
        """Write the comments, the status, the check, and settle the issues. All that can be done is done.

        Raises:
            GitHubError: GitHub was out of reach for some of it.
        """
        self.done = Publication()
        found = self._try("the pull request", lambda: links.find(self.client, self.sha, self.activity.pull_request))
        where = found or links.Links(self.activity.pull_request, (), ())
        if where.failed:
            self.done.failed.append(f"the linked issues: {where.failed}")
        closing = self._issues(tuple(number for number in where.issues if number != where.pull_request))
        self._comments(texts, where.pull_request, closing)
        self._try("the status", lambda: self.gate.status(gate.STATES[texts.verdict], texts.status))
        conclusion = gate.CONCLUSIONS[texts.verdict]
        self._try("the check", lambda: self.gate.end_check(self.check, conclusion, texts.title, texts.summary))
        for number in closing:
            outcome = self._try(
                f"issue #{number}",
                lambda number=number: issues.settle(self.client, number, texts.verdict, close),  # type: ignore[misc]
            )
            if outcome is not None:
                self.done.outcomes.append(outcome)
                self.done.lines.append(outcome.sentence)
        self.done.lines += [f"{each} is in another repository, and is not written to" for each in where.elsewhere]
        if self.done.failed:
            raise GitHubError(f"the verdict could not be put on GitHub: {'; '.join(dict.fromkeys(self.done.failed))}")
        return self.done

    def abandon(self, reason: str) -> None:
        """Close what `begin` opened, when there will be no verdict."""
        self._try("the status", lambda: self.gate.status("error", reason))
        self._try("the check", lambda: self.gate.cancel_check(self.check, reason))

    def _issues(self, named: tuple[int, ...]) -> tuple[int, ...]:
        """Those that are issues. A number that somebody mistyped, or that is a pull request, is said and left alone."""
        found: list[int] = []
        for number in named:
            before = len(self.done.failed) + len(self.done.denied)
            why = self._try(f"issue #{number}", lambda number=number: issues.there(self.client, number))  # type: ignore[misc]
            if why is not None:
                self.done.lines.append(why)
            elif len(self.done.failed) + len(self.done.denied) == before:
                found.append(number)
        return tuple(found)

    def _comments(self, texts: Texts, pull_request: int | None, closing: tuple[int, ...]) -> None:
        asked = (self.activity.issue,) if self.activity.issue is not None else ()
        places = [number for number in dict.fromkeys((pull_request, *closing, *asked)) if number is not None]
        for number in places:
            url = self._try(
                f"the comment on #{number}",
                lambda number=number: self.sticky.on_issue(number, texts.comment),  # type: ignore[misc]
            )
            self.done.comment_url = self.done.comment_url or url
        if not places:
            self.done.comment_url = self._try(
                "the comment on the commit", lambda: self.sticky.on_commit(self.sha, texts.comment)
            )

    def _try(self, what: str, act: Callable[[], _T]) -> _T | None:
        try:
            return act()
        except Denied as error:
            self.done.denied.append(f"{what} was left out: {error}")
        except GitHubError as error:
            self.done.failed.append(f"{what}: {error}")
        except MISREAD as error:
            self.done.failed.append(f"{what}: GitHub's answer is not as GitHub describes it: {type(error).__name__}")
        return None
