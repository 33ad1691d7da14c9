"""Asking the API server: retries that end, and refusals in words that say what to do."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bot.deploy.kubernetes.access import Access
from bot.deploy.kubernetes.objects import Object
from bot.model.errors import DeployError
from bot.safety.redact import Redactor

if TYPE_CHECKING:
    import httpx

MERGE = "application/strategic-merge-patch+json"
TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds between two tries: doubled each time, or what `Retry-After` says, never longer than the second."""
DEADLINE = 30.0
LONGEST_MESSAGE = 600
PAGE = "docs/targets/kubernetes.md"


class Refused(DeployError):
    """The API server said no. `status` is HTTP's, `reason` is Kubernetes' word for it (`Conflict`, `NotFound`, …)."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Api:
    """One namespace of a cluster."""

    def __init__(self, access: Access, namespace: str, http: "httpx.AsyncClient", redactor: Redactor) -> None:
        self.access = access
        self.namespace = namespace
        self.http = http
        self.redactor = redactor

    def path(self, kind: str, name: str | None = None, part: str | None = None) -> str:
        """The path of a kind of object (`deployments`), of one of them, or of a part of it (`log`)."""
        group = "/apis/apps/v1" if kind in ("deployments", "replicasets") else "/api/v1"
        words = [f"{group}/namespaces", self.namespace, kind, *(each for each in (name, part) if each)]
        return "/".join([words[0], *(quote(each, safe="") for each in words[1:])])

    async def get(self, kind: str, name: str) -> Object:
        """One object.

        Raises:
            Refused: of status 404 where there is none.
        """
        return self._object(await self._ask("GET", self.path(kind, name)))

    async def find(self, kind: str, name: str) -> Object | None:
        """One object, None where there is none."""
        try:
            return await self.get(kind, name)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    async def every(self, kind: str, **query: str) -> list[Object]:
        """All objects of a kind that a `labelSelector` or a `fieldSelector` leaves."""
        found: list[Object] = []
        more = ""
        while True:
            asked = {**query, "limit": "500", **({"continue": more} if more else {})}
            answer = self._object(await self._ask("GET", f"{self.path(kind)}?{urlencode(asked)}"))
            found += answer.get("items") or ()
            more = str((answer.get("metadata") or {}).get("continue") or "")
            if not more:
                return found

    async def create(self, kind: str, thing: Object) -> Object:
        """Make an object.

        Raises:
            Refused: of reason `AlreadyExists` also where an earlier try of this very call has made it.
        """
        return self._object(await self._ask("POST", self.path(kind), thing, "application/json"))

    async def patch(self, kind: str, name: str, change: Object) -> Object:
        """Change an object by a strategic merge patch; one that names a `resourceVersion` is refused (409) if it is old."""
        return self._object(await self._ask("PATCH", self.path(kind, name), change, MERGE))

    async def delete(self, kind: str, name: str, uid: str) -> bool:
        """Delete this very object with all that it owns; False where it is gone already."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._ask("DELETE", self.path(kind, name), body, "application/json")
        except Refused as error:
            if error.status in (404, 409):  # gone, or another of that name is there now
                return False
            raise
        return True

    async def log(self, pod: str, query: Mapping[str, str]) -> bytes:
        """What a pod's container printed."""
        return await self._ask("GET", f"{self.path('pods', pod, 'log')}?{urlencode(query)}")

    async def _ask(self, method: str, target: str, thing: Object | None = None, kind: str = "") -> bytes:
        from bot.safety.http import Unanswered, ask

        pause = FIRST_PAUSE
        anew = False
        for left in range(TRIES - 1, -1, -1):
            header = await self.access.credential.header(self.redactor, anew=anew)
            headers = [("accept", "application/json"), *([("authorization", header)] if header else ())]
            content = None if thing is None else json.dumps(thing).encode()
            headers += [("content-type", kind)] if kind else []
            try:
                answer = await ask(
                    self.http, method, self.access.server + target, headers=headers, content=content, deadline=DEADLINE
                )
            except Unanswered as error:
                if not left or error.failure in ("forbidden address", "tls"):
                    raise DeployError(f"the API server {self._host()} gives no answer: {error}") from error
                wait = pause
            else:
                if answer.status < 300 and answer.incomplete is None:
                    return answer.body
                refused = self.refused(method, target, answer.status, answer.body)
                anew = answer.status == 401 and not anew
                if not left or not (answer.status == 429 or answer.status >= 500 or anew or answer.status < 300):
                    raise refused
                wait = _after(answer.header("retry-after"), pause)
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise AssertionError

    def _object(self, body: bytes) -> Object:
        try:
            loaded = json.loads(body)
        except ValueError:
            loaded = None
        if not isinstance(loaded, dict):
            raise DeployError(f"{self._host()} answers something that is not Kubernetes' API; is it the API server?")
        return loaded

    def refused(self, method: str, target: str, status: int, body: bytes) -> Refused:
        """What the API server answered, in words that say what to do."""
        message, reason = _status(body)
        what = f"{method} {target.partition('?')[0]}"
        message = self.said(message) or what
        if status == 401:
            return Refused(
                f"the API server {self._host()} does not know us ({message}); is the token still valid?", 401, reason
            )
        if status == 403 and " cannot " in message:
            return Refused(f"{message}{_rule(message)}", 403, reason)
        if status == 404 and reason == "":
            return Refused(f"{what}: {self._host()} does not know that path; is it the API server?", 404, reason)
        return Refused(f"Kubernetes refuses {what}: {status} {message}", status, reason)

    def said(self, text: str) -> str:
        """What the cluster said: one line, without secrets, not too long."""
        line = " ".join(text.split())
        return self.redactor.text(line[:LONGEST_MESSAGE], cut=len(line) > LONGEST_MESSAGE)

    def _host(self) -> str:
        return self.redactor.text(self.access.server)


def _status(body: bytes) -> tuple[str, str]:
    """The message and the reason of a `Status` object; empty where it is none."""
    try:
        loaded: Any = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(loaded, dict) or loaded.get("kind") != "Status":
        return "", ""
    return str(loaded.get("message") or ""), str(loaded.get("reason") or "")


def _rule(message: str) -> str:
    """The rule that a Role lacks, from a refusal: `… cannot patch resource "deployments" in API group "apps" …`."""
    found = re.search(r'cannot (\w+) resource "([\w./-]+)" in API group "([\w.-]*)"', message)
    if found is None:
        return f"; {PAGE} has the Role that is needed"
    verb, resource, group = found.groups()
    return (
        f'; add to the Role: apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["{verb}"] '
        f"({PAGE} has the whole Role)"
    )


def _after(header: str | None, pause: float) -> float:
    return min(float(header), LONGEST_PAUSE) if header and header.isascii() and header.isdigit() else pause
