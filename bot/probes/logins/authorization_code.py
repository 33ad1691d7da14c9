"""The login `authorization_code`: a user's token without a browser (RFC 6749, section 4.1, with PKCE, RFC 7636).

It works where a request can sign the user in, so that the server sends the code without a page to click on. The
redirect is read, and never followed: nobody has to listen at its address.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import Field

from bot.probes.login import Failed, Grant
from bot.probes.logins.oauth import Endpoint, OAuthLogin
from bot.probes.logins.talk import Talk, status_line
from bot.probes.probe import fresh
from bot.probes.request import Body, Request, RequestLine


class SignIn(Body):
    """The request that signs the user in."""

    http: RequestLine
    """The request, as `POST /login`."""


class AuthorizationCodeLogin(OAuthLogin):
    """OAuth 2 authorization code with PKCE, where no browser is needed."""

    kind: ClassVar[str] = "authorization_code"

    authorization_code: Endpoint
    """Where the code is given: a path of the service, a whole address, or `discovered` (OpenID Connect)."""
    token_endpoint_at: Endpoint = Field(alias="token_endpoint")
    """Where the code is exchanged for tokens: the same."""
    redirect_uri: str = Field(pattern=r"^[a-z][a-z0-9+.-]*:\S+$")
    """The redirect address that the client is registered with. It is read, and never gone to."""
    first: SignIn | None = None
    """The request that signs the user in at the service; its cookies are kept for this login alone."""

    def endpoints(self) -> Sequence[str]:
        """All endpoints that the spec writes."""
        return (self.authorization_code, self.token_endpoint_at)

    async def token_endpoint(self, talk: Talk) -> str:
        """Where tokens are given."""
        return await self.resolved(talk, self.token_endpoint_at, "token_endpoint")

    async def grant(self, talk: Talk) -> Grant:
        """Sign the user in, get a code, and exchange it."""
        from bot.probes.logins.cookies import Jar

        talk.jar = Jar()
        if self.first is not None:
            answer = await talk.ask(self.first.request(self.first.http, talk.context.url, {"unique": fresh()}))
            if not 200 <= answer.status < 400:
                raise Failed(f"{self.first.http}: {status_line(answer)}", answer.status)
        verifier = secrets.token_urlsafe(48)
        talk.learn(verifier)
        code = await self._code(talk, verifier)
        talk.learn(code)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        return await self.tokens(talk, {**form, "code_verifier": verifier})

    async def _code(self, talk: Talk, verifier: str) -> str:
        state = fresh()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        query |= {key: value for key, value in (("scope", self.scope), ("audience", self.audience)) if value}
        url = await self.resolved(talk, self.authorization_code, "authorization_endpoint")
        answer = await talk.ask(Request("GET", f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"))
        location = answer.header("location")
        if not 300 <= answer.status < 400 or location is None:
            raise Failed(
                f"{status_line(answer)}, and no redirect with a code: a browser would be needed", answer.status
            )
        if not _goes_to(location, self.redirect_uri):
            raise Failed("redirected elsewhere than to `redirect_uri`: a browser would be needed", answer.status)
        given = parse_qs(urlsplit(location).query)
        if "error" in given:
            raise Failed(f"no code: {given['error'][0][:60]}", answer.status)
        if given.get("state") != [state]:
            raise Failed("the redirect does not carry our `state`: anybody could have made it", answer.status)
        if len(given.get("code", [])) != 1:
            raise Failed("the redirect carries no code", answer.status)
        return given["code"][0]


def _goes_to(location: str, redirect: str) -> bool:
    one, other = urlsplit(location), urlsplit(redirect)
    return one[:3] == other[:3]
