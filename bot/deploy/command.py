"""The target `command`: any deploy tool. Each act is a command of the spec, and says what came of it as JSON.

`deploy` brings the candidate up and `url` says where everything answers; the rest is optional, and what has no command is
an ability that this target does not have. A command that answers with `{"ready": false}` says that the candidate is not
fit: that is evidence. One that fails without such an answer says that the platform did not do its work.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, JsonValue, field_validator

from bot.deploy import intent, state
from bot.deploy.commands import Answer, Commands, filled, known_placeholders
from bot.deploy.finishing import finished
from bot.deploy.intent import Act, Written, recover_one
from bot.deploy.output import as_evidence
from bot.deploy.target import Abilities, DeployContext, Deployed, Deployer, Evidence, Intent, Target, Urls
from bot.model import Check, Fact, Observation, Series, Subject
from bot.model.duration import Duration
from bot.model.errors import DeployError
from bot.safety.urls import service_url

NAMES = ("commit", "revision", "previous", "percent")


class CommandTarget(Target):
    """A deploy tool of your own, started without a shell in the checkout."""

    kind: ClassVar[str] = "command"

    deploy: str
    """Brings the candidate up. `{commit}`, `{revision}` and `{previous}` are filled in."""
    url: str
    """Says where it answers: `{"public": "https://…", "candidate": "https://…", "previous": "https://…"}`."""
    describe: str | None = None
    """Says what serves: `{"revision": …, "commit": …, "image": …, "traffic": {"NAME": 90}}`, and whatever else is known."""
    promote: str | None = None
    """Gives the candidate `{percent}` of the traffic. Without it, `deploy` does so itself."""
    rollback: str | None = None
    """Gives all the traffic back to `{previous}`."""
    logs: str | None = None
    """Prints what `{revision}` has printed."""
    settle: str | None = None
    """Is run once the candidate is accepted."""
    cleanup: str | None = None
    """Takes away what nobody needs any more, whatever the verdict was."""
    revision: str = "{service}-{commit7}"
    """What the candidate is called until `deploy` says another name."""
    within: Duration = 600.0
    """How long one command may take (10m)."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the commands, besides the bot's own environment without GitHub's variables."""

    @field_validator("deploy", "url", "describe", "promote", "rollback", "logs", "settle", "cleanup")
    @classmethod
    def _can_be_filled_in(cls, text: str | None) -> str | None:
        return None if text is None else known_placeholders(text, NAMES)

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        """As `Target.open`. What an earlier bot left half-done is made good first."""
        home = state.home(context.state, context.service, context.environment)
        with state.locked(home):
            for line in await recover_one(home, self.environment, context.redactor):
                context.log(line)
            deployer = _Deployer(self, context, home)
            try:
                yield deployer
            finally:
                await finished(deployer.close())


class _Deployer:
    def __init__(self, target: CommandTarget, context: DeployContext, home: Path) -> None:
        self.target = target
        self.context = context
        self.home = home
        self.commands = Commands(context.repository, target.environment, target.within, context.redactor)
        self.candidate: str | None = None
        self.serving: str | None = None
        self.image: str | None = None
        self.commit: str | None = None

    @property
    def abilities(self) -> Abilities:
        promote = self.target.promote
        return Abilities(shadow=promote is not None, splits=promote is not None and "{percent}" in promote)

    async def plan(self, commit: str | None) -> Intent:
        serving = self.serving or await self._serves()
        words = self._words("deploy", self.target.deploy, commit, revision=self._named(commit))
        return Intent(self._named(commit), serving, (f"deploy: {' '.join(words)}",))

    async def previous(self, commit: str | None) -> Deployed | None:
        said = await self._described("")
        name = said.get("revision")
        if not isinstance(name, str) or not name:
            return None
        self.serving = name
        urls = await self.urls()
        if urls.previous is None:
            self.context.log(f"{name} has no address of its own, so it is not measured beside the candidate")
            return None
        known = said.get("commit")
        subject = self._subject(name, urls.previous, known if isinstance(known, str) else commit, said.get("image"))
        return Deployed(subject, _observation(reason="it was up already"), urls.public)

    async def deploy(self, commit: str | None) -> Deployed:
        if self.serving is None:
            self.serving = await self._serves()
        self.commit = commit
        self.candidate = self._named(commit)
        self._write("deploy")
        answer = await self.commands.run("deploy", self._words("deploy", self.target.deploy, commit), refusable=True)
        self.candidate = _text(answer.said, "revision") or self.candidate
        self.image = _text(answer.said, "image")
        evidence = as_evidence(answer.printed)
        if answer.said.get("ready") is False:
            why = self.context.redactor.text(_text(answer.said, "reason") or "the command says that it is not ready")
            subject = self._subject(self.candidate, "", commit, None)
            return Deployed(subject, _observation(failed=why, evidence=evidence), "", evidence)
        self._write("deploy" if self.abilities.shadow else "promote")
        urls = await self.urls()
        if self.abilities.shadow and urls.candidate is None:
            raise DeployError("`url` names no `candidate`, and there is a `promote`: say where the candidate answers")
        subject = self._subject(self.candidate, urls.candidate or urls.public, commit, self.image)
        return Deployed(subject, _observation(took=answer.took, evidence=evidence), urls.public, evidence)

    async def urls(self) -> Urls:
        answer = await self.commands.run("url", self._words("url", self.target.url))
        public = _address(answer, "public")
        if public is None:
            raise DeployError("`url` did not print the `public` address as JSON; see docs/targets/command.md")
        return Urls(public, _address(answer, "candidate"), _address(answer, "previous"))

    async def traffic(self) -> dict[str, int]:
        """What `describe` says; empty where it says nothing."""
        found = (await self._described(self.candidate or "")).get("traffic")
        if not isinstance(found, dict):
            return {}
        return {name: int(share) for name, share in found.items() if isinstance(share, int | float)}

    async def promote(self, percent: int) -> None:
        if self.target.promote is None:
            return
        self._write("promote")
        await self.commands.run("promote", self._words("promote", self.target.promote, percent=percent))

    async def rollback(self) -> Deployed | None:
        if self.target.rollback is None or self.serving is None:
            why = "has no `rollback`" if self.target.rollback is None else "knows no previous revision"
            self.context.log(f"the target `command` {why}: the candidate keeps serving")
            return None
        self._write("rollback")
        answer = await self.commands.run("rollback", self._words("rollback", self.target.rollback))
        intent.forget(self.home)
        self.candidate = None
        urls = await self.urls()
        subject = self._subject(self.serving, urls.previous or urls.public, None, None)
        return Deployed(subject, _observation(took=answer.took), urls.public, as_evidence(answer.printed))

    async def describe(self) -> dict[str, JsonValue]:
        return await self._described(self.candidate or "")

    async def logs(self, since: float) -> bytes:
        if self.target.logs is None or self.candidate is None:
            return b""
        answer = await self.commands.run("logs", self._words("logs", self.target.logs))
        return answer.printed

    async def fresh_start(self) -> float | None:
        return None

    async def settle(self) -> None:
        if self.candidate is None:
            return
        self._write("settle")
        if self.target.settle is not None:
            await self.commands.run("settle", self._words("settle", self.target.settle))
        intent.forget(self.home)
        self.candidate = None

    async def cleanup(self) -> list[str]:
        if self.target.cleanup is None or self.candidate is not None:
            return []  # one that is on trial may have users: it is taken away once they are given back
        await self.commands.run("cleanup", self._words("cleanup", self.target.cleanup))
        return ["`cleanup` has run"]

    async def close(self) -> None:
        """Leave nothing half-done: the previous revision has the traffic unless the candidate was accepted."""
        written = Written.read(self.home)
        if written is not None and self.candidate is not None:
            for line in await recover_one(self.home, self.target.environment, self.context.redactor):
                self.context.log(line)
            self.candidate = None
            with contextlib.suppress(DeployError):  # users are safe: what is left over is found by the next pass
                for line in await self.cleanup():
                    self.context.log(line)

    async def _serves(self) -> str | None:
        return _text(await self._described(""), "revision")

    async def _described(self, revision: str) -> dict[str, Any]:
        if self.target.describe is None:
            return {}
        words = self._words("describe", self.target.describe, revision=revision)
        return dict((await self.commands.run("describe", words)).said)

    def _words(
        self,
        name: str,
        command: str,
        commit: str | None = None,
        *,
        percent: int | None = None,
        revision: str | None = None,
    ) -> list[str]:
        values = {
            "commit": commit or self.commit or "",
            "revision": self.candidate or "" if revision is None else revision,
            "previous": self.serving or "",
            "percent": "" if percent is None else str(percent),
        }
        return filled(name, command, values)

    def _named(self, commit: str | None) -> str:
        values = {
            "service": self.context.service,
            "environment": self.context.environment,
            "commit7": (commit or "")[:7],
        }
        return self.target.revision.format_map(values).strip("-")

    def _write(self, act: Act) -> None:
        """Write down what is about to be done, with the command that reverses it."""
        back = self.target.rollback if self.serving else None
        Written(
            act=act,
            candidate=self.candidate or "",
            serving=self.serving,
            back=tuple(self._words("rollback", back)) if back else (),
            folder=str(self.context.repository.resolve()),
            within=self.target.within,
        ).write(self.home)

    def _subject(self, revision: str, url: str, commit: str | None, image: Any) -> Subject:
        return Subject(
            service=self.context.service,
            environment=self.context.environment,
            revision=self.context.redactor.text(revision),
            commit=commit,
            image=self.context.redactor.text(image) if isinstance(image, str) else None,
            url=url,
        )


def _observation(
    *, took: float | None = None, failed: str | None = None, reason: str | None = None, evidence: Evidence | None = None
) -> Observation:
    """What the tool's own word for a revision is; `took` are seconds, of the tool and not of the service's start."""
    check = Check(
        id="ready",
        ok=failed is None,
        expected="the deploy tool says that it is ready",
        actual=failed or "it says so",
        evidence=next(iter(evidence or {}), None),
    )
    series = () if took is None else (Series(id="deploy", unit="s", better="lower", samples=((0, took, 0, True),)),)
    return Observation(
        probe="deploy",
        kind="deploy",
        title="Deploy",
        state="measured" if failed is None else "broken",
        reason=failed or reason,
        checks=(check,),
        series=series,
        facts=(Fact(id="target", kind="target", value={"kind": "command"}),),
        notes=tuple(evidence or {}),
    )


def _text(said: Any, key: str) -> str | None:
    found = said.get(key)
    return found[:200] if isinstance(found, str) and found else None


def _address(answer: Answer, key: str) -> str | None:
    """An address that `url` printed.

    Raises:
        DeployError: it is none that can be asked.
    """
    found = answer.said.get(key)
    if found in (None, ""):
        return None
    try:
        return service_url(str(found))
    except ValueError as error:
        raise DeployError(f"`url` printed a `{key}` that cannot be used: {error}") from None
