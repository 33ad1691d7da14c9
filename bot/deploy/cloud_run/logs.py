"""What a revision printed, from Cloud Logging, or the place where it can be read.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bot.deploy.cloud_run.api import Api
from bot.deploy.cloud_run.refusals import Refused
from bot.deploy.cloud_run.target import CloudRunTarget

PAGES = 10
PAGE = 1000
LONGEST = 1_000_000
"""Bytes that are kept: the newest."""


async def read(api: Api, target: CloudRunTarget, revision: str, since: float) -> bytes:
    """The lines of a revision since that time (seconds since 1970), oldest first, not yet redacted.

    Whoever may not read them gets the reason and a link for people.
    """
    start = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    words = (
        'resource.type="cloud_run_revision"',
        f'resource.labels.service_name="{target.service}"',
        f'resource.labels.revision_name="{revision}"',
        f'resource.labels.location="{target.region}"',
        f'timestamp>="{start}"',
    )
    asked: dict[str, Any] = {
        "resourceNames": [f"projects/{target.project}"],
        "filter": " AND ".join(words),
        "orderBy": "timestamp asc",
        "pageSize": PAGE,
    }
    lines: list[str] = []
    for _ in range(PAGES):
        try:
            answer = await api.ask("/v2/entries:list", asked)
        except Refused as error:
            if error.status not in (401, 403):
                raise
            return f"{error}\nRead them at {link(target, words)}\n".encode()
        lines += [_line(each) for each in answer.get("entries") or () if isinstance(each, dict)]
        if not (page := answer.get("nextPageToken")):
            break
        asked["pageToken"] = page
    text = "".join(f"{each}\n" for each in lines).encode()
    return text if len(text) <= LONGEST else text[-LONGEST:].partition(b"\n")[2]


def link(target: CloudRunTarget, words: tuple[str, ...]) -> str:
    """Where people read them."""
    query = quote("\n".join(words), safe="")
    return f"https://console.cloud.google.com/logs/query;query={query}?project={target.project}"


def _line(entry: dict[str, Any]) -> str:
    payload = entry.get("textPayload")
    if payload is None:
        body = entry.get("jsonPayload") or entry.get("protoPayload") or entry.get("httpRequest") or {}
        payload = json.dumps(body, sort_keys=True, ensure_ascii=False)
    severity = entry.get("severity")
    return " ".join(str(each) for each in (entry.get("timestamp", ""), severity, payload) if each).replace("\n", "\n  ")
