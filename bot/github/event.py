"""From an event, and the few facts that it does not say, to what is to be done: a pure function.

docs/github/events.md says what each event does. Only what is on the default branch is ever deployed or signed in to, and
what a merge queue is about to put there: a pull request's head, which may be anybody's, never is.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.github.said import Said
from bot.model.errors import UsageError
from bot.safety.urls import deployed_url

NO_COMMIT = "0" * 40
OURS = "stability-proof/"
"""What the `format` in the payload of a deployment begins with, where the bot itself made the record."""
ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
COMMAND = re.compile(r"^[ \t]*/stability\b", re.MULTILINE)
Kind = Literal["prove", "rehearse", "refresh", "probe", "judge", "talk", "nothing"]
DEPLOYS: frozenset[Kind] = frozenset({"prove", "rehearse", "refresh"})


@dataclass(frozen=True)
class Activity:
    """What an event asks for.

    - `prove`: deploy `commit`, and settle whatever the verdict settles.
    - `rehearse`: deploy a merge that a queue wants to make, prove it, and give the traffic back whatever the verdict.
    - `refresh`: the same of what serves, so that there is a new baseline. `commit` is the default branch's tip, which it
      need not be: what is kept says it (`bot/stages/refreshing.py`).
    - `probe`: somebody else deployed `commit` at `url`.
    - `judge`: the stored runs of `commit` are judged again; nothing is deployed or measured. No event asks for it.
    - `talk`: somebody `said` something to the bot.
    - `nothing`: and `reason` says why. `commit` is None then, as it is for `talk`.

    `pull_request` is the merged one where the event names it; `issue` one to report on, which is not closed or reopened;
    `environment` the one that the event names.
    """

    commit: str | None
    reason: str
    pull_request: int | None = None
    issue: int | None = None
    kind: Kind = "prove"
    said: Said | None = None
    url: str | None = None
    environment: str | None = None

    @property
    def comments(self) -> bool:
        """Whether the verdict is written where people talk. Otherwise it is a status and a check alone."""
        return self.kind in ("prove", "probe", "judge")

    @property
    def writes_issues(self) -> bool:
        """Whether the verdict closes and reopens issues."""
        return self.kind in ("prove", "probe", "judge")

    @property
    def keeps_baseline(self) -> bool:
        """Whether later revisions may be compared with this one: a rehearsed commit is on no branch."""
        return self.kind in ("prove", "refresh", "probe", "judge")

    @property
    def hands_over(self) -> bool:
        """Whether the candidate may keep the traffic."""
        return self.kind == "prove"


@dataclass(frozen=True)
class Facts:
    """What an event does not say. `on_default_branch` is about the commit `in_question`, None where nobody asked.

    `environment` is the one that the spec is about, `url` where its target says that the service is, `server_url` the
    address of GitHub's own pages.
    """

    on_default_branch: bool | None = None
    environment: str | None = None
    url: str | None = None
    server_url: str = ""


def in_question(name: str, event: Mapping[str, Any]) -> str | None:
    """The commit of which it matters whether it is on the default branch, if the event names one."""
    if name == "deployment_status":
        status, deployment = event.get("deployment_status"), event.get("deployment")
        if isinstance(status, Mapping) and isinstance(deployment, Mapping) and status.get("state") == "success":
            return _commit(deployment.get("sha"), name)
    if name == "repository_dispatch" and isinstance(given := event.get("client_payload"), Mapping):
        return _commit(given.get("commit") or None, name)
    return None


def activity(
    name: str, event: Mapping[str, Any], sha: str, ref: str, inputs: Mapping[str, str], facts: Facts | None = None
) -> Activity:
    """What to do. Never a pull request's head: a merge is deployed as its merge commit.

    Raises:
        UsageError: the event or an input is not what it should be.
    """
    issue = _number(inputs.get("issue"), "input issue")
    try:
        found = _found(name, event, sha, ref, facts or Facts())
        found = dataclasses.replace(found, commit=_commit(found.commit, name))
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the event {name!r} is not as GitHub sends it: {type(error).__name__}: {error}") from None
    wanted = inputs.get("commit")
    if found.kind in DEPLOYS and wanted and wanted != found.commit:
        # another commit than the merge: what is proven of it says nothing of the pull request, nor of its issues
        found = dataclasses.replace(found, commit=wanted, pull_request=None)
    return dataclasses.replace(found, issue=issue or found.issue)


def _found(name: str, event: Mapping[str, Any], sha: str, ref: str, facts: Facts) -> Activity:
    match name:
        case "push":
            return _push(event)
        case "pull_request" | "pull_request_target":
            return _pull_request(event, name)
        case "merge_group":
            return _merge_group(event)
        case "workflow_dispatch":
            asked = event.get("inputs") or {}
            return Activity(sha, f"asked for by hand on {ref or sha}", issue=_number(asked.get("issue"), "input issue"))
        case "schedule":
            return Activity(sha, "the baseline is refreshed at the appointed time", kind="refresh")
        case "deployment_status":
            return _deployment_status(event, facts)
        case "issue_comment":
            return _issue_comment(event)
        case "repository_dispatch":
            return _repository_dispatch(event, sha, facts)
        case _:
            return _nothing(f"the event {name!r} asks for nothing here; docs/github/events.md lists those that do")


def _nothing(reason: str) -> Activity:
    return Activity(None, reason, kind="nothing")


def _push(event: Mapping[str, Any]) -> Activity:
    ref, default = event["ref"], event["repository"]["default_branch"]
    if event.get("deleted") or event["after"] == NO_COMMIT:
        return _nothing(f"{ref} was deleted")
    if ref != f"refs/heads/{default}":
        return _nothing(f"{ref} is not the default branch, {default}")
    return Activity(_sha(event["after"], "push"), f"pushed to {default}")


def _pull_request(event: Mapping[str, Any], name: str) -> Activity:
    pull = event["pull_request"]
    number, base = _whole(pull["number"]), pull["base"]["ref"]
    default = event["repository"]["default_branch"]
    if event.get("action") != "closed":
        return _nothing(f"pull request #{number} was {event.get('action')}, not closed")
    if not pull.get("merged"):
        return _nothing(f"pull request #{number} was closed without being merged")
    if base != default:
        return _nothing(f"pull request #{number} was merged into {base}, not into the default branch, {default}")
    commit = pull["merge_commit_sha"]
    if not commit:
        return _nothing(f"pull request #{number} has no merge commit yet; run it again")
    there = pull["head"]["repo"]
    foreign = there is None or there["full_name"] != event["repository"]["full_name"]
    # GitHub, "Events that trigger workflows": whatever `permissions:` says, and for the merge as well
    few = "; it comes from a fork, so this token only reads and there are no secrets: use the event push instead"
    return Activity(
        commit, f"pull request #{number} was merged{few if foreign and name == 'pull_request' else ''}", number
    )


def _merge_group(event: Mapping[str, Any]) -> Activity:
    group, default = event["merge_group"], event["repository"]["default_branch"]
    if event.get("action") != "checks_requested":
        return _nothing(f"the merge group was {event.get('action')}: no checks are asked for")
    if group["base_ref"] != f"refs/heads/{default}":
        return _nothing(f"the merge group is for {group['base_ref']}, not for the default branch, {default}")
    commit = _sha(group["head_sha"], "merge_group")
    return Activity(commit, f"rehearsed before it is merged into {default}", kind="rehearse")


def _deployment_status(event: Mapping[str, Any], facts: Facts) -> Activity:
    status, deployment = event["deployment_status"], event["deployment"]
    where = deployment["environment"]
    if status["state"] != "success":
        return _nothing(f"the deployment to {where} is {status['state']}; what is probed is a success")
    if _ours(deployment):
        return _nothing(f"the deployment to {where} is the bot's own, and has its verdict")
    if facts.environment is not None and str(where).casefold() != facts.environment.casefold():
        return _nothing(f"it was deployed to {where}; the spec is about {facts.environment}")
    commit = _sha(deployment["sha"], "deployment_status")
    if not facts.on_default_branch:
        return _nothing(
            f"{commit} was deployed to {where} and is not on the default branch: nothing signs in to what may be anybody's"
        )
    url = _url(status, facts)
    return Activity(commit, f"somebody else deployed it to {where}", kind="probe", url=url)


def _ours(deployment: Mapping[str, Any]) -> bool:
    # an App's token starts workflows, where the runner's own does not: without this one verdict would ask for the next
    payload = deployment.get("payload")
    return isinstance(payload, Mapping) and str(payload.get("format")).startswith(OURS)


def _url(status: Mapping[str, Any], facts: Facts) -> str:
    """Where the deployment answers. `target_url` is where older tools say it, and newer ones where their log is."""
    older = status.get("target_url") or ""
    if older == status.get("log_url") or (facts.server_url and older.startswith(f"{facts.server_url}/")):
        older = ""
    found = status.get("environment_url") or facts.url or older
    if not found:
        raise UsageError("the deployment names no address (`environment_url`); name it in the spec: `deploy: {url: …}`")
    try:
        return deployed_url(str(found))
    except ValueError as error:
        raise UsageError(f"the deployment's address is refused: {error}") from None


def _issue_comment(event: Mapping[str, Any]) -> Activity:
    comment, issue = event["comment"], event["issue"]
    if event.get("action") != "created":
        return _nothing(f"a comment was {event.get('action')}: only a new one is heard")
    author = comment.get("user") or {}
    if author.get("type") != "User":
        return _nothing("the comment is not a person's")
    body = comment["body"] or ""
    if not COMMAND.search(body):
        return _nothing("the comment asks nothing of the bot")
    said = Said(
        id=_whole(comment["id"]),
        body=body,
        author=str(author["login"]),
        association=str(comment.get("author_association") or "NONE"),
        number=_whole(issue["number"]),
        on_pull_request=bool(issue.get("pull_request")),
        url=str(comment["html_url"]),
        at=str(comment["created_at"]),
    )
    return Activity(None, f"{said.author} wrote on #{said.number}", kind="talk", said=said)


def _repository_dispatch(event: Mapping[str, Any], sha: str, facts: Facts) -> Activity:
    given = event.get("client_payload") or {}
    commit, environment = given.get("commit") or None, given.get("environment") or None
    if environment is not None and not (isinstance(environment, str) and ENVIRONMENT.fullmatch(environment)):
        raise UsageError(
            f"client_payload.environment is {str(environment)[:60]!r}; it is the name of an environment: "
            "letters, digits, '.', '_' and '-'"
        )
    if commit is not None and not facts.on_default_branch:
        raise UsageError(f"client_payload.commit is {str(commit)[:60]!r}, which is not on the default branch")
    issue = _number(given.get("issue"), "client_payload.issue")
    return Activity(commit or sha, f"asked for by {event.get('action')}", issue=issue, environment=environment)


def _sha(text: Any, name: str) -> str:
    if text is None:
        raise UsageError(f"the event {name!r} is not as GitHub sends it: it has no commit, no full SHA")
    found = _commit(text, name)
    assert found is not None
    return found


def _commit(text: Any, name: str) -> str | None:
    if text is None or (isinstance(text, str) and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text)):
        return text
    raise UsageError(f"the event {name!r} is not as GitHub sends it: its commit is {str(text)[:60]!r}, no full SHA")


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"{str(value)[:40]!r} is no whole number")


def _number(text: Any, what: str) -> int | None:
    if text in (None, ""):
        return None
    if isinstance(text, int | str) and (found := re.fullmatch(r"#?([1-9][0-9]{0,9})", str(text))):
        return int(found[1])
    raise UsageError(f"the {what} is {str(text)[:40]!r}; it is the number of an issue")
