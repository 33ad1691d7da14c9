"""What every activity of the action stands on: the spec, the token's client, the artifacts and the baseline store."""

import dataclasses
import os
import re
from pathlib import Path

from bot import report, spec
from bot.baseline.artifact import ArtifactStore, called
from bot.baseline.branch import BranchStore
from bot.baseline.directory import DirectoryStore
from bot.baseline.shelf import Shelf
from bot.github import commands, deployments
from bot.github.artifacts import Artifacts
from bot.github.client import MISREAD, Client, Denied, Missing
from bot.github.data_branch import DEFAULT, DataBranch
from bot.github.environment import Environment
from bot.github.event import ENVIRONMENT, Activity
from bot.github.publisher import Publisher
from bot.github.quiet import GateAlone
from bot.github.trust import Home
from bot.model.errors import GitHubError, UsageError
from bot.safety.redact import Redactor
from bot.spec import Spec
from bot.stages.kinds import aimed
from bot.stages.saying import say, say_raw

FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
GITHUBS_OWN = re.compile(r"https://(?:github\.com|[a-z0-9-]+\.ghe\.com)", re.IGNORECASE)
"""GitHub.com, and GitHub Enterprise Cloud with data residency: both have artifacts (@actions/artifact, isGhes)."""


class Ground:
    """One activity's surroundings. `commit` is the full SHA that it is about.

    What is trusted comes from a commit that `head` stands on: the commit itself, unless told.

    Raises:
        UsageError: the spec cannot be read.
    """

    def __init__(self, environment: Environment, asked: Activity, commit: str, head: str | None = None) -> None:
        self.head = head or commit
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

    def store(self) -> Shelf:
        """The baseline store that the input `baseline` names: `artifact`, `branch`, `branch:NAME` or a folder.

        Where the runner has no artifact service, as on GitHub Enterprise Server, the data branch takes its place.

        Raises:
            UsageError: the name of the branch or of the environment is none.
            GitHubError: there is no token.
        """
        if not NAME.fullmatch(self.spec.environment):
            raise UsageError(
                f"the environment {self.spec.environment[:80]!r} is no name: use letters, digits, `.`, `_`, `-`"
            )
        where, _, named = self.environment.inputs.get("baseline", "artifact").partition(":")
        if where not in ("artifact", "branch"):
            folder = Path(self.environment.inputs["baseline"])
            return DirectoryStore(folder, self.spec.service, self.spec.environment)
        if self.client is None or self.artifacts is None:
            raise GitHubError(f"the baseline is kept in GitHub ({where}), and there is no token: give `github-token`")
        if where == "artifact":
            why = self._no_artifacts()
            if why is None:
                return ArtifactStore(self.artifacts, self.spec.service, self.spec.environment)
            say(
                f"There is no artifact service here ({why}): the baseline is kept on the branch {DEFAULT}, which takes "
                "`contents: write` in the job's permissions."
            )
        home = self.artifacts.home()
        branch = DataBranch(self.client, named or DEFAULT, lambda: home.head, home.default_branch)
        return BranchStore(branch, self.spec.service, self.spec.environment)

    def compared(self) -> Shelf:
        """The store, which gives the run that the last successful deployment was proven by, where its record says which.

        A job that hands the traffic over makes such a record itself. If it makes none, those that are there are from
        before somebody took the permission away, and say nothing of what serves now: `store` is what it goes by.

        Raises:
            StabilityProofError: as `store`.
        """
        store = self.store()
        if self.client is not None:
            try:
                last = deployments.last_successful(self.client, self.spec.environment, self.spec.service)
                store.expected = last["baseline"]["digest"] if last else None
            except (Denied, Missing):
                pass  # the record is one more guard, and nobody has to have it
            except (GitHubError, *MISREAD) as error:
                say(f"By which run the last deployment was proven cannot be seen: {error}.")
        return store

    def _no_artifacts(self) -> str | None:
        """Why artifacts cannot be kept here. GitHub itself has the service; another server is asked whether it has."""
        assert self.artifacts is not None
        if not (self.environment.runtime_token and self.environment.results_url):
            return "the runner names none"
        if GITHUBS_OWN.fullmatch(self.environment.server_url.rstrip("/")):
            return None
        return self.artifacts.missing()

    def publisher(self) -> Publisher | None:
        """What puts the verdict on GitHub; None where nothing is to be written there."""
        if self.client is None or self.environment.inputs.get("publish", "true").lower() == "false":
            return None
        kind = Publisher if self.asked.comments else GateAlone
        return kind(
            self.client, self.asked, self.commit, self.spec.service, self.spec.environment, self.environment.run_url
        )

    def proof_name(self) -> str:
        """The artifact that this commit's proof is uploaded as."""
        return f"stability-proof-{called(self.spec.service, self.spec.environment)}-{self.commit[:12]}"

    def _spec(self) -> Spec:
        loaded = aimed(
            spec.load(self.home / self.environment.inputs.get("spec", "stability.yml"), os.environ), self.asked
        )
        named = self.environment.inputs.get("environment") or self.asked.environment
        if named and not ENVIRONMENT.fullmatch(named):
            raise UsageError(
                f"the input environment is {named[:60]!r}; it is a name of letters, digits, '.', '_' and '-'"
            )
        return dataclasses.replace(loaded, environment=named) if named else loaded

    def _artifacts(self) -> Artifacts | None:
        if self.client is None:
            return None
        repository = self.environment.event.get("repository") or {}
        home = Home(
            repository_id=self.environment.repository_id or int(repository.get("id") or 0),
            default_branch=str(repository.get("default_branch") or ""),
            workflow_path=self.environment.workflow_path,
            head=self.head,
        )
        return Artifacts(
            self.client,
            lambda: home,
            self.environment.runtime_token,
            self.environment.results_url,
            mask=lambda secret: say_raw(commands.mask(secret)),
        )
