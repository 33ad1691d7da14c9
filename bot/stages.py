"""The two stages of the action: the main step, and the one after the job."""

import asyncio
import dataclasses
import os
import re
import sys
from pathlib import Path

from bot import pipeline, report, spec
from bot.baseline.artifact import ArtifactStore
from bot.baseline.directory import DirectoryStore
from bot.baseline.store import Store
from bot.commands import until_signalled
from bot.github import commands
from bot.github.artifacts import Artifacts, Home
from bot.github.client import Client
from bot.github.environment import Environment
from bot.github.event import Activity, activity
from bot.github.publisher import Publication, Publisher, Texts
from bot.model.errors import NO_WORK, STABLE, DeployError, GitHubError, StabilityProofError, UsageError
from bot.outcome import Outcome, Request, make_room
from bot.safety.failures import in_words
from bot.safety.redact import Redactor
from bot.spec import Spec

FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def main() -> int:
    """The main step: from the event to the verdict, and the verdict to where it belongs."""
    environment = Environment.from_environ(os.environ)
    try:
        asked = activity(
            environment.event_name, environment.event, environment.sha, environment.ref, environment.inputs
        )
        if asked.commit is None:
            say(f"Nothing to do: {asked.reason}.")
            commands.assign(environment.output, {"verdict": "", "exit-code": str(STABLE)})
            return STABLE
        proof = _Proof(environment, asked, asked.commit)
    except StabilityProofError as error:
        _no_verdict(environment, str(error), error.exit_code)
        raise
    return proof.run()


def post() -> int:
    """After the job: finish or reverse what a killed main step left half-done, and close what it left open."""
    environment = Environment.from_environ(os.environ)
    saved = environment.saved
    if "begun" not in saved or "done" in saved:
        return STABLE
    from bot.deploy.recovery import recover

    try:
        for line in asyncio.run(recover(Path(saved["state"]))):
            say(line)
    except DeployError as error:
        say(str(error))
    if saved.get("publish") == "true":
        publisher = Publisher(
            Client(environment.api_url, environment.token, environment.repository, patience=30.0),
            Activity(saved["commit"], "it was stopped"),
            saved["commit"],
            saved["service"],
            saved["environment"],
            environment.run_url,
        )
        publisher.check = int(saved["check"]) if saved.get("check", "").isdigit() else None
        publisher.abandon("The job was stopped before there was a verdict")
        for line in (*publisher.done.denied, *publisher.done.failed):
            say(line)
    return STABLE


class _Proof:
    """One proof of one commit, and what the runner and GitHub are told of it."""

    def __init__(self, environment: Environment, asked: Activity, commit: str) -> None:
        self.environment = environment
        self.asked = asked
        inputs = environment.inputs
        self.home = Path(inputs.get("working-directory", "."))
        self.commit = _full(self.home, commit)
        self.out = Path(inputs.get("out", ".stability-proof"))
        self.spec = self._spec()
        self.redactor = Redactor((*self.spec.secrets, *environment.secrets()))
        self.client = (
            Client(environment.api_url, environment.token, environment.repository) if environment.token else None
        )
        self.artifacts = self._artifacts()
        self.publisher = self._publisher()

    def run(self) -> int:
        for secret in self.redactor.masks():
            sys.stdout.write(commands.mask(secret))
        say(f"Proving {self.commit}: {self.asked.reason}.")
        self._save(begun="true", state=str((self.out / "state").resolve()))
        if self.publisher:
            self.publisher.begin()
            self._save(check=str(self.publisher.check or ""))
        try:
            make_room(self.out)
            outcome = until_signalled(pipeline.run(self._request(), say))
        except StabilityProofError as error:
            self._give_up(str(error), error.exit_code)
            raise
        except Exception as error:
            self._give_up(in_words(error), NO_WORK)
            raise
        code = self._tell(outcome)
        self._save(done="true")
        return code

    def _tell(self, outcome: Outcome) -> int:
        """Publish, and leave outputs, summary and proof; GitHub out of reach is exit code 4, and loses nothing."""
        verdict = outcome.verdict
        say(report.text(verdict))
        commands.summarise(self.environment.summary, report.summary(verdict, self._links()))
        remarks, code, publication = [*outcome.remarks], outcome.exit_code, Publication()
        if self.publisher:
            try:
                publication = self.publisher.publish(self._texts(outcome), self.spec.issue.close)
            except GitHubError as error:
                sys.stdout.write(commands.error(f"{error}; the verdict, {verdict.verdict}, is in {outcome.folder}"))
                code, publication = NO_WORK, self.publisher.done
            self._save(done="true")  # from here on a job that is killed has its verdict, and nothing to give up
        if self.artifacts and self.environment.runtime_token:
            name = f"stability-proof-{self.spec.service}-{self.spec.environment}"
            try:
                self.artifacts.upload(name, outcome.proof.read_bytes())
            except GitHubError as error:
                remarks.append(f"the proof was not uploaded: {error}")
        for line in (*publication.lines, *publication.denied, *remarks):
            say(line)
        commands.assign(self.environment.output, self._outputs(outcome, publication, code))
        return code

    def _give_up(self, why: str, code: int) -> None:
        why = self.redactor.text(why)
        if self.publisher:
            self.publisher.abandon(why)
        _no_verdict(self.environment, why, code)
        self._save(done="true")

    def _outputs(self, outcome: Outcome, publication: Publication, code: int) -> dict[str, str]:
        bad = sum(1 for each in outcome.verdict.findings if each.status in ("broken", "regressed") and not each.waiver)
        return {
            "verdict": outcome.verdict.verdict,
            "risk": outcome.verdict.risk,
            "readiness": outcome.verdict.readiness,
            "exit-code": str(code),
            "regressed": str(bad),
            "comment-url": publication.comment_url or "",
            "proof-path": str(outcome.proof),
            "proof-digest": outcome.proof_digest,
        }

    def _texts(self, outcome: Outcome) -> Texts:
        verdict, links = outcome.verdict, self._links()
        return Texts(
            verdict=verdict.verdict,
            comment=report.comment(verdict, links),
            status=report.status_line(verdict),
            title=report.check_title(verdict),
            summary=report.comment(verdict, links),
        )

    def _links(self) -> report.Links:
        return report.Links(run=self.environment.run_url, proof=self.environment.run_url)

    def _request(self) -> Request:
        return Request(
            spec=self.spec,
            commit=self.commit,
            repository=self.home,
            out=self.out,
            state=self.out / "state",
            store=self._store(),
            vantage=self.environment.runner,
            workflow_run=self.environment.run_url,
        )

    def _spec(self) -> Spec:
        loaded = spec.load(self.home / self.environment.inputs.get("spec", "stability.yml"), os.environ)
        named = self.environment.inputs.get("environment")
        return dataclasses.replace(loaded, environment=named) if named else loaded

    def _store(self) -> Store:
        where = self.environment.inputs.get("baseline", "artifact")
        if where != "artifact":
            return DirectoryStore(Path(where), self.spec.service, self.spec.environment)
        if self.artifacts is None:
            raise GitHubError("the baseline is kept in artifacts, and there is no token: give `github-token`")
        return ArtifactStore(self.artifacts, self.spec.service, self.spec.environment)

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

    def _publisher(self) -> Publisher | None:
        if self.client is None or self.environment.inputs.get("publish", "true").lower() == "false":
            return None
        return Publisher(
            self.client,
            self.asked,
            self.commit,
            self.spec.service,
            self.spec.environment,
            self.environment.run_url,
        )

    def _save(self, **values: str) -> None:
        """What the stage after the job will need."""
        fixed = {
            "commit": self.commit,
            "service": self.spec.service,
            "environment": self.spec.environment,
            "publish": "true" if self.publisher else "false",
        }
        commands.assign(self.environment.state, fixed | values)


def _no_verdict(environment: Environment, why: str, code: int) -> None:
    """What the steps after this one, and the reader of the job's page, are told."""
    commands.assign(environment.output, {"verdict": "", "exit-code": str(code)})
    commands.summarise(environment.summary, f"## No verdict\n\n{report.prose(why)}\n")


def _full(home: Path, commit: str) -> str:
    """The full SHA, which is all that a status can be written to; the input may be a short one, a tag or a branch.

    Raises:
        UsageError: the checkout does not know it.
    """
    if FULL_SHA.fullmatch(commit):
        return commit
    from bot.deploy import trees

    try:
        return asyncio.run(trees.resolve(home, commit))
    except DeployError as error:
        raise UsageError(f"the input commit is no full SHA, and {error}") from None


def say(text: str) -> None:
    """Print to the runner's log, in which whatever a service said commands nothing."""
    say_raw(commands.quoted(text.rstrip("\n")))


def say_raw(text: str) -> None:
    """Print what is ours."""
    sys.stdout.write(text)
    sys.stdout.flush()
