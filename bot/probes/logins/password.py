"""The login `http`: a request of your own, and where its answer has the token."""

from typing import ClassVar

from pydantic import Field, JsonValue, model_validator

from bot.probes import templates
from bot.probes.login import Failed, Grant, Login
from bot.probes.logins.talk import Talk, text_at
from bot.probes.paths import PathText, find
from bot.probes.probe import fresh
from bot.probes.request import Body, RequestLine

REFRESH = "refresh_token"


class Renewal(Body):
    """The request that exchanges a refresh token for new tokens."""

    http: RequestLine
    """The request, as `POST /auth/refresh`; `{refresh_token}` in its strings is the token to exchange."""
    token: PathText = Field("$.access_token")
    """Where the answer has the new token."""
    refresh_token: PathText = Field("$.refresh_token")
    """Where the answer has the next refresh token; one that is not rotated is used on."""

    @model_validator(mode="after")
    def _sends_it(self) -> "Renewal":
        parts: list[JsonValue] = [self.data, [*self.headers.values()]]
        parts += [[str(value) for value in (*self.query.values(), *(self.form or {}).values())]]
        if REFRESH not in templates.names(parts):
            raise ValueError(
                f"it sends {{{REFRESH}}} nowhere; write for example `json: {{{REFRESH}: '{{{REFRESH}}}'}}`"
            )
        return self


class PasswordLogin(Login, Body):
    """A request that signs in, and where its answer has the token."""

    kind: ClassVar[str] = "http"

    http: RequestLine
    """The request that signs in, as `POST /auth/login`."""
    token: PathText
    """Where the answer has the token, as `$.access_token`."""
    refresh_token: PathText = Field("$.refresh_token")
    """Where the answer has the refresh token; looked for only with `refresh`."""
    refresh: Renewal | None = None
    """How a refresh token is exchanged; without it, signing in is what renews a token."""

    async def grant(self, talk: Talk) -> Grant:
        """Sign in."""
        data = await talk.ask_json(self.request(self.http, talk.context.url, {"unique": fresh()}))
        refresh = text_at(self.refresh_token, data, "refresh token") if self.refresh is not None else None
        talk.learn(refresh)
        return Grant(text_at(self.token, data, "token"), refresh)

    async def regrant(self, talk: Talk, refresh: str) -> Grant:
        """Exchange the refresh token."""
        renewal = self.refresh
        if renewal is None:
            raise Failed("the spec does not say how a refresh token is exchanged")
        filled: dict[str, JsonValue] = {"unique": fresh(), REFRESH: refresh}
        data = await talk.ask_json(renewal.request(renewal.http, talk.context.url, filled))
        following = find(renewal.refresh_token, data)
        rotated = following[0] if len(following) == 1 and isinstance(following[0], str) else None
        talk.learn(rotated)
        return Grant(text_at(renewal.token, data, "token"), rotated)
