"""The artifact service of a running job: uploaded from inside the container.

The protocol is that of @actions/artifact: a Twirp service that gives a signed blob URL, blocks, a block list.
"""

import base64
import binascii
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from bot.model import digest
from bot.model.errors import GitHubError

if TYPE_CHECKING:
    import httpx

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"
BLOCK = 8 * 1024 * 1024
NO_SERVICE = frozenset({404, 405, 501})


class Uploads:
    """The service as the runner names it, if it does. `mask` keeps a secret out of the runner's log."""

    def __init__(self, runtime_token: str | None, results_url: str | None, mask: Callable[[str], None]) -> None:
        self.runtime_token = runtime_token
        self.results_url = results_url
        self.mask = mask

    def missing(self) -> str | None:
        """Why there is no artifact service here; None where there is one, or where nobody can tell now.

        GitHub Enterprise Server has none, and answers as to any address that it does not know. A service that is only
        out of reach is there: another store in its place would know nothing of the runs that are kept.
        """
        import httpx

        try:
            run, job = self._backend_ids()
        except GitHubError as error:
            return str(error)
        wanted = {
            "workflow_run_backend_id": run,
            "workflow_job_run_backend_id": job,
            "name_filter": "stability-baseline",
        }
        try:
            with httpx.Client(timeout=15, trust_env=True) as http:
                status = self._posted(http, "ListArtifacts", wanted).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return f"it answers {status}" if status in NO_SERVICE else None

    def upload(self, name: str, data: bytes) -> int | None:
        """Keep a zip under a name, replacing one of the same name from this run. Its number, where the service says it.

        Raises:
            GitHubError: there is no artifact service here, or it refuses.
        """
        import httpx

        run, job = self._backend_ids()
        ids: dict[str, str | int] = {"workflow_run_backend_id": run, "workflow_job_run_backend_id": job}
        with httpx.Client(timeout=30, trust_env=True) as http:
            wanted = {**ids, "name": name, "version": 4}
            created = self._twirp(http, "CreateArtifact", wanted, taken=True)
            if created is None:
                self._twirp(http, "DeleteArtifact", {**ids, "name": name})
                created = self._twirp(http, "CreateArtifact", wanted)
            url = (created or {}).get("signed_upload_url") or (created or {}).get("signedUploadUrl")
            if not isinstance(url, str):
                raise GitHubError(f"the artifact service gave no place for {name}")
            self.mask_signature(url)
            self._put(http, url, data)
            sealed = {**ids, "name": name, "size": str(len(data)), "hash": digest(data)}
            said = self._twirp(http, "FinalizeArtifact", sealed) or {}
            return whole(said.get("artifact_id") or said.get("artifactId")) or None

    def _backend_ids(self) -> tuple[str, str]:
        if not (self.runtime_token and self.results_url):
            raise GitHubError("the runner gave no artifact service (ACTIONS_RUNTIME_TOKEN, ACTIONS_RESULTS_URL)")
        try:
            payload = self.runtime_token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            scope = next(each for each in claims["scp"].split() if each.startswith("Actions.Results:"))
            _, run, job = scope.split(":")
        except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError, binascii.Error):
            raise GitHubError("the runner's token names no place for artifacts") from None
        return run, job

    def _twirp(
        self,
        http: "httpx.Client",
        method: str,
        body: Mapping[str, str | int],
        *,
        taken: bool = False,
    ) -> dict[str, Any] | None:
        """One call of the artifact service; None when `taken` is allowed and the name is."""
        answer = self.patiently(method, lambda: self._posted(http, method, body))
        if answer.status_code == 409 and taken:
            return None
        if answer.status_code != 200:
            said = answer.text[:200]
            raise GitHubError(f"the artifact service answered {answer.status_code} to {method}: {said}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.get("ok") is not True:
            raise GitHubError(f"the artifact service's answer to {method} is not understood")
        return found

    def _posted(self, http: "httpx.Client", method: str, body: Mapping[str, str | int]) -> "httpx.Response":
        import httpx

        url = f"{httpx.URL(self.results_url or '').copy_with(path='/')}{SERVICE}/{method}"
        return http.post(url, json=dict(body), headers={"Authorization": f"Bearer {self.runtime_token}"})

    def _put(self, http: "httpx.Client", url: str, data: bytes) -> None:
        names: list[str] = []
        for start in range(0, max(1, len(data)), BLOCK):
            names.append(base64.b64encode(f"{uuid.uuid4()}{len(names):012d}".encode()).decode())
            at = f"{url}&comp=block&blockid={quote(names[-1], safe='')}"
            self._stored(http, at, data[start : start + BLOCK], {"Content-Type": "application/octet-stream"})
        listed = "".join(f"<Latest>{name}</Latest>" for name in names)
        document = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><BlockList>{listed}</BlockList>'
        headers = {"Content-Type": "application/xml", "x-ms-blob-content-type": "application/zip"}
        self._stored(http, f"{url}&comp=blocklist", document.encode(), headers)

    def _stored(self, http: "httpx.Client", url: str, data: bytes, headers: dict[str, str]) -> None:
        answer = self.patiently("a block", lambda: http.put(url, content=data, headers=headers))
        if answer.status_code != 201:
            raise GitHubError(f"the blob store answered {answer.status_code}")

    def patiently(self, what: str, act: Callable[[], "httpx.Response"]) -> "httpx.Response":
        """Try again what the protocol's own client tries again."""
        import httpx

        for pause in (0.5, 1.5, 3.0, None):
            try:
                answer = act()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if pause is None or isinstance(error, httpx.InvalidURL):
                    raise GitHubError(
                        f"the artifact service cannot be reached for {what}: {type(error).__name__}"
                    ) from None
            else:
                if answer.status_code not in (429, 500, 502, 503, 504) or pause is None:
                    return answer
            time.sleep(pause)
        raise GitHubError(f"the artifact service cannot be reached for {what}")

    def mask_signature(self, url: str) -> None:
        """Keep what signs a URL out of the log."""
        for secret in re.findall(r"[?&]sig=([^&]+)", url):
            self.mask(secret)
            self.mask(unquote(secret))


def whole(number: object) -> int:
    """A number as GitHub writes it, or the artifact service, which makes it a string; 0 where it is none."""
    text = str(number)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
