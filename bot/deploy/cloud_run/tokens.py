"""An access token: from the spec, the environment, the metadata server, or gcloud, in this order."""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping

from bot.model.errors import DeployError
from bot.safety.redact import Redactor

VARIABLES = ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN")
METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
QUICK = 2.0
"""Seconds that the metadata server may take: where there is one, it is on the same machine."""
GCLOUD = 30.0


class Tokens:
    """The token of this pass, asked for once and again when it was refused; the redactor learns it."""

    def __init__(self, given: str | None, redactor: Redactor, environ: Mapping[str, str] | None = None) -> None:
        self._given = given
        self._redactor = redactor
        self._environ = os.environ if environ is None else environ
        self._token: str | None = None

    async def token(self) -> str:
        """The token.

        Raises:
            DeployError: there is none to be had.
        """
        if self._token is None:
            self._token = await self._find()
            self._redactor.learn(self._token)
        return self._token

    def forget(self) -> bool:
        """It was refused: the next call asks again. False where asking again would give the same."""
        self._token = None
        return self._given is None and not any(self._environ.get(name) for name in VARIABLES)

    async def _find(self) -> str:
        given = self._given or next((self._environ[name] for name in VARIABLES if self._environ.get(name)), None)
        found = given or await self._of_metadata() or await self._of_gcloud()
        if not found:
            raise DeployError(
                f"there is no access token for Google Cloud: set {VARIABLES[0]} (google-github-actions/auth gives it as "
                "`access_token`), run where a metadata server is, or log in with gcloud"
            )
        token = found.strip()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise DeployError(
                f"the access token for Google Cloud is none: it has spaces or odd characters; set {VARIABLES[0]}"
            )
        return token

    async def _of_metadata(self) -> str | None:
        from bot.safety import http

        host = self._environ.get("GCE_METADATA_HOST") or "metadata.google.internal"
        base = f"http://{host}"
        headers = (("metadata-flavor", "Google"),)
        async with http.async_client(base, timeout=QUICK, link_local=True) as client:
            try:
                answer = await http.ask(client, "GET", base + METADATA, headers=headers, deadline=QUICK, limit=65536)
            except http.Unanswered:
                return None
        if answer.status != 200 or answer.header("metadata-flavor") != "Google":
            return None
        try:
            token = json.loads(answer.body)["access_token"]
        except (ValueError, KeyError, TypeError):
            return None
        return token if isinstance(token, str) else None

    async def _of_gcloud(self) -> str | None:
        try:
            process = await asyncio.create_subprocess_exec(
                "gcloud",
                "auth",
                "print-access-token",
                "--quiet",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**self._environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"},
            )
        except OSError:
            return None
        try:
            async with asyncio.timeout(GCLOUD):
                out, _ = await process.communicate()
        except (TimeoutError, asyncio.CancelledError) as ended:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if isinstance(ended, TimeoutError):
                return None
            raise
        return out.decode(errors="replace").strip() if process.returncode == 0 else None
