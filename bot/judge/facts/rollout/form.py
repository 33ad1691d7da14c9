"""The fact that a rollout watch leaves, as the judge reads it."""

from pydantic import BaseModel, ConfigDict, Field

from bot.model import Severity

ERROR = 0.001
"""How often what is right is called wrong, by each of the exact tests."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Requests(_Part):
    """The stream."""

    what: str
    allowed: int = Field(ge=0)
    ours: int = Field(ge=0)
    gap_ms: float = Field(ge=0)
    lost_by: tuple[tuple[str, int], ...]


class Phase(_Part):
    """What was sent between two moments. `share` is what the candidate was to have; None while that changed.

    `shared` are the answers by a name that both revisions go by, `unnamed` those that did not say whose they were.
    """

    name: str
    share: int | None = Field(ge=0, le=100)
    sent: int = Field(ge=0)
    lost: int = Field(ge=0)
    candidate: int = Field(ge=0)
    others: dict[str, int]
    shared: dict[str, int] = {}
    unnamed: int = Field(0, ge=0)


class Ended(_Part):
    """The sockets that ended with one code."""

    code: int
    times: int = Field(ge=0)
    back: int = Field(ge=0)
    slowest_ms: float | None


class Sockets(_Part):
    """The sockets."""

    what: str
    count: int = Field(ge=1)
    open_before: int = Field(ge=0)
    open_after: int = Field(ge=0)
    why_not: str | None
    signed_in_again: int = Field(ge=0)
    within_ms: float
    closed: tuple[Ended, ...]


class Seen(_Part):
    """The whole fact. `same_commit` says that it is the commit of the revision before that is deployed once more."""

    candidate: str
    same_commit: bool = False
    nameless: str | None
    severity: Severity
    requests: Requests | None
    phases: tuple[Phase, ...] = Field(min_length=1)
    sockets: Sockets | None


class ReadBack(_Part):
    """What the platform says of the shares in percent, once the candidate was given its `share`."""

    candidate: str
    share: int = Field(ge=0, le=100)
    shares: dict[str, int]
    severity: Severity
