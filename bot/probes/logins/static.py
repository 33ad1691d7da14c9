"""The login `token`: one that was given to us."""

from typing import ClassVar

from pydantic import field_validator

from bot.probes.login import Grant, Login
from bot.probes.logins.talk import Talk


class StaticLogin(Login):
    """A token that is known beforehand, out of the environment."""

    kind: ClassVar[str] = "token"

    token: str
    """The token, as `${TOKEN}`."""

    @field_validator("token")
    @classmethod
    def _can_be_sent(cls, token: str) -> str:
        if not token.strip() or not token.isprintable():
            raise ValueError("the token is empty, or has characters that no header can carry; look at its variable")
        if token.startswith(("$.", "$[")):
            raise ValueError("a path has no answer to look into; add `http: POST /login`, or write the token itself")
        return token

    async def grant(self, talk: Talk) -> Grant:
        """There is nothing to ask for."""
        talk.learn(self.token)
        return Grant(self.token)
