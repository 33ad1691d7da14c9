"""From an event to what is to be done: a pure function."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.model.errors import UsageError

NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class Activity:
    """What an event asks for. `commit` is what to deploy, None when there is nothing to do, and then `reason` says why.

    `pull_request` is the merged one where the event names it; `issue` one to report on, which is not closed or reopened.
    """

    commit: str | None
    reason: str
    pull_request: int | None = None
    issue: int | None = None


def activity(name: str, event: Mapping[str, Any], sha: str, ref: str, inputs: Mapping[str, str]) -> Activity:
    """What to do. Never a pull request's head: a merge is deployed as its merge commit.

    Raises:
        UsageError: the event or an input is not what it should be.
    """
    issue = _number(inputs.get("issue"), "issue")
    try:
        if name == "push":
            found = _push(event)
        elif name in ("pull_request", "pull_request_target"):
            found = _pull_request(event)
        elif name == "workflow_dispatch":
            asked = event.get("inputs") or {}
            issue = issue or _number(asked.get("issue"), "issue")
            found = Activity(sha, f"asked for by hand on {ref or sha}")
        else:
            found = Activity(None, f"the event {name!r} asks for nothing here; use push or workflow_dispatch")
        found = dataclasses.replace(found, commit=_commit(found.commit, name))
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the event {name!r} is not as GitHub sends it: {type(error).__name__}: {error}") from None
    wanted = inputs.get("commit")
    if found.commit is not None and wanted and wanted != found.commit:
        # another commit than the merge: what is proven of it says nothing of the pull request, nor of its issues
        found = Activity(wanted, found.reason)
    return dataclasses.replace(found, issue=issue)


def _push(event: Mapping[str, Any]) -> Activity:
    ref, default = event["ref"], event["repository"]["default_branch"]
    if event.get("deleted") or event["after"] == NO_COMMIT:
        return Activity(None, f"{ref} was deleted")
    if ref != f"refs/heads/{default}":
        return Activity(None, f"{ref} is not the default branch, {default}")
    return Activity(str(event["after"]), f"pushed to {default}")


def _pull_request(event: Mapping[str, Any]) -> Activity:
    pull = event["pull_request"]
    number, base = pull["number"], pull["base"]["ref"]
    default = event["repository"]["default_branch"]
    if event.get("action") != "closed":
        return Activity(None, f"pull request #{number} was {event.get('action')}, not closed")
    if not pull.get("merged"):
        return Activity(None, f"pull request #{number} was closed without being merged")
    if base != default:
        return Activity(None, f"pull request #{number} was merged into {base}, not into the default branch, {default}")
    commit = pull["merge_commit_sha"]
    if not commit:
        return Activity(None, f"pull request #{number} has no merge commit yet; run it again")
    return Activity(commit, f"pull request #{number} was merged", number)


def _commit(text: Any, name: str) -> str | None:
    if text is None or (isinstance(text, str) and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text)):
        return text
    raise UsageError(f"the event {name!r} is not as GitHub sends it: its commit is {str(text)[:60]!r}, no full SHA")


def _number(text: Any, what: str) -> int | None:
    if text in (None, ""):
        return None
    if isinstance(text, int | str) and (found := re.fullmatch(r"#?([1-9][0-9]{0,9})", str(text))):
        return int(found[1])
    raise UsageError(f"the input {what} is {str(text)[:40]!r}; it is the number of an issue")
