"""What somebody who may has accepted of a verdict, and how bad it was then."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.model.history import TIME
from bot.model.observation import Severity
from bot.model.value import Value

MOST_REASON = 300
MOST_WAIVERS = 100
URL = r"^https?://[^\s<>()\[\]\\\"'`|]+$"

Text = Annotated[str, StringConstraints(max_length=500)]


class Extent(Value):
    """How bad a finding was when it was accepted. A later one that is worse is not covered.

    Of a series: `worst` is the worse end of the interval of after/before (the ratio itself where there was none), and
    `against` what that ratio is to. Of what was tried several times: `share` is the most of the tries that can be
    thought to fail. Of anything else: `words` is the digest of what was expected and what was seen instead.
    """

    status: Literal["regressed", "broken"]
    severity: Severity
    unit: Text | None = None
    better: Literal["lower", "higher"] | None = None
    worst: float | None = Field(default=None, gt=0)
    against: Text | None = None
    share: float | None = Field(default=None, ge=0, le=1)
    words: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")


class Waiver(Value):
    """A finding accepted by someone allowed to, until a day (`YYYY-MM-DD`, inclusive).

    What was accepted by a comment says in `at` when, in `source` where (the comment's URL), and in `extent` how bad it
    was; it covers nothing that is worse.
    """

    finding: Text
    by: Text
    reason: Text
    until: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$")
    at: str | None = Field(default=None, pattern=TIME)
    source: Text | None = Field(default=None, pattern=URL)
    extent: Extent | None = None
