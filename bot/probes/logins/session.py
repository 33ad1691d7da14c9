"""The login `session`: a request that sets a cookie."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from bot.probes.login import HEADER_NAME, Credential, Failed, Grant, Login
from bot.probes.logins.talk import Talk, status_line
from bot.probes.probe import Settings, fresh
from bot.probes.request import Body, Request, RequestLine

if TYPE_CHECKING:
    from bot.probes.context import Context
    from bot.probes.logins.cookies import Jar


class Csrf(Settings):
    """A cookie whose value is to be sent in a header too."""

    cookie: str = Field(min_length=1)
    """The cookie, as `csrftoken`."""
    header: str = Field(pattern=HEADER_NAME)
    """The header, as `X-CSRFToken`."""


class SessionLogin(Login, Body):
    """A request that signs in by setting a cookie, which is sent from then on."""

    kind: ClassVar[str] = "session"

    session: RequestLine
    """The request that signs in, as `POST /login`."""
    cookie: str | None = None
    """The cookie that shows that it did, as `sessionid`; any cookie when it is absent."""
    before: RequestLine | None = None
    """A request that comes first, as `GET /login`: some services set a cookie there that signing in needs."""
    csrf: Csrf | None = None
    """A cookie whose value goes into a header too."""

    async def grant(self, talk: Talk) -> Grant:
        """Sign in, with a jar of its own."""
        from bot.probes.logins.cookies import Jar

        talk.jar = jar = Jar()
        if self.before is not None:
            await talk.ask(Body().request(self.before, talk.context.url, {}))
        plain = self.request(self.session, talk.context.url, {"unique": fresh()})
        answer = await talk.ask(Request(plain.method, plain.url, (*plain.headers, *self._csrf(jar)), plain.content))
        if not 200 <= answer.status < 400:
            raise Failed(status_line(answer), answer.status)
        found = jar.find(self.cookie)
        if found is None or not found.value:
            what = f"the cookie {self.cookie}" if self.cookie else "any cookie"
            raise Failed(f"{status_line(answer)}, without {what}", answer.status)
        return Grant(found.value, lifetime=None if found.expires is None else found.expires - time.time(), jar=jar)

    async def sign_in(self, name: str, context: "Context") -> Credential:
        """Sign in. What the service does wrong is in the credential's `failure`."""
        found = await super().sign_in(name, context)
        return found if found.jar is None else replace(found, headers=tuple(self._csrf(found.jar)))

    def dressed(self, token: str, like: Credential) -> Credential:
        """The session's cookie with another value."""
        named = like.jar.find(self.cookie) if like.jar is not None else None
        return Credential(token=token, headers=(("Cookie", f"{named.name if named else self.cookie}={token}"),))

    def _csrf(self, jar: "Jar") -> Sequence[tuple[str, str]]:
        found = jar.find(self.csrf.cookie) if self.csrf is not None else None
        return [(self.csrf.header, found.value)] if self.csrf is not None and found is not None and found.value else []
