"""An open service of Cloud Run: the acts of `Deployer`, in the order in which a deploy does them."""

import asyncio
import re
import time
from pathlib import Path

from pydantic import JsonValue

from bot.deploy import trees
from bot.deploy.cloud_run import logs, planning, sharing, template, traffic
from bot.deploy.cloud_run import note as notes
from bot.deploy.cloud_run.acts import Acts, Ended, refused_by_platform
from bot.deploy.cloud_run.api import Api
from bot.deploy.cloud_run.note import FOLLOWS, Note
from bot.deploy.cloud_run.recovery import make_good
from bot.deploy.cloud_run.refusals import REASONS, advice
from bot.deploy.cloud_run.seen import Seen
from bot.deploy.cloud_run.service import FINE, NOTHING_OF_THE_SERVICE, Revision, Service, ready_checks
from bot.deploy.cloud_run.sharing import Sharing
from bot.deploy.cloud_run.target import CloudRunTarget
from bot.deploy.cloud_run.traffic import Share
from bot.deploy.target import Abilities, DeployContext, Deployed, Intent, Urls
from bot.model.errors import DeployError

LONGEST_TAG = 46
"""Characters of a tag and the service's name together: both stand in the first label of the tag's address."""


class CloudRun:
    """As `Deployer`. What the candidate is and who was before it is in the note that the service bears."""

    def __init__(self, target: CloudRunTarget, context: DeployContext, home: Path, api: Api, logging: Api) -> None:
        self.target = target
        self.context = context
        self.logging = logging
        self.acts = Acts(target, api, home, context.log)
        self.sharing = Sharing(target.new_tag, target.old_tag)
        self.seen = Seen(target, context)
        self.candidate: str | None = None
        self.ready = False
        self.over = False
        self.addressed = True
        self._names: dict[str | None, str] = {}

    @property
    def abilities(self) -> Abilities:
        """A revision without traffic has an address by its tag, and any share is possible.

        A service whose default address is disabled has none for its tags either: then it cannot be reached without users.
        An instance more cannot be started and timed: the API has no such act, and another revision is another thing.
        """
        return Abilities(shadow=self.addressed, splits=True, fresh=False)

    async def begin(self) -> None:
        """Make good what an earlier bot left half-done.

        Raises:
            DeployError: the API refuses, or somebody's deploy does not end.
        """
        if len(self.target.new_tag) + len(self.target.service) > LONGEST_TAG:
            raise DeployError(
                f"the tag {self.target.new_tag} is too long beside {self.target.service}: both together may have "
                f"{LONGEST_TAG} characters; set a shorter `tag`"
            )
        await make_good(self.acts, self.sharing)

    async def plan(self, commit: str | None) -> Intent:
        """As `Deployer.plan`."""
        full = await self._named(commit)
        service = await self.acts.read()
        self.addressed = service is None or not service.raw.get("defaultUriDisabled")
        return planning.intent(self.target, service, self._name(full), full)

    async def previous(self, commit: str | None) -> Deployed | None:
        """As `Deployer.previous`: the revision with the most traffic, which gets an address of its own by a tag."""
        service = await self.acts.read()
        if service is None:
            return None
        note = self.acts.note or self._found(service)
        old = note.previous
        if old is None:
            return None
        if self.acts.note is None:
            self.acts.took_in(service)
            operation = await self.acts.change(note, lambda each: self.sharing.looked_at(each, note))
            ended = await self.acts.ended(operation, lambda each: each.has_tag(self.target.old_tag, old), strict=False)
            if ended.failure is not None:
                raise DeployError(f"{old} was given no address of its own: {ended.failure}")
            service = ended.service
        self.addressed = service.url(self.target.old_tag) is not None
        return await self._previous(service, old)

    async def deploy(self, commit: str | None) -> Deployed:
        """As `Deployer.deploy`: a new revision with a tag and 0 % of the traffic; all of it where there is no other.

        After a rollback the same commit is the same revision: it gets its tag again.

        Raises:
            DeployError: the platform refused; the traffic is as it was.
        """
        if self.candidate is not None and not self.over:
            raise DeployError(f"{self.candidate} is on trial already; accept it or roll it back first")
        full = await self._named(commit)
        name = self._name(full)
        again, self.over = self.ready and name == self.candidate, False
        service = await self.acts.read()
        template.filled(self.target.image, full)
        began = time.perf_counter()
        if service is None:
            note = Note(bot=self.acts.bot, act="deploy", candidate=name, followed=True)
            shares = (Share(revision=name, percent=100), Share(revision=name, tag=self.target.new_tag))
            made = template.made({}, self.target, name, full)
            self.candidate = name
            operation = await self.acts.create(note, {"template": made, "traffic": traffic.written(shares)})
        else:
            note = self.acts.note or self._found(service)
            note = note.model_copy(update={"act": "deploy", "candidate": name})
            made = template.made(service.template, self.target, name, full)
            if self.acts.note is None:
                self.acts.took_in(service)
            self.candidate = name
            operation = await self.acts.change(
                note, lambda each: self.sharing.promoted(each, note, 0), template=None if again else made
            )
        percent = sharing.wanted(note, 0)[name] if not note.before else 0
        ended = await self.acts.ended(
            operation,
            lambda each: all(check.ok for check in ready_checks(each, name, percent, self.target.new_tag)),
            strict=True,
        )
        took = (time.perf_counter() - began) * 1000
        revision = await self.acts.revision(name) or Revision({"name": name})
        self.ready = ended.failure is None
        failure = None
        if ended.failure is not None:
            del self._names[full]  # a name stands for one try
            failure = await self._failed(ended, revision)
        elif not percent and self.addressed and ended.service.url(self.target.new_tag) is None:
            raise DeployError(
                f"{name} has no address of its own, though it is at the tag {self.target.new_tag}: at the service's it is "
                "not the one that answers; see whether its default URL is disabled, or deploy with `strategy: direct`"
            )
        if failure is None:
            await self._spread()  # its address is new
        return self.seen.candidate(ended.service, revision, full, percent, took, failure)

    async def urls(self) -> Urls:
        """As `Deployer.urls`."""
        service = await self.acts.here()
        new, old = (service.url(tag) for tag in (self.target.new_tag, self.target.old_tag))
        return Urls(self.seen.public(service), new, old)

    async def traffic(self) -> dict[str, int]:
        """As `Deployer.traffic`: the platform's statuses, not what it was asked for."""
        return (await self.acts.here()).percents()

    async def promote(self, percent: int) -> None:
        """As `Deployer.promote`. Where there is no other revision, the candidate has it all at any percentage."""
        note = self._on_trial()
        if not 0 <= percent <= 100:
            raise DeployError(f"{percent} % is no share of the traffic; it goes from 0 to 100")
        await self._promote(note.model_copy(update={"act": "promote"}), percent)
        await self._spread()

    async def rollback(self) -> Deployed | None:
        """As `Deployer.rollback`: all shares are as they were found, by the revisions' names."""
        note = self.acts.note
        self.over = self.candidate is None or note is None or note.previous is None
        if note is None or note.previous is None:
            self.context.log("there is no previous revision to give the traffic back to")
            return None
        service = await self._give_back(note)
        self.over = True
        await self._spread()
        return await self._previous(service, note.previous)

    async def describe(self) -> dict[str, JsonValue]:
        """As `Deployer.describe`."""
        if self.candidate is None:
            raise DeployError("nothing is deployed yet that could be described")
        revision = await self.acts.revision(self.candidate)
        service = await self.acts.here()
        return self.seen.described(service, revision or Revision({"name": self.candidate}))

    async def logs(self, since: float) -> bytes:
        """As `Deployer.logs`."""
        if self.candidate is None:
            return b""
        return self.context.redactor.data(await logs.read(self.logging, self.target, self.candidate, since))

    async def fresh_start(self) -> float | None:
        """None: see `abilities`."""
        return None

    async def settle(self) -> None:
        """As `Deployer.settle`. Traffic that followed the latest revision follows it again."""
        if self.candidate is None or not self.ready or self.over:
            return
        note = self._on_trial().model_copy(update={"act": "settle"})
        await self._promote(note, 100)
        operation = await self.acts.change(
            None, lambda each: self.sharing.accepted(each, note), annotations={FOLLOWS: None}
        )
        self.over = True
        self._names.clear()  # the same commit once more would be another revision
        await self.acts.moved(operation, {self.candidate: 100})

    async def cleanup(self) -> list[str]:
        """As `Deployer.cleanup`: the tags of ours, and the note.

        A tagged revision keeps its least number of instances, and they cost.
        """
        on_trial = self.candidate is not None and not self.over
        service = None if on_trial else await self.acts.read()
        if service is None or self._is_anothers(service):
            return []
        ours = [each for each in service.traffic if each.tag in (self.target.new_tag, self.target.old_tag)]
        if not ours and self.acts.note is None:
            return []
        operation = await self.acts.change(None, lambda each: self.sharing.foreign(each.traffic), heed="bots")
        tags = (self.target.new_tag, self.target.old_tag)
        await self.acts.ended(
            operation, lambda each: not each.reconciling and not any(map(each.has_tag, tags)), strict=False
        )
        return [f"the tag {each.tag} of {each.revision or 'the latest revision'}" for each in ours]

    async def close(self) -> None:
        """Leave nothing half-done: unless the candidate was accepted, the traffic is as it was found."""
        if (service := await self.acts.read()) is not None:
            self.acts.adopt(service)
        note = self.acts.note
        if note is not None and note.candidate and not self.over:
            if note.previous:
                await self._give_back(note)
                self.context.log(f"{note.candidate} was not accepted: {note.previous} has the traffic back")
            else:
                self.context.log(f"{note.candidate} was not accepted, and there is no other revision: it stays")
        self.over = True
        await self.cleanup()

    async def _promote(self, note: Note, percent: int) -> None:
        operation = await self.acts.change(note, lambda each: self.sharing.promoted(each, note, percent))
        await self.acts.moved(operation, sharing.wanted(note, percent))

    async def _spread(self) -> None:
        """Let what the platform says become true everywhere.

        "Traffic routing adjustments are not instantaneous": requests go to either revision for a while
        (https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration).
        """
        await asyncio.sleep(self.target.spread)

    async def _give_back(self, note: Note) -> Service:
        """The shares as they were found; a candidate that never was ready loses its tag, which holds the route up."""
        if note.candidate is None:  # nothing was moved: a tag is all that there is
            return await self.acts.here()
        tagged = note if self.ready else note.model_copy(update={"candidate": None})
        operation = await self.acts.change(
            note.model_copy(update={"act": "rollback"}),
            lambda each: self.sharing.restored(each, tagged),
            annotations={FOLLOWS: note.previous} if note.followed else {},
            heed="traffic",
        )
        return await self.acts.moved(operation, sharing.before(note), giving_back=True)

    async def _failed(self, ended: Ended, revision: Revision) -> str:
        """Why the candidate is not ready. What it had of the traffic is given back at once, if another can have it.

        Raises:
            DeployError: it is the platform that refuses, not the service that fails.
        """
        failed = revision.failed()
        said = failed.said if failed else str(ended.failure)
        note = self.acts.note
        if note is not None and note.before:
            await self._give_back(note)
        reasons = {each.reason for each in (*revision.conditions(), ended.service.terminal)}
        role = next((REASONS[each] for each in sorted(reasons) if each in REASONS), None)
        status = refused_by_platform(ended.code) or (429 if reasons & NOTHING_OF_THE_SERVICE else None)
        if role or status:
            remedy = f"; grant {role}" if role else advice(status or 0, said)
            raise DeployError(f"{revision.name} was not deployed: {said}{remedy}")
        if revision.ready().state == FINE:  # what failed is not what is to be judged
            raise DeployError(
                f"{revision.name} is ready, but the service is not as it was asked to be: {said}; see which revisions its "
                f"traffic and tags name (gcloud run services describe {self.target.service})"
            )
        return said

    async def _previous(self, service: Service, name: str) -> Deployed:
        found = await self.acts.revision(name)
        return self.seen.previous(service, found or Revision({"name": name}), exists=found is not None)

    def _found(self, service: Service) -> Note:
        return self.sharing.found(service, self.acts.bot, service.annotations.get(FOLLOWS))

    def _is_anothers(self, service: Service) -> bool:
        theirs = notes.on_platform(service.annotations)
        return theirs is not None and theirs.bot != self.acts.bot

    def _on_trial(self) -> Note:
        note = self.acts.note
        if note is None or note.candidate is None or self.over or not self.ready:
            raise DeployError("no candidate is on trial: deploy one first, and see that it is ready")
        return note

    def _name(self, commit: str | None) -> str:
        if commit not in self._names:
            self._names[commit] = template.name(self.target.service, commit)
        return self._names[commit]

    async def _named(self, commit: str | None) -> str | None:
        """The commit's SHA; a name such as HEAD is looked up in the repository."""
        if commit is None or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
            return commit
        return await trees.resolve(self.context.repository, commit)
