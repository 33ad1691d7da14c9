"""The things that the stand-in remembers: plain models, which a JSON file can keep."""

import base64
import json
import secrets
import uuid
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ROBOT = "github-actions[bot]"


def now() -> str:
    """The time as GitHub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Thing(BaseModel):
    """Something that is remembered."""

    model_config = ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class User(Thing):
    """Somebody with an account."""

    login: str
    id: int

    @property
    def robot(self) -> bool:
        """Whether it is the account of an app."""
        return self.login.endswith("[bot]")


class Token(Thing):
    """What a token may do. `kind` is `installation` (a GITHUB_TOKEN is one) or `personal`."""

    kind: Literal["installation", "personal"]
    login: str
    permissions: dict[str, str] = Field(default_factory=dict)
    repository: str | None = None

    def may(self, permission: str, level: str) -> bool:
        """Whether an installation token has one of the permissions `a|b` at this level."""
        return any(
            self.permissions.get(name) == "write" or self.permissions.get(name) == level
            for name in permission.split("|")
        )


class Commit(Thing):
    """One commit. `files` are those that it touched."""

    sha: str
    message: str = ""
    parents: list[str] = Field(default_factory=list)
    author: str = "Ana Author"
    email: str = "ana@example.com"
    date: str = Field(default_factory=now)
    tree: str = "0" * 40


class Entry(Thing):
    """One file of a tree: its mode, and the name of its content."""

    mode: str
    sha: str


class Reaction(Thing):
    """An emoji that somebody left."""

    id: int
    login: str
    content: str
    created_at: str = Field(default_factory=now)


class Comment(Thing):
    """A comment on an issue or a pull request (`number`), or on a commit (`sha`)."""

    id: int
    login: str
    body: str
    number: int | None = None
    sha: str | None = None
    path: str | None = None
    position: int | None = None
    line: int | None = None
    app: bool = False
    minimized: str | None = None
    created_at: str = Field(default_factory=now)
    updated_at: str = Field(default_factory=now)
    reactions: list[Reaction] = Field(default_factory=list)


class Pull(Thing):
    """What a pull request is beyond the issue that it also is."""

    base: str
    base_sha: str
    head: str
    head_sha: str
    head_repository: str | None
    draft: bool = False
    merged: bool = False
    merged_at: str | None = None
    merged_by: str | None = None
    merge_commit_sha: str | None = None
    commits: list[str] = Field(default_factory=list)
    linked: list[str] = Field(default_factory=list)


class Issue(Thing):
    """An issue; a pull request when `pull` is there."""

    id: int
    number: int
    title: str
    body: str | None
    login: str
    state: Literal["open", "closed"] = "open"
    state_reason: Literal["completed", "not_planned", "duplicate", "reopened"] | None = None
    labels: list[str] = Field(default_factory=list)
    assignees: list[str] = Field(default_factory=list)
    locked: bool = False
    edited_at: str | None = None
    edited_by: str | None = None
    created_at: str = Field(default_factory=now)
    updated_at: str = Field(default_factory=now)
    closed_at: str | None = None
    closed_by: str | None = None
    reactions: list[Reaction] = Field(default_factory=list)
    pull: Pull | None = None

    def close(self, reason: Literal["completed", "not_planned", "duplicate"] | None, by: str) -> None:
        """Close it, if it is open."""
        if self.state == "open":
            self.state, self.closed_at, self.closed_by = "closed", now(), by
            self.state_reason = None if self.pull else reason or "completed"
            self.updated_at = now()

    def reopen(self) -> None:
        """Open it again, if it is closed."""
        if self.state == "closed":
            self.state, self.closed_at, self.closed_by = "open", None, None
            self.state_reason = None if self.pull else "reopened"
            self.updated_at = now()


class Status(Thing):
    """One commit status; the newest of a context counts."""

    id: int
    sha: str
    context: str
    state: Literal["error", "failure", "pending", "success"]
    description: str | None
    target_url: str | None
    login: str
    created_at: str = Field(default_factory=now)


class CheckRun(Thing):
    """One check run, with its annotations."""

    id: int
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = Field(default_factory=list)
    actions: list[dict[str, str]] = Field(default_factory=list)


class DeploymentStatus(Thing):
    """One status of a deployment."""

    id: int
    state: str
    description: str
    log_url: str
    environment: str
    environment_url: str
    login: str
    created_at: str = Field(default_factory=now)


class Deployment(Thing):
    """One deployment; its statuses, oldest first."""

    id: int
    sha: str
    ref: str
    task: str
    environment: str
    payload: dict[str, Any] | str
    description: str | None
    production: bool
    transient: bool
    login: str
    created_at: str = Field(default_factory=now)
    statuses: list[DeploymentStatus] = Field(default_factory=list)


class WorkflowRun(Thing):
    """One run of a workflow. `backend` and `job` are how the artifact service knows it."""

    id: int
    event: str
    path: str
    head_branch: str | None
    head_sha: str
    head_repository: str
    status: str = "in_progress"
    conclusion: str | None = None
    attempt: int = 1
    login: str
    backend: str = Field(default_factory=lambda: str(uuid.uuid4()))
    job: str = Field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = Field(default_factory=now)

    @property
    def token(self) -> str:
        """What the runner gives its actions as ACTIONS_RUNTIME_TOKEN: a JWT whose scope names the run and the job."""
        claims = {
            "scp": f"Actions.GenericRead:{self.job} Actions.Results:{self.backend}:{self.job}",
            "orchid": self.job,
        }
        parts = ({"alg": "RS256", "typ": "JWT"}, claims, {"run": self.id})
        return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts)


class Artifact(Thing):
    """What a workflow run uploaded. `final` once FinalizeArtifact has said its size."""

    id: int
    name: str
    run: int
    blob: str
    size: int = 0
    digest: str | None = None
    final: bool = False
    deleted: bool = False
    created_at: str = Field(default_factory=now)
    expires_at: str


class Blob(Thing):
    """An object of the blob store, and the blocks that wait to become it."""

    signature: str = Field(default_factory=lambda: secrets.token_urlsafe(24))
    blocks: dict[str, bytes] = Field(default_factory=dict)
    content: bytes | None = None
