"""The limits that GitHub has in truth: lengths, and how many requests in how much time."""

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

BODY = 65_536
"""Characters of an issue, a pull request or a comment."""
CHECK_TEXT = 65_535
ANNOTATIONS = 50
STATUS_DESCRIPTION = 140
STATUS_CONTEXT = 255
STATUSES_OF_A_CONTEXT = 1000
DEPLOYMENT_DESCRIPTION = 140


@dataclass
class Limits:
    """How many requests are let through; small numbers make small tests.

    `an_hour` are requests of a GITHUB_TOKEN (personal tokens have 5,000, nobody has 60); `content_a_minute` are
    those that create content, over which the secondary limit answers 403 with `retry_after` seconds.
    `status` is 403, or the 429 that GitHub may answer instead.
    """

    an_hour: int = 1000
    content_a_minute: int = 80
    retry_after: int = 60
    status: int = 403
    blob_seconds: float = 60.0
    tree_entries: int = 100_000


@dataclass
class Used:
    """Who asked how often, and until when that counts."""

    limits: Limits
    hours: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    minutes: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def request(self, who: str, allowed: int) -> tuple[bool, dict[str, str]]:
        """Count a request: whether it is within the hour's number, and GitHub's headers about it."""
        moments = self.hours[who]
        self._forget(moments, 3600)
        within = len(moments) < allowed
        if within:
            moments.append(time.time())
        headers = {
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Remaining": str(max(allowed - len(moments), 0)),
            "X-RateLimit-Used": str(len(moments)),
            "X-RateLimit-Reset": str(int((moments[0] if moments else time.time()) + 3600)),
            "X-RateLimit-Resource": "core",
        }
        return within, headers

    def content(self, who: str) -> bool:
        """Count a request that creates content: whether it is within the minute's number."""
        moments = self.minutes[who]
        self._forget(moments, 60)
        if len(moments) >= self.limits.content_a_minute:
            return False
        moments.append(time.time())
        return True

    def _forget(self, moments: deque[float], seconds: float) -> None:
        while moments and moments[0] < time.time() - seconds:
            moments.popleft()
