"""A small service that signs in by every way that a login knows, and answers its one protected route accordingly."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.integration.servers import Asked, Route, of_json, plain

CLIENT, CLIENT_SECRET = "machine", "s3cret+client/pass"
REDIRECT = "https://app.invalid/callback"
PASSWORD = "hunter2-long"


@dataclass
class Issuer:
    """Gives opaque tokens. `lifetime` is what it says of them; `rotates` whether a refresh token is good for one use."""

    lifetime: int = 900
    rotates: bool = True
    valid: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    challenges: dict[str, str] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    asked_for: list[Mapping[str, str]] = field(default_factory=list)

    def routes(self) -> Mapping[str, Route]:
        return {
            "POST /auth/login": self.login,
            "POST /auth/refresh": self.renew,
            "GET /login": self.page,
            "POST /login": self.session,
            "GET /authorize": self.authorize,
            "POST /token": self.token,
            "GET /me": self.me,
        }

    def tokens(self) -> dict[str, Any]:
        access, refresh = (secrets.token_urlsafe(24) for _ in range(2))
        self.valid.add(access)
        self.refresh.add(refresh)
        self.given += [access, refresh]
        return {"access_token": access, "refresh_token": refresh, "expires_in": self.lifetime}

    async def login(self, asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        right = json.loads(asked.body).get("password") == PASSWORD
        return of_json(self.tokens()) if right else of_json({"detail": "no"}, 401)

    async def renew(self, asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        return self._exchanged(json.loads(asked.body)["refresh_token"])

    def _exchanged(self, refresh: str) -> bytes:
        if refresh not in self.refresh:
            return of_json({"error": "invalid_grant"}, 400)
        if self.rotates:
            self.refresh.discard(refresh)
            return of_json(self.tokens())
        return of_json({**self.tokens(), "refresh_token": None})

    async def page(self, _asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        return plain(200, b"<form>", "text/html", "set-cookie: csrftoken=csrf-value-1; Path=/\r\n")

    async def session(self, asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        fields = parse_qs(asked.body.decode())
        if (
            asked.headers.get("x-csrftoken") != "csrf-value-1"
            or "csrftoken=csrf-value-1" not in asked.headers["cookie"]
        ):
            return plain(403, b"csrf")
        if fields.get("password") != [PASSWORD]:
            return plain(200, b"<form>wrong password")
        value = secrets.token_urlsafe(24)
        self.sessions.add(value)
        self.given.append(value)
        cookies = f"set-cookie: sessionid={value}; Path=/; HttpOnly; Secure\r\nset-cookie: other=elsewhere; Path=/b\r\n"
        return plain(302, b"", extra=f"location: /\r\n{cookies}")

    async def authorize(self, asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.target).query).items()}
        if self._session(asked) not in self.sessions:
            return plain(302, b"", extra="location: /login\r\n")
        code = secrets.token_urlsafe(24)
        self.given.append(code)
        self.challenges[code] = query["code_challenge"] if query["code_challenge_method"] == "S256" else ""
        target = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        return plain(302, b"", extra=f"location: {target}\r\n")

    async def token(self, asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.asked_for.append(form)
        if form["grant_type"] == "refresh_token":
            return self._exchanged(form["refresh_token"])
        if form["grant_type"] == "client_credentials":
            pair = base64.b64encode(b"machine:s3cret%2Bclient%2Fpass").decode()
            right = asked.headers.get("authorization") == f"Basic {pair}" or form.get("client_secret") == CLIENT_SECRET
            return of_json(self.tokens()) if right else of_json({"error": "invalid_client"}, 401)
        challenge = self.challenges.pop(form["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        right = challenge == proof and form["redirect_uri"] == REDIRECT and form["client_id"] == CLIENT
        return of_json(self.tokens()) if right else of_json({"error": "invalid_grant"}, 400)

    async def me(self, asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        known = (scheme == "Bearer" and token in self.valid) or self._session(asked) in self.sessions
        return of_json(
            {"you": asked.headers.get("authorization"), "jar": asked.headers.get("cookie")}, 200 if known else 401
        )

    def _session(self, asked: Asked) -> str:
        pairs = (each.strip().partition("=") for each in asked.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs}.get("sessionid", "")
