"""Artifacts of GitHub Actions: uploaded from inside the container, and trusted only when they are this repository's own.

The upload protocol is that of @actions/artifact: a Twirp service that gives a signed blob URL, blocks, a block list.
"""

import base64
import binascii
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from bot.github.client import Client, Missing
from bot.github.kin import Kin
from bot.github.trust import LARGEST, Home, foreign, refusal
from bot.model import digest
from bot.model.errors import FormatError, GitHubError

if TYPE_CHECKING:
    import httpx

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"
BLOCK = 8 * 1024 * 1024
LOOK_AT = 30
"""The newest candidates that are examined; each costs two requests. What the list itself rules out is not counted."""
PAGES = 10
"""Pages of 100 artifacts that are read: whoever sends pull requests can make many of one name, and must hide nothing."""


@dataclass(frozen=True)
class Offer:
    """One artifact of this repository's own, not yet examined. `created` is when, `run` its workflow run's number."""

    artifacts: "Artifacts"
    listed: Mapping[str, Any]
    number: int
    created: str
    run: int
    ancestors: bool

    def read(self) -> tuple[bytes | None, str]:
        """Its bytes, or why it is not to be trusted. Raises as `Artifacts.examined` does."""
        return self.artifacts.examined(self.listed, ancestors=self.ancestors)


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
        self.kin = Kin(client, lambda: home().head)
        self._runs: dict[int, dict[str, Any]] = {}

    def newest_trusted(self, name: str) -> tuple[bytes | None, tuple[str, ...]]:
        """The newest artifact of that name that is to be trusted, and why newer ones were refused."""
        refused: list[str] = []
        for offer in self.offers(name):
            if isinstance(offer, str):
                refused.append(offer)
                continue
            try:
                data, why = offer.read()
            except FormatError as error:
                data, why = None, str(error)
            if data is not None:
                return data, _few(refused)
            refused.append(f"the artifact {name} #{offer.number} was refused: {why}")
        return None, _few(refused)

    def offers(self, name: str, *, ancestors: bool = True) -> Iterator[Offer | str]:
        """This repository's own of that name, the newest first, each to be examined; and why others are refused.

        Raises:
            GitHubError: GitHub is out of reach, or the token may not read them.
        """
        home = self.home()
        offered = 0
        for artifact in self._listed(name):
            if (why := foreign(artifact, home)) is not None:
                yield f"the artifact {name} #{artifact['id']} was refused: {why}"
            elif offered == LOOK_AT:
                yield f"only the newest {LOOK_AT} artifacts {name} of this repository's own were looked at"
                return
            else:
                offered += 1
                where = artifact["workflow_run"]
                made = str(artifact.get("created_at") or "")
                yield Offer(self, artifact, int(artifact["id"]), made, _whole(where.get("id")), ancestors)

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

    def examined(self, artifact: Mapping[str, Any], *, ancestors: bool) -> tuple[bytes | None, str]:
        """Its bytes, or why it is not to be trusted.

        Raises:
            FormatError: they are not the bytes that GitHub has the digest of.
        """
        home = self.home()
        where = artifact.get("workflow_run") or {}
        try:
            why = refusal(artifact, self._run(_whole(where.get("id"))), home)
            if why is None and ancestors:
                why = self.stranger(str(where.get("head_sha")))
            if why is not None:
                return None, why
            data = self._download(artifact["id"])
        except Missing:
            return None, "it, its run or its commit is not there any more"
        if digest(data) != artifact["digest"]:
            raise FormatError(f"its bytes are {digest(data)}, GitHub says {artifact['digest']}")
        return data, ""

    def _run(self, number: int) -> dict[str, Any]:
        """A workflow run. Those that are over do not change in what is asked of them: once is enough."""
        if number not in self._runs:
            self._runs[number] = self._asked("actions: read", f"/actions/runs/{number}") if number else {}
        return self._runs[number]

    def stranger(self, commit: str) -> str | None:
        """Why a commit is none that the deployed one stands on; None when it is."""
        return self.kin.stranger(commit)

    def _asked(self, permission: str, path: str, **parameters: str | int) -> dict[str, Any]:
        answer = self.client.json(permission, "GET", f"/repos/{self.client.name}{path}", **parameters)
        if not isinstance(answer, dict):
            raise GitHubError(f"GitHub's answer about {path} is not understood")
        return answer

    def missing(self) -> str | None:
        """Why there is no artifact service here; None where there is one that answers."""
        import httpx

        try:
            run, job = self._backend_ids()
            wanted: dict[str, str | int] = {"workflow_run_backend_id": run, "workflow_job_run_backend_id": job}
            with httpx.Client(timeout=30, trust_env=True) as http:
                self._twirp(http, "ListArtifacts", wanted | {"name_filter": "stability-baseline"}, listing=True)
        except GitHubError as error:
            return str(error)
        return None

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
            self._mask_signature(url)
            self._put(http, url, data)
            sealed = {**ids, "name": name, "size": str(len(data)), "hash": digest(data)}
            said = self._twirp(http, "FinalizeArtifact", sealed) or {}
            return _whole(said.get("artifact_id") or said.get("artifactId")) or None

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
        self,
        http: "httpx.Client",
        method: str,
        body: Mapping[str, str | int],
        *,
        taken: bool = False,
        listing: bool = False,
    ) -> dict[str, Any] | None:
        """One call of the artifact service; None when `taken` is allowed and the name is. A list has no `ok`."""
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
        if not isinstance(found, dict) or not (listing or found.get("ok") is True):
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


def _whole(number: object) -> int:
    """A number as GitHub writes it, or the artifact service, which makes it a string; 0 where it is none."""
    text = str(number)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
