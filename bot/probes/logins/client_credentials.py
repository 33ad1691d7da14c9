"""The login `client_credentials`: a machine signs in as itself (RFC 6749, section 4.4)."""

from collections.abc import Sequence
from typing import ClassVar

from bot.probes.login import Grant
from bot.probes.logins.oauth import Endpoint, OAuthLogin
from bot.probes.logins.talk import Talk


class ClientCredentialsLogin(OAuthLogin):
    """OAuth 2 client credentials."""

    kind: ClassVar[str] = "client_credentials"

    client_credentials: Endpoint
    """Where tokens are given: a path of the service, a whole address, or `discovered` (OpenID Connect)."""

    def endpoints(self) -> Sequence[str]:
        """All endpoints that the spec writes."""
        return (self.client_credentials,)

    async def token_endpoint(self, talk: Talk) -> str:
        """Where tokens are given."""
        return await self.resolved(talk, self.client_credentials, "token_endpoint")

    async def grant(self, talk: Talk) -> Grant:
        """Ask for a token."""
        wanted = {"scope": self.scope, "audience": self.audience}
        return await self.tokens(
            talk, {"grant_type": "client_credentials"} | {key: value for key, value in wanted.items() if value}
        )
