"""What the runner gives an action: inputs, event, tokens, and the files that it reads back."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.model import strict_json
from bot.model.errors import UsageError


@dataclass(frozen=True)
class Environment:
    """The runner's variables, read once. A variable that is empty is absent, as an unset input is.

    `attempt` is 1, and more where the job is run again.
    """

    event_name: str
    event: Mapping[str, Any]
    repository: str
    repository_id: int | None
    sha: str
    ref: str
    api_url: str
    server_url: str
    run_id: str
    workflow_ref: str
    runner: str
    inputs: Mapping[str, str] = field(repr=False)
    token: str = field(repr=False)
    runtime_token: str | None = field(repr=False)
    results_url: str | None
    output: Path | None
    state: Path | None
    summary: Path | None
    saved: Mapping[str, str]
    attempt: int = 1

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Environment":
        """Read the runner's variables.

        Raises:
            UsageError: this is not the environment of a runner, or its event cannot be read.
        """
        given = {key: value for key, value in environ.items() if value != ""}
        missing = [name for name in ("GITHUB_EVENT_NAME", "GITHUB_REPOSITORY", "GITHUB_SHA") if name not in given]
        if missing:
            raise UsageError(f"{', '.join(missing)} not set: this is started by a runner of GitHub Actions")
        repository_id, attempt = given.get("GITHUB_REPOSITORY_ID", ""), given.get("GITHUB_RUN_ATTEMPT", "")
        return cls(
            event_name=given["GITHUB_EVENT_NAME"],
            event=_event(given.get("GITHUB_EVENT_PATH")),
            repository=given["GITHUB_REPOSITORY"],
            repository_id=int(repository_id) if repository_id.isdigit() else None,
            sha=given["GITHUB_SHA"],
            ref=given.get("GITHUB_REF", ""),
            api_url=given.get("GITHUB_API_URL", "https://api.github.com"),
            server_url=given.get("GITHUB_SERVER_URL", "https://github.com"),
            run_id=given.get("GITHUB_RUN_ID", ""),
            workflow_ref=given.get("GITHUB_WORKFLOW_REF", ""),
            runner=given.get("RUNNER_NAME", "runner"),
            inputs={key[6:].lower(): value for key, value in given.items() if key.startswith("INPUT_")},
            token=given.get("INPUT_GITHUB-TOKEN", given.get("GITHUB_TOKEN", "")),
            runtime_token=given.get("ACTIONS_RUNTIME_TOKEN"),
            results_url=given.get("ACTIONS_RESULTS_URL"),
            output=_path(given, "GITHUB_OUTPUT"),
            state=_path(given, "GITHUB_STATE"),
            summary=_path(given, "GITHUB_STEP_SUMMARY"),
            saved={key[6:]: value for key, value in given.items() if key.startswith("STATE_")},
            attempt=int(attempt) if re.fullmatch(r"[0-9]{1,9}", attempt) else 1,
        )

    @property
    def run_url(self) -> str | None:
        """The page of this workflow run."""
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}" if self.run_id else None

    @property
    def workflow_path(self) -> str:
        """The workflow's file, from `owner/name/.github/workflows/x.yml@ref`."""
        return self.workflow_ref.partition("@")[0].removeprefix(f"{self.repository}/")

    def secrets(self) -> tuple[str, ...]:
        """The tokens, which are redacted wherever they would appear."""
        return tuple(each for each in (self.token, self.runtime_token) if each)


def _path(given: Mapping[str, str], name: str) -> Path | None:
    return Path(given[name]) if name in given else None


def _event(path: str | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        event = strict_json(Path(path).read_bytes(), os.path.basename(path))  # noqa: PTH119
    except OSError as error:
        raise UsageError(f"{path}: the event cannot be read: {error.strerror}") from None
    if not isinstance(event, dict):
        raise UsageError(f"{path}: the event is not an object")
    return event
