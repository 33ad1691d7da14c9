"""Artifacts of GitHub Actions: uploaded from inside the container, and trusted only when they are this repository's own.

The upload protocol is that of @actions/artifact: a Twirp service that gives a signed blob URL, blocks, a block list.
"""

import base64
import binascii
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from bot.github.client import Client, Missing
from bot.model import digest
from bot.model.errors import GitHubError

if TYPE_CHECKING:
    import httpx

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"
BLOCK = 8 * 1024 * 1024
LARGEST = 80 * 1024 * 1024
TRUSTED_EVENTS = frozenset({"push", "schedule", "workflow_dispatch"})
LOOK_AT = 30
"""The newest candidates that are examined; each costs two requests. What the list itself rules out is not counted."""
PAGES = 10
"""Pages of 100 artifacts that are read: whoever sends pull requests can make many of one name, and must hide nothing."""


@dataclass(frozen=True)
class Home:
    """What this repository and this workflow are, against which an artifact is held."""

    repository_id: int
    default_branch: str
    workflow_path: str
    head: str


def refusal(artifact: Mapping[str, Any], run: Mapping[str, Any], home: Home) -> str | None:
    """Why an artifact is not to be trusted; None when it is. Whether its commit is an ancestor is asked apart.

    The artifacts of forks are in the same list: one of them may have any name, and any branch.
    """
    where = artifact.get("workflow_run") or {}
    if why := foreign(artifact, home):
        return why
    if run.get("event") not in TRUSTED_EVENTS:
        return f"its run was started by {run.get('event')!r}"
    if where.get("head_branch") != home.default_branch or run.get("head_branch") != home.default_branch:
        return "its run was not on the default branch"
    if home.workflow_path and str(run.get("path", "")).partition("@")[0] != home.workflow_path:
        return "another workflow made it"
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(artifact.get("digest") or "")):
        return "GitHub knows no digest of it"
    size = int(artifact.get("size_in_bytes") or 0)
    if not 0 < size <= LARGEST:
        return "it is too large" if size else "it is empty"
    return None


def foreign(artifact: Mapping[str, Any], home: Home) -> str | None:
    """What the list alone says against an artifact: its run need not be asked for."""
    where = artifact.get("workflow_run") or {}
    if artifact.get("expired"):
        return "it has expired"
    if not where.get("repository_id") == where.get("head_repository_id") == home.repository_id:
        return "it comes from a fork"
    return None


class Artifacts:
    """The artifacts of one repository, seen from one workflow run."""

    def __init__(
        self,
        client: Client,
        home: Callable[[], Home],
        runtime_token: str | None,
        results_url: str | None,
        *,
        mask: Callable[[str], None] = lambda _secret: None,
    ) -> None:
        self.client = client
        self.home = home
        self.runtime_token = runtime_token
        self.results_url = results_url
        self.mask = mask

    def newest_trusted(self, name: str) -> tuple[bytes | None, tuple[str, ...]]:
        """The newest artifact of that name that is to be trusted, and why newer ones were refused."""
        home = self.home()
        refused: list[str] = []
        examined = 0
        for artifact in self._listed(name):
            why = foreign(artifact, home)
            if why is None:
                if examined == LOOK_AT:
                    refused.append(
                        f"only the newest {LOOK_AT} artifacts {name} of this repository's own were looked at"
                    )
                    break
                examined += 1
                data, why = self._examined(artifact, home)
                if data is not None:
                    return data, _few(refused)
            refused.append(f"the artifact {name} #{artifact['id']} was refused: {why}")
        return None, _few(refused)

    def _listed(self, name: str) -> list[dict[str, Any]]:
        """All of that name, the newest first."""
        found: list[dict[str, Any]] = []
        for page in range(1, PAGES + 1):
            answer = self._asked("actions: read", "/actions/artifacts", name=name, per_page=100, page=page)
            listed = answer.get("artifacts")
            if not isinstance(listed, list) or not all(isinstance(each, dict) and "id" in each for each in listed):
                raise GitHubError("GitHub's list of artifacts is not understood")
            found += [each for each in listed if each.get("name") == name]
            if len(listed) < 100:
                break
        return sorted(found, key=lambda each: int(each["id"]), reverse=True)

    def _examined(self, artifact: Mapping[str, Any], home: Home) -> tuple[bytes | None, str]:
        """Its bytes, or why it is not to be trusted."""
        number = (artifact.get("workflow_run") or {}).get("id")
        try:
            run = self._asked("actions: read", f"/actions/runs/{number}") if number else {}
            why = refusal(artifact, run, home) or self._not_an_ancestor(artifact, home)
            if why is not None:
                return None, why
            data = self._download(artifact["id"])
        except Missing:
            return None, "it, its run or its commit is not there any more"
        if digest(data) != artifact["digest"]:
            return None, f"its bytes are {digest(data)}, GitHub says {artifact['digest']}"
        return data, ""

    def _asked(self, permission: str, path: str, **parameters: str | int) -> dict[str, Any]:
        answer = self.client.json(permission, "GET", f"/repos/{self.client.name}{path}", **parameters)
        if not isinstance(answer, dict):
            raise GitHubError(f"GitHub's answer about {path} is not understood")
        return answer

    def upload(self, name: str, data: bytes) -> None:
        """Keep a zip under a name, replacing one of the same name from this run.

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
            self._mask_signature(url)
            self._put(http, url, data)
            sealed = {**ids, "name": name, "size": str(len(data)), "hash": digest(data)}
            self._twirp(http, "FinalizeArtifact", sealed)

    def _not_an_ancestor(self, artifact: Mapping[str, Any], home: Home) -> str | None:
        sha = (artifact.get("workflow_run") or {}).get("head_sha")
        compared = self._asked("contents: read", f"/compare/{sha}...{home.head}")
        return None if compared.get("status") in ("ahead", "identical") else "its commit is no ancestor of this one"

    def _download(self, number: int) -> bytes:
        """Follow the redirect to the blob by hand: the token must not go there."""
        import httpx

        url = f"{self.client.api_url}/repos/{self.client.name}/actions/artifacts/{number}/zip"
        headers = {"Authorization": f"Bearer {self.client.token}", "User-Agent": "stability-proof"}
        with httpx.Client(timeout=30, follow_redirects=False) as http:

            def stored() -> httpx.Response:
                found = bytearray()
                with http.stream("GET", place) as answer:
                    for chunk in answer.iter_bytes():
                        found += chunk
                        if len(found) > LARGEST:
                            raise GitHubError(f"the artifact #{number} is larger than {LARGEST:,} bytes")
                return httpx.Response(answer.status_code, content=bytes(found))

            what = f"the artifact #{number}"
            redirect = self._patiently(what, lambda: http.get(url, headers=headers))
            place = redirect.headers.get("location", "")
            if redirect.status_code in (404, 410):
                raise Missing(f"{what} is not there any more")
            if redirect.status_code != 302 or not place:
                raise GitHubError(f"{what} cannot be had: GitHub answered {redirect.status_code}")
            self._mask_signature(place)
            answer = self._patiently(what, stored)
            if answer.status_code != 200:
                raise GitHubError(f"{what} cannot be had: its store answered {answer.status_code}")
            return answer.content

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
        self, http: "httpx.Client", method: str, body: Mapping[str, str | int], *, taken: bool = False
    ) -> dict[str, Any] | None:
        """One call of the artifact service; None when `taken` is allowed and the name is."""
        import httpx

        url = f"{httpx.URL(self.results_url or '').copy_with(path='/')}{SERVICE}/{method}"
        headers = {"Authorization": f"Bearer {self.runtime_token}"}
        answer = self._patiently(method, lambda: http.post(url, json=dict(body), headers=headers))
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
        answer = self._patiently("a block", lambda: http.put(url, content=data, headers=headers))
        if answer.status_code != 201:
            raise GitHubError(f"the blob store answered {answer.status_code}")

    def _patiently(self, what: str, act: Callable[[], "httpx.Response"]) -> "httpx.Response":
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

    def _mask_signature(self, url: str) -> None:
        for secret in re.findall(r"[?&]sig=([^&]+)", url):
            self.mask(secret)
            self.mask(unquote(secret))


def _few(refused: list[str]) -> tuple[str, ...]:
    """The first refusals, and how many more there were: a fork can make as many as it likes."""
    more = len(refused) - LOOK_AT
    return (*refused[:LOOK_AT], f"and {more} more were refused") if more > 0 else tuple(refused)
