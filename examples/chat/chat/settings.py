"""What the environment tells the service."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


class SettingsError(Exception):
    """A variable that the service needs is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The service's settings.

    `revision` says which deployed version this is; it is reported and never decides anything. `secret` signs access
    tokens; without one a random secret is used, and access tokens end with the process.
    """

    user: str
    password: str = field(repr=False)
    secret: str = field(repr=False)
    database_url: str = "sqlite:///./chat.db"
    revision: str = "development"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read `CHAT_USER`, `CHAT_PASSWORD`, `CHAT_SECRET`, `DATABASE_URL` and `REVISION`.

        Raises:
            SettingsError: `CHAT_PASSWORD` is missing or empty.
        """
        if not environ.get("CHAT_PASSWORD"):
            raise SettingsError("CHAT_PASSWORD is not set; it is the password of the first user")
        return cls(
            user=environ.get("CHAT_USER") or "ana@example.com",
            password=environ["CHAT_PASSWORD"],
            secret=environ.get("CHAT_SECRET") or secrets.token_hex(32),
            database_url=environ.get("DATABASE_URL") or "sqlite:///./chat.db",
            revision=environ.get("REVISION") or "development",
        )
