"""What a verdict does to the issues that a change closes, or that an earlier change was shown to have mended.

GitHub itself closes them at the merge, before anything was proven. So a stable verdict confirms or closes; an unstable or
inconclusive one reopens, with the evidence, what was closed as completed: what was not measured is never green. An issue
that somebody closed as not planned or as a duplicate is left as it is.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.github.client import Client, Missing

if TYPE_CHECKING:
    from github.Issue import Issue

KEPT = frozenset({"not_planned", "duplicate"})


@dataclass(frozen=True)
class IssueOutcome:
    """What became of one issue."""

    number: int
    before: str
    after: str
    sentence: str


def settle(client: Client, number: int, verdict: str, close: Literal["stable", "never"]) -> IssueOutcome:
    """Bring one issue into the state that the verdict calls for. Doing it again changes nothing."""
    issue = _issue(client, number)
    before = issue.state
    if issue.pull_request is not None:
        return IssueOutcome(number, before, before, f"#{number} is a pull request, and stays {before}")
    if (words := _set_aside(issue)) is not None:
        return IssueOutcome(number, before, before, f"#{number} stays closed: somebody closed it as {words}")
    if verdict == "stable":
        if before == "closed":
            return IssueOutcome(number, before, "closed", f"#{number} was closed already, and is confirmed")
        if close == "never":
            return IssueOutcome(number, before, before, f"#{number} is left open: `issue: close` is never")
        client.call("issues: write", lambda: issue.edit(state="closed", state_reason="completed"))
        return IssueOutcome(number, before, "closed", f"#{number} is closed as completed")
    if verdict == "first run":
        return IssueOutcome(number, before, before, f"#{number} stays {before}: a first run compares with nothing")
    if before == "open":
        return IssueOutcome(number, before, "open", f"#{number} stays open")
    client.call("issues: write", lambda: issue.edit(state="open", state_reason="reopened"))
    return IssueOutcome(number, before, "open", f"#{number} is reopened")


def there(client: Client, number: int) -> str | None:
    """Why a number that somebody wrote is no issue of this repository; None when it is one."""
    try:
        issue = _issue(client, number)
    except Missing:
        return f"#{number} is named as closed by this change, and there is no such issue"
    return f"#{number} is a pull request, and is not settled" if issue.pull_request is not None else None


def gone(client: Client, number: int) -> str | None:
    """Why an issue that was closed on a proof is not reopened though the proof no longer holds; None when it is."""
    try:
        issue = _issue(client, number)
    except Missing:
        return f"#{number} is not here any more"
    if issue.pull_request is not None:
        return f"#{number} is a pull request, and is not reopened"
    if (words := _set_aside(issue)) is not None:
        return f"#{number} stays closed: somebody closed it as {words}"
    return None


def closed(client: Client, number: int) -> str | None:
    """Why nobody is told that what an issue was reopened for holds again; None when they are."""
    try:
        issue = _issue(client, number)
    except Missing:
        return f"#{number} is not here any more"
    return f"#{number} is closed by now" if issue.state == "closed" else None


def _set_aside(issue: "Issue") -> str | None:
    """As what somebody closed it, where that was not because it is done."""
    aside = issue.state == "closed" and issue.state_reason in KEPT
    return str(issue.state_reason).replace("_", " ") if aside else None


def _issue(client: Client, number: int) -> "Issue":
    def complete() -> "Issue":
        found = client.repository.get_issue(number)
        found.complete()
        return found

    return client.call("issues: write", complete)  # reading alone would settle nothing
