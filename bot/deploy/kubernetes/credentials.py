"""The ways in which a request says who we are."""

import asyncio
import base64
import contextlib
import json
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from bot.model.errors import DeployError
from bot.safety.redact import Redactor

EXEC_TIMEOUT = 60.0
"""Seconds that a credential plugin may take: it may ask the cloud."""
MARGIN = 60.0
"""Seconds before its end that a credential is fetched anew."""
REREAD = 60.0
"""Seconds that a token's file is trusted: the kubelet rotates it."""


class Credential(Protocol):
    """Says who we are."""

    async def header(self, redactor: Redactor, *, anew: bool = False) -> str | None:
        """The `Authorization` header; `anew` where the last one was refused.

        Raises:
            DeployError: it cannot be had.
        """
        ...


@dataclass(frozen=True)
class Nothing:
    """A client certificate, or nobody."""

    async def header(self, redactor: Redactor, *, anew: bool = False) -> str | None:
        """None."""
        return None


@dataclass(frozen=True)
class Token:
    """A token that stays."""

    token: str = field(repr=False)

    async def header(self, redactor: Redactor, *, anew: bool = False) -> str | None:
        """The token."""
        return f"Bearer {self.token}"


@dataclass(frozen=True)
class Basic:
    """A user and a password, for a gateway in front of the API server."""

    user: str
    password: str = field(repr=False)

    async def header(self, redactor: Redactor, *, anew: bool = False) -> str | None:
        """Both in base64."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass
class TokenFile:
    """A token in a file that is rotated."""

    file: Path
    _kept: tuple[float, str] | None = field(default=None, repr=False)

    async def header(self, redactor: Redactor, *, anew: bool = False) -> str | None:
        """What the file holds now."""
        if self._kept is None or anew or time.monotonic() - self._kept[0] > REREAD:
            try:
                token = self.file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise DeployError(f"the token's file {self.file} cannot be read: {error}") from error
            redactor.learn(token)
            self._kept = (time.monotonic(), token)
        return f"Bearer {self._kept[1]}"


@dataclass
class Exec:
    """A program that fetches a credential, such as `gke-gcloud-auth-plugin` or `aws eks get-token`."""

    source: Mapping[str, Any]
    folder: Path
    tls: ssl.SSLContext | None
    _kept: tuple[float, str | None] | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def header(self, redactor: Redactor, *, anew: bool = False) -> str | None:
        """The token that the program printed; it is run again shortly before that ends."""
        async with self._lock:
            if self._kept is None or anew or time.time() > self._kept[0] - MARGIN:
                self._kept = self._learned(await self._run(), redactor)
            return None if self._kept[1] is None else f"Bearer {self._kept[1]}"

    async def _run(self) -> dict[str, Any]:
        command = str(self.source.get("command", ""))
        program = str(self.folder / command) if "/" in command and not command.startswith("/") else command
        words = [program, *map(str, self.source.get("args") or ())]
        given = {str(each["name"]): str(each["value"]) for each in self.source.get("env") or ()}
        version = str(self.source.get("apiVersion", "client.authentication.k8s.io/v1"))
        info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environment = {**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            hint = str(self.source.get("installHint") or "install it, or use a token instead").strip()
            raise DeployError(f"the kubeconfig's program {command} cannot be run: {error.strerror}; {hint}") from error
        try:
            async with asyncio.timeout(EXEC_TIMEOUT):
                out, err = await process.communicate()
        except (TimeoutError, asyncio.CancelledError) as ended:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if isinstance(ended, TimeoutError):
                raise DeployError(f"{command} gave no credential within {EXEC_TIMEOUT:g} s") from None
            raise
        if process.returncode != 0:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise DeployError(f"{command} gave no credential: exit code {process.returncode}: {last[0][:300]}")
        try:
            status = json.loads(out)["status"]
        except (ValueError, KeyError, TypeError):
            raise DeployError(f"{command} printed no ExecCredential") from None
        return dict(status)

    def _learned(self, status: dict[str, Any], redactor: Redactor) -> tuple[float, str | None]:
        from bot.deploy.kubernetes.access import load_pair

        token, key = status.get("token"), status.get("clientKeyData")
        redactor.learn(token)
        redactor.learn(key)
        if key and self.tls is not None:
            load_pair(self.tls, str(status.get("clientCertificateData", "")).encode(), str(key).encode())
        ends = float("inf")
        if stamp := status.get("expirationTimestamp"):
            ends = datetime.fromisoformat(str(stamp)).timestamp()
        return ends, None if token is None else str(token)
