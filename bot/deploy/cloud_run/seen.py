"""What the platform says of a revision, as an observation with its evidence."""

import json
from dataclasses import dataclass

from pydantic import JsonValue

from bot.deploy.cloud_run.service import SETTINGS, Revision, Service, described, kept, ready_checks
from bot.deploy.cloud_run.target import CloudRunTarget
from bot.deploy.target import DeployContext, Deployed, Evidence
from bot.model import Fact, Observation, Series, Subject, digest
from bot.model.errors import DeployError


@dataclass(frozen=True)
class Seen:
    """Makes a `Deployed` of what was read."""

    target: CloudRunTarget
    context: DeployContext

    def candidate(
        self, service: Service, revision: Revision, commit: str | None, percent: int, took: float, failure: str | None
    ) -> Deployed:
        """The candidate after `took` milliseconds; `failure` says why it is not ready."""
        checks = ready_checks(service, revision.name, percent, self.target.new_tag)
        evidence = self._evidence(service, revision)
        first = next(iter(evidence))
        start_up = Series(id="start-up", unit="ms", better="lower", samples=((0, took, 0, True),))
        reason = None if failure is None else f"{revision.name} never became ready: {failure}"
        at = revision.raw.get("logUri")
        observation = Observation(
            probe="deploy",
            kind="deploy",
            title="Deploy",
            state="measured" if reason is None else "broken",
            reason=reason and self.context.redactor.text(reason),
            remedy=f"read what it printed: {at}" if reason and at else None,
            checks=tuple(each.model_copy(update={"evidence": first}) for each in checks),
            series=(start_up,) if reason is None else (),
            facts=self._facts(service, revision),
            notes=tuple(evidence),
        )
        return self._deployed(service, revision, commit, self.target.new_tag, observation, evidence)

    def previous(self, service: Service, revision: Revision, *, exists: bool) -> Deployed:
        """The revision before: does it serve?"""
        failed = revision.failed()
        wrong = None if exists else "it is gone"
        if failed is not None:
            wrong = failed.said
        elif exists and not service.percents().get(revision.name):
            wrong = "it has no traffic"
        evidence = self._evidence(service, revision)
        observation = Observation(
            probe="deploy",
            kind="deploy",
            title="Deploy",
            state="measured" if wrong is None else "broken",
            reason=wrong and self.context.redactor.text(f"{revision.name} does not serve: {wrong}"),
            facts=self._facts(service, revision),
            notes=tuple(evidence),
        )
        return self._deployed(service, revision, revision.commit(), self.target.old_tag, observation, evidence)

    def public(self, service: Service) -> str:
        """Where users go.

        Raises:
            DeployError: there is no address.
        """
        found = self.target.url or service.url()
        if found is None:
            raise DeployError(f"{self.target.service} has no address of its own; set `url` to where users go")
        return found

    def _deployed(
        self,
        service: Service,
        revision: Revision,
        commit: str | None,
        tag: str,
        observation: Observation,
        evidence: Evidence,
    ) -> Deployed:
        public = self.public(service)
        subject = Subject(
            service=self.context.service,
            environment=self.context.environment,
            revision=revision.name,
            commit=commit,
            url=service.url(tag) or public,
        )
        return Deployed(subject, observation, public, evidence)

    def described(self, service: Service, revision: Revision) -> dict[str, JsonValue]:
        """What is worth knowing of a revision, without secrets."""
        return {
            key: self._redacted(each)
            for key, each in described(service, revision, service.url(self.target.new_tag)).items()
        }

    def _redacted(self, value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {key: self._redacted(each) for key, each in value.items()}
        return self.context.redactor.text(value) if isinstance(value, str) else value

    def _facts(self, service: Service, revision: Revision) -> tuple[Fact, ...]:
        """Where it is, and how it is configured: only what is the same from one deploy to the next, unless changed."""
        said = self.described(service, revision)
        place = {"kind": self.target.kind, "project": self.target.project, "region": self.target.region}
        return (
            Fact(id="target", kind="target", value={**place, "service": self.target.service}),
            Fact(id="configuration", kind="configuration", value={key: said[key] for key in SETTINGS if key in said}),
        )

    def _evidence(self, service: Service, revision: Revision) -> Evidence:
        """What the platform answered, without the values of variables."""
        text = json.dumps({"service": kept(service.raw), "revision": kept(revision.raw)}, indent=1, sort_keys=True)
        data = self.context.redactor.data(text.encode())
        return {digest(data): (data, "application/json")}
