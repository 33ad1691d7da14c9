"""Signing in: what every kind of login is, and the credential that it gives to a probe."""

import base64
import binascii
import json
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, JsonValue

from bot.probes.probe import Settings

if TYPE_CHECKING:
    from bot.probes.context import Context
    from bot.probes.logins.cookies import Jar
    from bot.probes.logins.talk import Talk

RENEW_BEFORE = 30.0
"""Seconds before its expiry from which on a token is not used any more."""
RENEW_SHARE = 0.25
"""The same as a share of its lifetime, for one that lives so briefly that the seconds above would be all of it."""
HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"


class Failed(Exception):
    """The service did not let us in; the message says why. `status` is what it answered, if it did."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Grant:
    """What a service granted. `lifetime` is in seconds, by the service's word; None where it said none."""

    token: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    lifetime: float | None = None
    jar: "Jar | None" = None


@dataclass(frozen=True)
class Credential:
    """What signing in gave: headers to send, or the failure in words. `token` alone, for where no header can go.

    `refresh` is what buys the next one, `renew_at` when it is to be used (`time.time`), `status` what a service that
    refused had answered. What is secret is in no `repr`.
    """

    token: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    failure: str | None = None
    evidence: str | None = None
    renew_at: float | None = None
    refresh: str | None = field(default=None, repr=False)
    status: int | None = None
    jar: "Jar | None" = field(default=None, repr=False)

    def stale(self) -> bool:
        """Is it, by its own word, about to expire?"""
        return self.renew_at is not None and time.time() > self.renew_at

    def headers_at(self, url: str) -> tuple[tuple[str, str], ...]:
        """The headers to send to one address: cookies go only where they were meant for."""
        cookies = self.jar.header(url) if self.jar is not None else None
        return (*self.headers, ("Cookie", cookies)) if cookies else self.headers


class Login(Settings):
    """A way of signing in. Each kind says what it asks for; the token goes into a header."""

    kind: ClassVar[str]

    header: str = Field("Authorization", pattern=HEADER_NAME)
    """The header in which the token is sent."""
    scheme: str = Field("Bearer", pattern=r"^[A-Za-z0-9-]*$")
    """The word before the token in that header; empty for none."""

    async def grant(self, talk: "Talk") -> Grant:
        """Sign in.

        Raises:
            Failed: the service did not let us in.
            Unmeasurable: nothing can be said of the service.
        """
        raise NotImplementedError

    async def regrant(self, talk: "Talk", refresh: str) -> Grant:
        """Exchange a refresh token for new tokens; raises as `grant` does."""
        raise NotImplementedError

    async def keys(self, talk: "Talk") -> Sequence[Mapping[str, JsonValue]]:
        """The public keys (JWK) by which the service checks its tokens, where they are known; raises as `grant` does."""
        return ()

    async def sign_in(self, name: str, context: "Context") -> Credential:
        """Sign in. What the service does wrong is in the credential's `failure`."""
        from bot.probes.logins.talk import Talk

        talk = Talk(name, context)
        return await self._credential(talk, self.grant(talk))

    async def renew(self, name: str, context: "Context", old: Credential) -> Credential:
        """Exchange the refresh token, where there is one; sign in again where there is none."""
        from bot.probes.logins.talk import Talk

        if old.refresh is None:
            return await self.sign_in(name, context)
        talk = Talk(name, context)
        found = await self._credential(talk, self.regrant(talk, old.refresh))
        if found.failure is not None:
            return replace(found, failure=f"the refresh token was not taken: {found.failure}")
        return found if found.refresh is not None else replace(found, refresh=old.refresh)

    def dressed(self, token: str, like: Credential) -> Credential:
        """The credential `like`, with another token in its place."""
        return Credential(token=token, headers=self.shown(token))

    def shown(self, token: str) -> tuple[tuple[str, str], ...]:
        """The headers that carry a token."""
        return ((self.header, f"{self.scheme} {token}" if self.scheme else token),)

    async def _credential(self, talk: "Talk", granting: Awaitable[Grant]) -> Credential:
        try:
            granted = await granting
        except Failed as failed:
            return Credential(failure=str(failed), status=failed.status, evidence=talk.keep())
        talk.learn(granted.token, granted.refresh)
        return Credential(
            token=granted.token,
            headers=() if granted.jar is not None else self.shown(granted.token),
            evidence=talk.keep(),
            renew_at=_renew_at(granted),
            refresh=granted.refresh,
            jar=granted.jar,
        )


def claims(token: str) -> Mapping[str, JsonValue] | None:
    """The claims of a JWT (RFC 7519), unverified; None for any other token."""
    parts = token.split(".")
    found = [decoded(part) for part in parts[:2]] if len(parts) == 3 else []
    return found[1] if len(found) == 2 and found[0] is not None and "alg" in found[0] else None


def decoded(part: str) -> dict[str, JsonValue] | None:
    """A JSON object out of base64url, as the parts of a JWT are written."""
    try:
        data = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _renew_at(granted: Grant) -> float | None:
    lifetime = granted.lifetime
    if lifetime is None:
        known = claims(granted.token) or {}
        expires, issued = _number(known.get("exp")), _number(known.get("iat"))
        # from its issue, by the service's own clock, which need not be ours
        lifetime = None if expires is None else expires - (time.time() if issued is None else issued)
    return None if lifetime is None else time.time() + lifetime - min(RENEW_BEFORE, max(0.0, lifetime) * RENEW_SHARE)


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
