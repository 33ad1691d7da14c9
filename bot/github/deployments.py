"""Deployment records: what is where, since when, with which proof; and the baseline that the last good one pins.

A record's payload cannot be changed, and what a good run is kept as is known only at its end. So the payload says which
service and which run, and the status that ends a good deployment says the digest of the run that was kept: neither can
be edited by anybody, and both need `deployments: write`.
"""

import re
from typing import Any, Literal, TypedDict

from bot.github.client import Client, Unsure
from bot.model.errors import GitHubError

DESCRIPTION = 140
LOOKED_AT = 10
TRIES = 6
FORMAT = "stability-proof/deployment@1"
State = Literal["in_progress", "success", "failure", "error"]
STATES: dict[str, State] = {"stable": "success", "first run": "success", "unstable": "failure", "inconclusive": "error"}
_KEPT = re.compile(r"kept as (sha256:[0-9a-f]{64})")


class Pin(TypedDict):
    """The kept run that a good deployment left: its commit, its digest as the store checks it, its workflow run."""

    commit: str
    digest: str
    run: str | None


class Payload(TypedDict):
    """What a good deployment says of itself."""

    service: str
    baseline: Pin


class Deployments:
    """The deployment record of one commit in one environment."""

    def __init__(self, client: Client, sha: str, service: str, environment: str, run_url: str | None) -> None:
        self.client = client
        self.sha = sha
        self.service = service
        self.environment = environment
        self.run_url = run_url
        self._path = f"/repos/{client.name}/deployments"

    def begin(self) -> int:
        """Record that it is under way, and give the record's number. One that may have been made is looked for first."""
        payload = self._payload()
        body = {
            "ref": self.sha,
            "environment": self.environment,
            "description": "Deployed and proven by Stability Proof",
            "payload": payload,
            # GitHub would merge the default branch into a branch that is deployed, and wait for our own status
            "auto_merge": False,
            "required_contexts": [],
        }
        for attempt in range(TRIES):
            try:
                number = self.client.send("deployments: write", self._path, body, repeatable=False)["id"]
            except Unsure:
                self.client.pause(attempt)
                number = self._ours()
            if number is not None:
                self._status(int(number), "in_progress", "The proof is under way", None)
                return int(number)
        raise GitHubError("GitHub would not take the deployment record")

    def end(self, number: int | None, verdict: str, kept: str | None, url: str | None) -> None:
        """Say how it ended. `kept` is the digest of the run that was kept, `url` where the service answers."""
        number = self._ours() if number is None else number
        if number is None:
            number = self.begin()
        state = STATES[verdict]
        words = verdict.capitalize()
        self._status(number, state, f"{words}; kept as {kept}" if kept and state == "success" else words, url)

    def abandon(self, number: int | None, reason: str) -> None:
        """Close what was begun, if anything was: there will be no verdict."""
        number = self._ours() if number is None else number
        if number is not None:
            self._status(number, "error", reason, None)

    def _ours(self) -> int | None:
        """The record that this run made, if it did."""
        found = self.client.json(
            "deployments: write", "GET", self._path, sha=self.sha, environment=self.environment, per_page=100
        )
        if self.run_url is None:
            return None
        return next((int(each["id"]) for each in found if _said(each) == self._payload()), None)

    def _payload(self) -> dict[str, Any]:
        return {"format": FORMAT, "service": self.service, "run": self.run_url}

    def _status(self, number: int, state: State, description: str, url: str | None) -> None:
        """The newest status counts, so that a repeated one is harmless."""
        text = description if len(description) <= DESCRIPTION else description[: DESCRIPTION - 1] + "…"
        body: dict[str, Any] = {"state": state, "description": text}
        body |= {"log_url": self.run_url} if self.run_url else {}
        body |= {"environment_url": url} if url and re.fullmatch(r"https?://\S+", url) else {}
        self.client.send("deployments: write", f"{self._path}/{number}/statuses", body, repeatable=True)


def last_successful(client: Client, environment: str, service: str) -> Payload | None:
    """What the newest deployment of this service to the environment that ended well says; None where none did.

    A deployment that a later one replaced counts: GitHub calls it inactive. One that failed after it succeeded does not.

    Raises:
        GitHubError: GitHub is out of reach, or the token may not read deployments.
    """
    path = f"/repos/{client.name}/deployments"
    found = client.json("deployments: read", "GET", path, environment=environment, per_page=100)
    mine = [each for each in found if _said(each).get("format") == FORMAT and _said(each).get("service") == service]
    for each in mine[:LOOKED_AT]:
        statuses = client.json("deployments: read", "GET", f"{path}/{each['id']}/statuses", per_page=100)
        ended = next((one for one in statuses if one["state"] != "inactive"), None)
        kept = _KEPT.search(str(ended["description"])) if ended is not None and ended["state"] == "success" else None
        if kept is not None:
            run = _said(each).get("run")
            pin = Pin(commit=str(each["sha"]), digest=kept[1], run=run if isinstance(run, str) else None)
            return Payload(service=service, baseline=pin)
    return None


def _said(deployment: Any) -> dict[str, Any]:
    payload = deployment["payload"]
    return payload if isinstance(payload, dict) else {}
