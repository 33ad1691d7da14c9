"""What the logins of OAuth 2 have in common: a client, its endpoints, and the answers with tokens in them (RFC 6749).

Secrets and tokens go to the service's own origin, to addresses that the spec writes out, and to `hosts`; an endpoint
that a discovery document names elsewhere is not asked.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import quote_plus, urlencode, urlsplit

from pydantic import AfterValidator, Field, JsonValue, field_validator, model_validator

from bot.probes.login import Failed, Grant, Login
from bot.probes.logins.talk import Talk, text_at
from bot.probes.probe import Unmeasurable
from bot.probes.request import Request
from bot.safety.urls import service_url

DISCOVERED = "discovered"
WELL_KNOWN = "/.well-known/openid-configuration"
FORM = ("content-type", "application/x-www-form-urlencoded")


def _checked_endpoint(text: str) -> str:
    if text == DISCOVERED or (text.startswith("/") and not text.startswith("//") and not any(map(str.isspace, text))):
        return text
    try:
        return service_url(text)
    except ValueError:
        raise ValueError(
            f"it is no endpoint: write a path of the service (/oauth/token), a whole address, or `{DISCOVERED}`"
        ) from None


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
"""A path of the service, a whole address, or `discovered`."""


class OAuthLogin(Login):
    """A client of an OAuth 2 server."""

    client_id: str = Field(min_length=1)
    """The client."""
    client_secret: str | None = Field(None, min_length=1)
    """Its secret, as `${CLIENT_SECRET}`."""
    client_auth: Literal["basic", "post"] = "basic"
    """How the secret is sent: in the header (`basic`), or in the form (`post`)."""
    scope: str | None = None
    """What is asked for, as `read write`."""
    audience: str | None = None
    """For whom the token is to be, where the server wants to know."""
    issuer: str | None = None
    """Where endpoints are `discovered`: the issuer, as `https://id.example.com`; without it, the service itself."""
    hosts: tuple[str, ...] = ()
    """Further hosts that a discovered endpoint may be at, as `login.example.com`."""

    @field_validator("issuer")
    @classmethod
    def _is_an_address(cls, issuer: str | None) -> str | None:
        return None if issuer is None else service_url(issuer).rstrip("/")

    @model_validator(mode="after")
    def _issuer_is_used(self) -> "OAuthLogin":
        if self.issuer is not None and DISCOVERED not in self.endpoints():
            raise ValueError(f"`issuer` is used only for an endpoint that is `{DISCOVERED}`")
        return self

    def endpoints(self) -> Sequence[str]:
        """All endpoints that the spec writes."""
        raise NotImplementedError

    async def regrant(self, talk: Talk, refresh: str) -> Grant:
        """Exchange the refresh token (RFC 6749, section 6)."""
        return await self.tokens(talk, {"grant_type": "refresh_token", "refresh_token": refresh})

    async def token_endpoint(self, talk: Talk) -> str:
        """Where tokens are given."""
        raise NotImplementedError

    async def keys(self, talk: Talk) -> Sequence[Mapping[str, JsonValue]]:
        """The issuer's public keys, where endpoints are discovered."""
        if DISCOVERED not in self.endpoints():
            return ()
        data = await talk.ask_json(Request("GET", await self.resolved(talk, DISCOVERED, "jwks_uri")))
        keys = data.get("keys") if isinstance(data, dict) else None
        return [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else ()

    async def tokens(self, talk: Talk, form: Mapping[str, str]) -> Grant:
        """Ask for tokens, and read the answer (RFC 6749, section 5.1)."""
        fields, headers = dict(form), [FORM, ("accept", "application/json")]
        if self.client_secret is None:
            fields["client_id"] = self.client_id
        elif self.client_auth == "post":
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"  # RFC 6749, section 2.3.1
            basic = base64.b64encode(pair.encode()).decode()
            talk.learn(basic)
            headers.append(("Authorization", f"Basic {basic}"))
        talk.learn(self.client_secret)
        url = await self.token_endpoint(talk)
        data = await talk.ask_json(Request("POST", url, tuple(headers), urlencode(fields).encode()))
        answer = data if isinstance(data, dict) else {}
        refresh, lifetime, identity = (answer.get(key) for key in ("refresh_token", "expires_in", "id_token"))
        talk.learn(*(each for each in (refresh, identity) if isinstance(each, str)))
        return Grant(
            text_at("$.access_token", data, "token"),
            refresh if isinstance(refresh, str) and refresh.isprintable() and refresh else None,
            float(lifetime) if isinstance(lifetime, int | float) and not isinstance(lifetime, bool) else None,
        )

    async def resolved(self, talk: Talk, endpoint: str, name: str) -> str:
        """The address of an endpoint; `name` is what a discovery document calls it."""
        if endpoint.startswith("/"):
            return talk.context.url + endpoint
        if endpoint != DISCOVERED:
            return endpoint
        document = await self._discovered(talk)
        found = document.get(name)
        if not isinstance(found, str) or not found:
            raise Failed(f"the discovery document names no {name}")
        if not self._named(found, talk.context.url):
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(found))
            raise Unmeasurable(
                f"login {talk.name}: the discovery document names a {name} at {origin}, which the spec does not name",
                f"add its host to `hosts:` of the login {talk.name}, if it is meant to be given credentials",
            )
        return found

    async def _discovered(self, talk: Talk) -> Mapping[str, JsonValue]:
        data = await talk.ask_json(Request("GET", (self.issuer or talk.context.url) + WELL_KNOWN))
        if not isinstance(data, dict):
            raise Failed("the discovery document is no JSON object")
        named = data.get("issuer")
        # OpenID Connect Discovery 1.0, section 4.3; a candidate under its own address names its public one
        if self.issuer is not None and (not isinstance(named, str) or named.rstrip("/") != self.issuer):
            raise Failed("the discovery document is of another issuer than the spec names")
        return data

    def _named(self, url: str, service: str) -> bool:
        parts = urlsplit(url)
        known = [_origin(each) for each in (service, self.issuer or service, *self.endpoints()) if "://" in each]
        if _origin(url) in known:
            return True
        return parts.scheme == "https" and parts.username is None and parts.hostname in self.hosts


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return "", None, None
    if parts.username is not None or parts.password is not None:
        return "", None, None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)
