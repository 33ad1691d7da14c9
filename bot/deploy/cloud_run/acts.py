"""Changes of a service: each is written down with itself, is done once, and stops where somebody else came in between."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot.deploy.cloud_run import api, traffic
from bot.deploy.cloud_run import note as notes
from bot.deploy.cloud_run.note import KEY, Note
from bot.deploy.cloud_run.refusals import Refused, Unsure, advice, plain
from bot.deploy.cloud_run.service import FAILED, Revision, Service
from bot.deploy.cloud_run.target import CloudRunTarget
from bot.deploy.cloud_run.traffic import Shares
from bot.model.duration import format_duration
from bot.model.errors import DeployError

TRIES = 8
"""How often a change is tried again, when others change the service at the same time."""


@dataclass(frozen=True)
class Ended:
    """How a change ended: `failure` is the platform's own words when it failed, `code` its number (google.rpc.Code)."""

    service: Service
    failure: str | None = None
    code: int = 0


@dataclass
class Acts:
    """The service, and what this bot has done to it.

    `note` is what it bears of ours, None when it bears nothing. `newest` is the newest revision that we know of, and
    `shares` are the percentages that were asked for when we last looked or asked: whatever else is found is others'.
    """

    target: CloudRunTarget
    api: api.Api
    home: Path
    log: Callable[[str], None]
    bot: str = field(default_factory=lambda: secrets.token_hex(6))
    note: Note | None = None
    newest: str | None = None
    shares: dict[str, int] | None = None

    def took_in(self, service: Service) -> None:
        """From now on, whatever differs from this is somebody else's doing."""
        self.newest, self.shares = service.latest_created, service.asked()

    def adopt(self, service: Service) -> None:
        """Take up an act of ours whose answer we never saw: we were stopped in the middle of asking for it."""
        theirs = notes.on_platform(service.annotations)
        if theirs is None or theirs.bot != self.bot or (self.note is not None and theirs.step == self.note.step):
            return
        self.note, self.shares = theirs, service.asked()
        if theirs.act == "deploy":
            self.newest = service.latest_created

    async def read(self) -> Service | None:
        """The service as it is now; None where there is none."""
        raw = await self.api.get(f"/v2/{self.target.path}")
        return None if raw is None else Service(raw)

    async def here(self) -> Service:
        """The service, which has to be there.

        Raises:
            DeployError: it is gone.
        """
        service = await self.read()
        if service is None:
            raise DeployError(f"{self.target.path} is gone: somebody deleted it while we deployed")
        return service

    async def revision(self, name: str) -> Revision | None:
        """A revision of the service; None where there is none of this name."""
        raw = await self.api.get(f"/v2/{self.target.path}/revisions/{name}")
        return None if raw is None else Revision(raw)

    async def change(
        self,
        note: Note | None,
        shares: Callable[[Service], Shares],
        *,
        template: dict[str, Any] | None = None,
        annotations: Mapping[str, str | None] | None = None,
        heed: Literal["all", "traffic", "bots"] = "all",
    ) -> dict[str, Any]:
        """Change the traffic (and the template), together with the note of it; the operation that it started.

        A note of None takes the note away. What is written on this machine is written first. `heed` says what of
        others stops it: their bot in any case, traffic that they moved, or also a revision that they deployed.

        Raises:
            DeployError: it was refused, or somebody else changed the service in between.
        """
        note = note and note.model_copy(update={"bot": self.bot, "step": secrets.token_hex(6)})
        if note is not None:
            notes.remember(self.home, note)
        pause = api.Pauses(api.PAUSE, api.LONGEST_PAUSE)
        doubt: DeployError | None = None
        wanted: Shares = ()
        for _ in range(TRIES):
            service = await self.here()
            if isinstance(doubt, Unsure) and self._done(service, note, wanted):
                return self._wrote(note, service.asked(), {})
            self.adopt(service)
            self._see_to_it_that_it_is_ours(service, heed)
            wanted = shares(service)
            asked = traffic.percents(wanted, service.latest_ready)
            marks = {**service.annotations, **(annotations or {}), KEY: note and note.to_json().decode().strip()}
            body: dict[str, Any] = {
                "name": self.target.path,
                "etag": service.etag,
                "annotations": {key: value for key, value in marks.items() if value is not None},
                "traffic": traffic.written(wanted),
            }
            if template is not None:
                body["template"] = template
            mask = ",".join(key for key in ("template", "traffic", "annotations") if key in body)
            try:
                operation = await self.api.act("PATCH", f"/v2/{self.target.path}", {"updateMask": mask}, body)
            except Unsure as error:
                doubt = error
            except Refused as error:
                if error.status != 409 or "different configuration" in str(error):
                    raise
                doubt = error
                self.log("the service was changed at the same moment: it is read again")
            else:
                return self._wrote(note, asked, operation)
            await pause.pass_by(time.monotonic() + api.PATIENCE)
        raise DeployError(f"{doubt}; it was tried {TRIES} times, and others change the service all the time")

    async def create(self, note: Note, body: dict[str, Any]) -> dict[str, Any]:
        """Create the service; the operation that it started.

        Raises:
            DeployError: it was refused, or somebody else created it in between.
        """
        note = note.model_copy(update={"bot": self.bot, "step": secrets.token_hex(6)})
        notes.remember(self.home, note)
        parent, _, name = self.target.path.rpartition("/services/")
        body = {**body, "annotations": {KEY: note.to_json().decode().strip()}}
        pause = api.Pauses(api.PAUSE, api.LONGEST_PAUSE)
        doubt: DeployError | None = None
        for _ in range(TRIES):
            try:
                operation = await self.api.act("POST", f"/v2/{parent}/services", {"serviceId": name}, body)
            except Unsure as error:
                doubt = error
            except Refused as error:
                if error.status != 409:
                    raise
                doubt = error
            else:
                return self._wrote(note, {note.candidate or "": 100}, operation)
            service = await self.read()
            if service is not None:
                if self._done(service, note, ()):
                    return self._wrote(note, service.asked(), {})
                raise DeployError(f"somebody else created {name} while we were about to; run again to deploy beside it")
            await pause.pass_by(time.monotonic() + api.PATIENCE)
        raise DeployError(f"{doubt}; it was tried {TRIES} times")

    async def ended(self, operation: dict[str, Any], good: Callable[[Service], bool], *, strict: bool) -> Ended:
        """Wait until the service is as it should be, or cannot be. `strict`: any failure of the service counts.

        A failure of the service that has nothing to do with the traffic is an old one, unless `strict`.
        """
        until = time.monotonic() + self.target.within
        pause = api.Pauses(min(api.PAUSE, 0.2), 4.0)
        while True:
            operation = await self.api.operation(operation)
            service = await self.here()
            if good(service):
                return Ended(service)
            error = operation.get("error")
            if isinstance(error, dict):
                return Ended(service, plain(error.get("message")) or "the operation failed", _code(error))
            over = not service.reconciling and operation.get("done", not operation)
            if over and (failed := service.route_failed()):
                return Ended(service, failed.said)
            if over and strict and service.terminal.state == FAILED:
                return Ended(service, service.terminal.said)
            if time.monotonic() >= until:
                return Ended(service, f"not within {format_duration(self.target.within)}: {_state(service)}")
            await pause.pass_by(until)

    async def moved(
        self, operation: dict[str, Any], wanted: Mapping[str, int], *, giving_back: bool = False
    ) -> Service:
        """Wait until the platform's statuses say that the traffic is as wanted.

        A platform that is still busy with a revision that does not come up has given the traffic back all the same.

        Raises:
            DeployError: it is not, in time or at all.
        """
        ended = await self.ended(
            operation, lambda each: not each.reconciling and each.percents() == dict(wanted), strict=False
        )
        service = ended.service
        if ended.failure is None:
            return service
        named = ", ".join(f"{name} {percent} %" for name, percent in wanted.items())
        if giving_back and service.percents() == service.asked() == dict(wanted):
            self.log(f"the traffic is given back ({named}), and the platform is not done yet: {ended.failure}")
            return service
        what = f"the traffic of {self.target.service} was not moved ({named}): {ended.failure}"
        raise DeployError(what + advice(_HTTP.get(ended.code, 0), ended.failure))

    async def calm(self, service: Service) -> Service:
        """Wait until the platform has done what somebody asked of it before, but not for ever."""
        until = time.monotonic() + self.target.within
        pause = api.Pauses(min(api.PAUSE, 0.2), 4.0)
        said = False
        while service.reconciling and time.monotonic() < until:
            if not said:
                self.log(f"{self.target.service} is being changed by {service.modifier}: we wait until that is done")
                said = True
            await pause.pass_by(until)
            service = await self.here()
        if service.reconciling:
            raise DeployError(
                f"{self.target.service} is being changed by somebody else for longer than "
                f"{format_duration(self.target.within)}; see to that deploy first"
            )
        return service

    def _done(self, service: Service, note: Note | None, wanted: Shares) -> bool:
        """Was the act done, though no answer said so? Its note shows it, or the traffic where it takes the note away."""
        theirs = notes.on_platform(service.annotations)
        if note is None:
            return theirs is None and service.traffic == wanted
        return theirs is not None and theirs.step == note.step

    def _wrote(self, note: Note | None, asked: dict[str, int], operation: dict[str, Any]) -> dict[str, Any]:
        self.note, self.shares = note, asked
        if note is None:
            notes.remember(self.home, None)
        elif note.act == "deploy":
            self.newest = note.candidate
        return operation

    def _see_to_it_that_it_is_ours(self, service: Service, heed: str) -> None:
        """Stop before a change that would undo what somebody else did.

        A newer revision of theirs does not keep the traffic from being given back; traffic that they moved does.
        """
        theirs = notes.on_platform(service.annotations)
        if theirs is not None and theirs.bot != self.bot:
            raise DeployError(
                f"another bot ({theirs.bot}) took {self.target.service} over while we deployed, and gives the traffic "
                "back itself; let one deploy run at a time (`concurrency:` in the workflow)"
            )
        if heed == "all" and self.newest is not None and service.latest_created != self.newest:
            raise DeployError(
                f"{service.modifier} deployed {service.latest_created} while we were at {self.newest}; "
                "nothing further is done to their deploy: run again when it has ended"
            )
        if heed != "bots" and self.shares is not None and service.asked() != self.shares:
            found = ", ".join(f"{name} {percent} %" for name, percent in service.asked().items())
            raise DeployError(
                f"{service.modifier} moved the traffic of {self.target.service} while we deployed ({found}); "
                "it stays as they left it: see to it by hand"
            )


_HTTP = {7: 403, 8: 429, 13: 500, 14: 503, 16: 401}
"""The statuses of HTTP for numbers of google.rpc.Code."""


def _code(error: Mapping[str, Any]) -> int:
    code = error.get("code")
    return code if isinstance(code, int) else 0


def refused_by_platform(code: int) -> int | None:
    """The status of HTTP, where the number means that the platform refuses: permission, quota, or it is down."""
    return _HTTP.get(code) if code in (7, 8, 14, 16) else None


def _state(service: Service) -> str:
    if service.reconciling:
        return f"it is still at it ({service.terminal.said})"
    shares = ", ".join(f"{name} {percent} %" for name, percent in service.percents().items())
    return f"its traffic is {shares or 'nowhere'} ({service.terminal.said})"
