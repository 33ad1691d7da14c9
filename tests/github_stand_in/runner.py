"""The environment that a runner gives an action, and what it reads back from the files that the action wrote.

Source: actions/runner, `GitHubContext.cs`, `Handler.cs` and `FileCommandManager.cs`.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.events import Event
from tests.github_stand_in.stand_in import StandIn
from tests.github_stand_in.world import Repository

ACTION = Path(__file__).parents[2] / "action.yml"
WORKFLOW = ".github/workflows/stability.yml"
FILES = {
    "GITHUB_OUTPUT": "set_output",
    "GITHUB_STEP_SUMMARY": "step_summary",
    "GITHUB_STATE": "save_state",
    "GITHUB_ENV": "set_env",
    "GITHUB_PATH": "add_path",
}


def runner_environment(
    github: StandIn,
    event: Event,
    folder: Path,
    *,
    inputs: dict[str, str] | None = None,
    permissions: dict[str, str] | None = None,
    token: str | None = None,
    action: Path = ACTION,
) -> dict[str, str]:
    """The variables of a job that the event started, in a repository of the stand-in; the files are below `folder`.

    The workspace is `folder/workspace`. Inputs that are not given have the defaults of the action's own file. The
    token may do what `permissions` say (`{"issues": "write"}`), or all; for a pull request from a fork it may read,
    and there is a run of the workflow whose artifacts go to the stand-in.
    """
    repository = github.world.repositories[event.payload["repository"]["full_name"]]
    sha, ref, base, head = _revision(event, repository)
    pull = event.payload.get("pull_request")
    there = pull["head"]["repo"]["full_name"] if pull and pull["head"]["repo"] else repository.full_name
    fork = event.name == "pull_request" and there != repository.full_name
    if token is None:
        token = github.fork_token(repository.full_name) if fork else github.token(repository.full_name, permissions)
    actor = event.payload.get("sender", {}).get("login", repository.owner)
    run = repository.workflow_run(
        event=event.name,
        path=WORKFLOW,
        head_branch=head or ref.rsplit("/", 1)[-1],
        head_sha=pull["head"]["sha"] if pull else sha,
        head_repository=there,
        login=actor,
    )
    variables = {
        "CI": "true",
        "GITHUB_ACTION": "__run",
        "GITHUB_ACTION_REPOSITORY": "",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": actor,
        "GITHUB_ACTOR_ID": str(github.world.user(actor).id),
        "GITHUB_API_URL": github.url,
        "GITHUB_BASE_REF": base,
        "GITHUB_EVENT_NAME": event.name,
        "GITHUB_GRAPHQL_URL": github.graphql_url,
        "GITHUB_HEAD_REF": head,
        "GITHUB_JOB": "stability",
        "GITHUB_REF": ref,
        "GITHUB_REF_NAME": re.sub(r"^refs/(heads|tags|pull)/", "", ref),
        "GITHUB_REF_PROTECTED": "false",
        "GITHUB_REF_TYPE": "tag" if ref.startswith("refs/tags/") else "branch",
        "GITHUB_REPOSITORY": repository.full_name,
        "GITHUB_REPOSITORY_ID": str(repository.id),
        "GITHUB_REPOSITORY_OWNER": repository.owner,
        "GITHUB_REPOSITORY_OWNER_ID": str(github.world.user(repository.owner).id),
        "GITHUB_RETENTION_DAYS": "90",
        "GITHUB_RUN_ATTEMPT": str(run.attempt),
        "GITHUB_RUN_ID": str(run.id),
        "GITHUB_RUN_NUMBER": "1",
        "GITHUB_SERVER_URL": github.server_url,
        "GITHUB_SHA": sha,
        "GITHUB_TRIGGERING_ACTOR": actor,
        "GITHUB_WORKFLOW": "Stability",
        "GITHUB_WORKFLOW_REF": f"{repository.full_name}/{WORKFLOW}@{ref}",
        "GITHUB_WORKFLOW_SHA": sha,
        "RUNNER_ARCH": "X64",
        "RUNNER_ENVIRONMENT": "github-hosted",
        "RUNNER_NAME": "GitHub Actions 1",
        "RUNNER_OS": "Linux",
        "ACTIONS_RESULTS_URL": github.results_url,
        "ACTIONS_RUNTIME_TOKEN": run.token,
        "ACTIONS_RUNTIME_URL": github.results_url,
    }
    return variables | _files(folder, event.payload) | _inputs(action, inputs or {}, token)


def _revision(event: Event, repository: Repository) -> tuple[str, str, str, str]:
    """GITHUB_SHA, GITHUB_REF, GITHUB_BASE_REF and GITHUB_HEAD_REF."""
    payload, default = event.payload, repository.default_branch
    tip = repository.branches[default]
    if event.name == "push":
        return payload["after"], payload["ref"], "", ""
    if event.name == "pull_request":
        pull = payload["pull_request"]
        base, head = pull["base"]["ref"], pull["head"]["ref"]
        if pull["merged"]:
            return pull["merge_commit_sha"], f"refs/heads/{base}", base, head
        return pull["head"]["sha"], f"refs/pull/{pull['number']}/merge", base, head
    if event.name == "pull_request_target":
        pull = payload["pull_request"]
        return tip, f"refs/heads/{pull['base']['ref']}", pull["base"]["ref"], pull["head"]["ref"]
    if event.name == "deployment_status":
        deployment = payload["deployment"]
        return deployment["sha"], f"refs/heads/{deployment['ref']}" if deployment["ref"] == default else "", "", ""
    if event.name == "merge_group":
        group = payload["merge_group"]
        return group["head_sha"], group["head_ref"], "", ""
    if event.name == "workflow_dispatch":
        found = repository.find(payload["ref"])
        return found.sha if found else tip, payload["ref"], "", ""
    return tip, f"refs/heads/{default}", "", ""


def _files(folder: Path, payload: dict[str, Any]) -> dict[str, str]:
    commands, workflow, workspace, temp = (folder / name for name in ("commands", "workflow", "workspace", "temp"))
    for each in (commands, workflow, workspace, temp):
        each.mkdir(parents=True, exist_ok=True)
    event = workflow / "event.json"
    event.write_text(json.dumps(payload))
    made = {name: commands / file for name, file in FILES.items()}
    for each in made.values():
        each.write_text("")
    paths = {"GITHUB_EVENT_PATH": event, "GITHUB_WORKSPACE": workspace, "RUNNER_TEMP": temp}
    return {name: str(path) for name, path in (made | paths).items()}


def _inputs(action: Path, given: dict[str, str], token: str) -> dict[str, str]:
    declared = yaml.safe_load(action.read_text())["inputs"] if action.exists() else {"github-token": {}}
    if unknown := set(given) - set(declared):
        raise ValueError(f"{action.name} has no input {sorted(unknown)}")
    values = {name: str(each.get("default", "")) for name, each in declared.items()} | {"github-token": token} | given
    for name, value in values.items():
        if "${{" in value:
            raise ValueError(f"the default of the input {name!r} is an expression that is not known here: {value}")
    # spaces become underscores; hyphens stay
    return {f"INPUT_{name.replace(' ', '_').upper()}": value for name, value in values.items()}


def outputs(environment: dict[str, str], file: str = "GITHUB_OUTPUT") -> dict[str, str]:
    """What the action wrote to its outputs (or GITHUB_STATE), read as the runner reads it.

    Raises:
        ValueError: the runner would refuse the file.
    """
    lines = iter(Path(environment[file]).read_text().splitlines(keepends=True))
    found: dict[str, str] = {}
    for line in lines:
        text = line.rstrip("\r\n")
        if not text:
            continue
        equals, heredoc = text.find("="), text.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = text.partition("=")
        elif heredoc >= 0:
            name, _, delimiter = text.partition("<<")
            rows = []
            while (row := next(lines, None)) is not None and row.rstrip("\r\n") != delimiter:
                rows.append(row)
            if row is None:
                raise ValueError(f"Invalid value. Matching delimiter not found '{delimiter}'")
            value = "".join(rows).removesuffix("\n").removesuffix("\r")
        else:
            raise ValueError(f"Invalid format '{text}'")
        if not name:
            raise ValueError(f"Invalid format '{text}'. Name must not be empty")
        found[name] = value
    return found


COMMANDS = {
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "internal-set-repo-path"),
    *("notice", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning"),
}
IGNORED = dict.fromkeys((*range(0x200B, 0x2010), 0x2060, 0xFEFF, 0xAD))
"""What .NET's comparison of texts by culture, which the runner uses, does not see."""


def obeyed(log: str) -> list[str]:
    """The commands in a log that the runner would carry out, each as `NAME DATA`.

    Source: actions/runner, `ActionCommand.cs` (`TryParseV2`, then `TryParse`) and `ActionCommandManager.cs`
    (`TryProcessCommand`): a line that begins with `::` after white space, or `##[` anywhere in one; names are known
    whatever their case; between `stop-commands` and its token there is only the token.
    """
    found: list[str] = []
    stopped: str | None = None
    for line in re.split(r"\r\n|\r|\n", log):
        known = COMMANDS if stopped is None else COMMANDS | {stopped}
        command = _second_form(line.translate(IGNORED), known) or _first_form(line.translate(IGNORED), known)
        if command is None:
            continue
        name, data = command
        if stopped is not None:
            stopped = None if name.lower() == stopped else stopped
        elif name.lower() == "stop-commands":
            stopped = data.lower()
        else:
            found.append(f"{name} {data}")
    return found


def _second_form(line: str, known: set[str]) -> tuple[str, str] | None:
    text = line.lstrip()
    end = text.find("::", 2)
    if not text.startswith("::") or end < 0:
        return None
    name = text[2:end].partition(" ")[0]
    return (name, text[end + 2 :]) if name.lower() in known else None


def _first_form(line: str, known: set[str]) -> tuple[str, str] | None:
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name = line[start + 3 : end].partition(" ")[0]
    return (name, line[end + 1 :]) if name.lower() in known else None


def summary(environment: dict[str, str]) -> str:
    """What the action wrote to its step summary."""
    return Path(environment["GITHUB_STEP_SUMMARY"]).read_text()
