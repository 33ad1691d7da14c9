"""What every activity of the action stands on: the spec, the token's client, the artifacts and the baseline store."""

import dataclasses
import os
from pathlib import Path

from bot import report, spec
from bot.baseline.artifact import ArtifactStore
from bot.baseline.directory import DirectoryStore
from bot.baseline.store import Store
from bot.github import commands
from bot.github.artifacts import Artifacts, Home
from bot.github.client import Client
from bot.github.environment import Environment
from bot.github.event import Activity
from bot.github.publisher import Publisher
from bot.model.errors import GitHubError
from bot.safety.redact import Redactor
from bot.spec import Spec
from bot.stages.saying import say_raw


class Ground:
    """One activity's surroundings. `commit` is the full SHA that it is about.

    Raises:
        UsageError: the spec cannot be read.
    """

    def __init__(self, environment: Environment, asked: Activity, commit: str) -> None:
        self.environment = environment
        self.asked = asked
        self.commit = commit
        self.home = Path(environment.inputs.get("working-directory", "."))
        self.out = Path(environment.inputs.get("out", ".stability-proof"))
        self.spec = self._spec()
        self.redactor = Redactor((*self.spec.secrets, *environment.secrets()))
        self.client = (
            Client(environment.api_url, environment.token, environment.repository) if environment.token else None
        )
        self.artifacts = self._artifacts()

    def links(self) -> report.Links:
        """Where a report points to."""
        return report.Links(run=self.environment.run_url, proof=self.environment.run_url)

    def mask_secrets(self) -> None:
        """Keep every secret, and what is derived from it, out of the runner's log."""
        for secret in self.redactor.masks():
            say_raw(commands.mask(secret))

    def store(self) -> Store:
        """The baseline store that the input `baseline` names."""
        where = self.environment.inputs.get("baseline", "artifact")
        if where != "artifact":
            return DirectoryStore(Path(where), self.spec.service, self.spec.environment)
        if self.artifacts is None:
            raise GitHubError("the baseline is kept in artifacts, and there is no token: give `github-token`")
        return ArtifactStore(self.artifacts, self.spec.service, self.spec.environment)

    def publisher(self) -> Publisher | None:
        """What puts the verdict on GitHub; None where nothing is to be written there."""
        if self.client is None or self.environment.inputs.get("publish", "true").lower() == "false":
            return None
        return Publisher(
            self.client, self.asked, self.commit, self.spec.service, self.spec.environment, self.environment.run_url
        )

    def proof_name(self) -> str:
        """The artifact that this commit's proof is uploaded as."""
        return f"stability-proof-{self.spec.service}-{self.spec.environment}-{self.commit[:12]}"

    def _spec(self) -> Spec:
        loaded = spec.load(self.home / self.environment.inputs.get("spec", "stability.yml"), os.environ)
        named = self.environment.inputs.get("environment")
        return dataclasses.replace(loaded, environment=named) if named else loaded

    def _artifacts(self) -> Artifacts | None:
        if self.client is None:
            return None
        repository = self.environment.event.get("repository") or {}
        home = Home(
            repository_id=self.environment.repository_id or int(repository.get("id") or 0),
            default_branch=str(repository.get("default_branch") or ""),
            workflow_path=self.environment.workflow_path,
            head=self.commit,
        )
        return Artifacts(
            self.client,
            lambda: home,
            self.environment.runtime_token,
            self.environment.results_url,
            mask=lambda secret: say_raw(commands.mask(secret)),
        )
