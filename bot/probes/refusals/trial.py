"""Showing every forged credential to one route, and using a refresh token twice."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.probes.login import Credential, Failed
from bot.probes.logins.talk import Talk
from bot.probes.probe import Unmeasurable
from bot.probes.refusals.forging import GARBAGE, Forged, LeftOut, forge
from bot.probes.refusals.http import HttpRoute
from bot.probes.refusals.outcome import Outcome
from bot.probes.refusals.websocket import SocketRoute
from bot.probes.request import Request

if TYPE_CHECKING:
    from bot.probes.context import Clock, Context

AT_ONCE = 4
REFRESH_REFUSALS = frozenset({400, 401, 403})
"""What refuses a refresh token: 400 is what OAuth 2 says (RFC 6749, section 5.2)."""
Tried = Mapping[str, Outcome | str]
"""What became of each credential by its name, or why there was none."""


class Known(NamedTuple):
    """What only the spec can give: a token that has expired, a login for another audience, and where the keys are."""

    expired: str | None = None
    other_audience: str | None = None
    jwks: str | None = None


class Trial(NamedTuple):
    """One route, what it refuses with, and the real credential of a login."""

    route: HttpRoute | SocketRoute
    refusals: Collection[int]
    login: str
    real: Credential
    probe: str
    context: "Context"
    clock: "Clock"

    async def show(self, title: str, credential: Credential) -> Outcome:
        """Show one credential."""
        return await self.route.show(title, credential, self.refusals, self.context, self.probe, self.clock.left())

    async def forged(self, known: Known) -> Tried:
        """Show every forged one, a few at a time."""
        keys, no_keys = await self._keys(known.jwks)
        by_header = isinstance(self.route, HttpRoute) or self.route.token_in == "header"  # noqa: S105 - a place
        scheme = self.context.login(self.login).scheme if by_header and self.real.jar is None else ""
        made = [*forge(self.real.token, scheme, keys, no_keys), *self._expired(known.expired)]
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(each: Forged) -> Outcome:
            async with limit:
                return await self.show(each.name, self._worn(each))

        async with asyncio.TaskGroup() as group:
            tasks = {each.name: group.create_task(one(each)) for each in made if isinstance(each, Forged)}
        tried: dict[str, Outcome | str] = {
            each.name: each.reason if isinstance(each, LeftOut) else tasks[each.name].result() for each in made
        }
        tried["other audience"] = await self._other_audience(known.other_audience)
        tried["reused refresh token"] = await self._reused()
        return tried

    def _worn(self, forged: Forged) -> Credential:
        login, redactor = self.context.login(self.login), self.context.redactor
        if forged.token is None:
            return Credential()
        if forged.token != GARBAGE and forged.token in redactor.text(forged.token):
            redactor.learn(forged.token)  # it is nearly the real one
        if forged.scheme is not None:
            return Credential(token=forged.token, headers=((login.header, f"{forged.scheme} {forged.token}"),))
        return login.dressed(forged.token, self.real)

    def _expired(self, token: str | None) -> Sequence[Forged | LeftOut]:
        if token is None:
            return [LeftOut("expired", "only the service could make one: give an old token as `expired: ${OLD_TOKEN}`")]
        self.context.redactor.learn(token)
        return [Forged("expired", token)]

    async def _other_audience(self, name: str | None) -> Outcome | str:
        if name is None:
            return "the spec names no login for another audience (`other_audience`)"
        other = await self.context.credential(name, self.clock.left())
        if other.failure is not None:
            raise Unmeasurable(
                f"the login {name}, of another audience, failed: {other.failure}", f"mend the login {name}"
            )
        return await self.show("other audience", self.context.login(self.login).dressed(other.token, self.real))

    async def _reused(self) -> Outcome | str:
        """Sign in once more, for this alone: a service may end all that came of a token that was used twice."""
        login, context = self.context.login(self.login), self.context
        if self.real.refresh is None:
            return "the login has no refresh token"
        first = await login.sign_in(self.login, context)
        second = await login.renew(self.login, context, first) if first.failure is None else first
        if second.failure is not None:
            return Outcome("failed", f"it could not be used once: {second.failure}", second.evidence)
        if second.refresh == first.refresh:
            return "the service does not rotate refresh tokens: it gave no new one"
        third = await login.renew(self.login, context, first)
        if third.failure is None:
            return Outcome("accepted", "new tokens", third.evidence)
        refused = third.status in REFRESH_REFUSALS or third.status in self.refusals
        failed = third.status is None or third.status >= 500
        return Outcome("refused" if refused else "failed" if failed else "other", third.failure, third.evidence)

    async def _keys(self, jwks: str | None) -> tuple[Sequence[Mapping[str, JsonValue]], str]:
        """The keys by which the service checks tokens, or why they are not known."""
        talk = Talk(self.login, self.context)
        try:
            if jwks is None:
                found = await self.context.login(self.login).keys(talk)
                return found, "the public key is not known: name `jwks: /.well-known/jwks.json`"
            data = await talk.ask_json(Request("GET", self.context.url + jwks))
        except Failed as failed:
            return (), f"the public key could not be had: {failed}"
        keys = data.get("keys") if isinstance(data, dict) else None
        found = [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []
        return found, f"there are no keys at {jwks}"
