"""Artifacts of GitHub Actions, trusted only when they are this repository's own."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.github.client import Client, Denied, Missing
from bot.github.kin import Kin
from bot.github.tip import tip
from bot.github.trust import LARGEST, Home, foreign, refusal
from bot.github.uploads import Uploads, whole
from bot.model import digest
from bot.model.errors import FormatError, GitHubError

LOOK_AT = 30
"""The newest candidates that are examined; each costs two requests. What the list itself rules out is not counted."""
SMALL = 4 * 1024 * 1024
"""Bytes of an artifact that is kept in memory once it was examined: one pass asks for its last run twice."""
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
    """Whether its run's commit has to be one that the deployed commit stands on; else one of the default branch will do."""

    def read(self) -> tuple[bytes | None, str]:
        """Its bytes, or why it is not to be trusted. Raises as `Artifacts.examined` does."""
        return self.artifacts.examined(self.listed, ancestors=self.ancestors)


class Artifacts(Uploads):
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
        super().__init__(runtime_token, results_url, mask)
        self.client = client
        self.home = home
        self.kin = Kin(client, lambda: home().head)
        self.trunk = Kin(client, functools.cache(lambda: tip(client, home().default_branch)))
        self._runs: dict[int, dict[str, Any]] = {}
        self._trusted: dict[int, bytes] = {}

    def newest_trusted(self, name: str, until: str | None = None) -> tuple[bytes | None, tuple[str, ...]]:
        """The newest artifact of that name that is to be trusted, and why newer ones were refused.

        With `until`, a moment of GitHub's clock (ISO 8601), the newest that was made by then.
        """
        refused: list[str] = []
        for offer in self.offers(name):
            if isinstance(offer, str):
                refused.append(offer)
                continue
            if until is not None and not _by(offer.created, until):
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
                yield Offer(self, artifact, int(artifact["id"]), made, whole(where.get("id")), ancestors)

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
        number = int(artifact["id"])
        if number in self._trusted:  # nobody can change an artifact
            return self._trusted[number], ""
        home = self.home()
        where = artifact.get("workflow_run") or {}
        try:
            why = refusal(artifact, self._run(whole(where.get("id"))), home)
            if why is None:
                why = self._stranger(str(where.get("head_sha")), ancestors=ancestors)
            if why is not None:
                return None, why
            data = self._download(number)
        except Missing:
            return None, "it, its run or its commit is not there any more"
        if digest(data) != artifact["digest"]:
            raise FormatError(f"its bytes are {digest(data)}, GitHub says {artifact['digest']}")
        if len(data) <= SMALL and ancestors:
            self._trusted[number] = data
        return data, ""

    def _run(self, number: int) -> dict[str, Any]:
        """A workflow run. Those that are over do not change in what is asked of them: once is enough."""
        if number not in self._runs:
            self._runs[number] = self._asked("actions: read", f"/actions/runs/{number}") if number else {}
        return self._runs[number]

    def stranger(self, commit: str) -> str | None:
        """Why a commit is none that the deployed one stands on; None when it is."""
        return self.kin.stranger(commit)

    def _stranger(self, commit: str, *, ancestors: bool) -> str | None:
        """Why a run of this commit is none of ours. A run on a tag has the tag's name where others have their branch's."""
        if ancestors:
            return self.stranger(commit)
        return None if self.trunk.stranger(commit) is None else "its run's commit is not on the default branch"

    def _asked(self, permission: str, path: str, **parameters: str | int) -> dict[str, Any]:
        answer = self.client.json(permission, "GET", f"/repos/{self.client.name}{path}", **parameters)
        if not isinstance(answer, dict):
            raise GitHubError(f"GitHub's answer about {path} is not understood")
        return answer

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
            redirect = self.patiently(what, lambda: http.get(url, headers=headers))
            place = redirect.headers.get("location", "")
            if redirect.status_code in (404, 410):
                raise Missing(f"{what} is not there any more")
            if redirect.status_code == 403:  # that there is one may be seen by any token in a public repository
                raise Denied("actions: read", f"{what} was not given")
            if redirect.status_code != 302 or not place:
                raise GitHubError(f"{what} cannot be had: GitHub answered {redirect.status_code}")
            self.mask_signature(place)
            answer = self.patiently(what, stored)
            if answer.status_code != 200:
                raise GitHubError(f"{what} cannot be had: its store answered {answer.status_code}")
            return answer.content


def _by(made: str, until: str) -> bool:
    """Whether it was made by then; what GitHub says no time of was not."""
    try:
        return datetime.fromisoformat(made) <= datetime.fromisoformat(until)
    except (ValueError, TypeError):
        return False


def _few(refused: list[str]) -> tuple[str, ...]:
    """The first refusals, and how many more there were: a fork can make as many as it likes."""
    more = len(refused) - LOOK_AT
    return (*refused[:LOOK_AT], f"and {more} more were refused") if more > 0 else tuple(refused)
