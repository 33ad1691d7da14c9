"""Signing in: how a probe gets the credential that it shows to the service."""

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from bot.model import strict_json
from bot.model.errors import FormatError
from bot.probes.paths import PathText, find
from bot.probes.probe import Unmeasurable, fresh
from bot.probes.request import Body, RequestLine
from bot.probes.transcripts import answer_text, request_text

if TYPE_CHECKING:
    from bot.probes.context import Context
    from bot.safety.http import Answer

SIGN_IN_TIMEOUT = 10.0
RENEW_BEFORE = 30.0
"""Seconds before its expiry from which on a token is not used any more."""


@dataclass(frozen=True)
class Credential:
    """What signing in gave: headers to send, or the failure in words. `token` alone, for where no header can go."""

    token: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    failure: str | None = None
    evidence: str | None = None
    expires: float | None = None

    def stale(self) -> bool:
        """Is it, by its own word, about to expire?"""
        return self.expires is not None and time.time() > self.expires - RENEW_BEFORE


class Login(Body):
    """A way of signing in: a request, and where its answer has the token."""

    http: RequestLine
    """The request that signs in, as `POST /auth/login`."""
    token: PathText
    """Where the answer has the token, as `$.access_token`."""
    header: str = Field("Authorization", pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    """The header in which the token is sent."""
    scheme: str = "Bearer"
    """The word before the token in that header; empty for none."""

    async def sign_in(self, name: str, context: "Context") -> Credential:
        """Sign in. What the service does wrong is in the credential's `failure`."""
        from bot.safety.http import OURS, Unanswered

        request = self.request(self.http, context.url, {"unique": fresh()})
        said = request_text(context.redactor, request.method, request.url, request.headers, request.content)
        try:
            answer = await context.ask(request, SIGN_IN_TIMEOUT)
        except Unanswered as error:
            if error.failure in OURS:
                raise Unmeasurable(f"login {name}: {error}", "check the address of the service") from error
            return Credential(failure=str(error), evidence=context.keep(f"{said}! {error}\n"))
        token, failure = self._token(answer)
        context.redactor.learn(token)
        line = f"{answer.version} {answer.status} {answer.reason}"
        heard = answer_text(context.redactor, line, answer.headers, answer.body, whole=answer.incomplete is None)
        evidence = context.keep(said + heard)
        if token is None:
            return Credential(failure=failure, evidence=evidence)
        value = f"{self.scheme} {token}" if self.scheme else token
        return Credential(token=token, headers=((self.header, value),), evidence=evidence, expires=_expiry(token))

    def _token(self, answer: "Answer") -> tuple[str | None, str | None]:
        if not 200 <= answer.status < 300:
            return None, f"{answer.status} {answer.reason}".strip()
        if answer.incomplete:
            return None, f"the answer is not whole: {answer.incomplete}"
        try:
            found = find(self.token, strict_json(answer.body, "the answer"))
        except FormatError as error:
            return None, str(error)
        if len(found) != 1 or not isinstance(found[0], str) or not found[0] or not found[0].isprintable():
            return None, f"{answer.status}, but no token at {self.token}"
        return found[0], None


def _expiry(token: str) -> float | None:
    """The `exp` of a JWT (RFC 7519, section 4.1.4); None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    expires = claims.get("exp") if isinstance(claims, dict) else None
    return float(expires) if isinstance(expires, int | float) and not isinstance(expires, bool) else None
