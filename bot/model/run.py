"""A run: all observations of one revision, with its subject. The file format, and what a baseline keeps."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from bot.model.carried import MOST_LEFT, Carried, Left
from bot.model.history import MOST_RUNS, TIME, Name, Past
from bot.model.mark import Mark
from bot.model.observation import Evidence, Observation
from bot.model.previous import MOST_ISSUES, Closed, Number, Previous
from bot.model.value import Value
from bot.model.waiver import MOST_WAIVERS, Waiver

Reference = Literal["last-good", "last", "given", "pinned"]


class Subject(Value):
    """The revision that a run is about, and what proves that it was this one that answered.

    `identity` is `{"answered_by": {revision: answers}}`, or `{"reason": "…"}` where it was not measured. Two runs
    made side by side share a `session`, and with it their round numbers: that is what makes them paired.
    """

    service: str
    environment: str
    revision: str
    commit: str | None = None
    image: str | None = None
    url: str
    session: str | None = None
    identity: dict[str, JsonValue] = Field(default_factory=dict)


class Provenance(Value):
    """Where a baseline run comes from: under which name it was kept, and what was said of it then.

    `pinned` is who asked for this one, where somebody did.
    """

    reference: Reference
    verdict: str
    stored: str = Field(pattern=TIME)
    digest: str
    workflow_run: str | None = None
    pinned: Mark | None = None


class Run(Value):
    """All observations of one revision.

    `release` is the tag that its commit has. `history` is what a kept run remembers of the good runs before it, oldest
    first; the last of them is the run itself, where it was good. `carried` is what inconclusive sessions of the same two
    revisions have left to this one; `left` is what a kept run holds for the next session of each pair of revisions, oldest
    first. `previous` is the last verdict: in a run that is judged the one before it, in a kept run its own. `closed` says
    what issues were closed on, by their numbers. `accepted` is what maintainers have accepted by comment: of this run, or
    of one before it.
    """

    absent_when_empty: ClassVar[frozenset[str]] = frozenset({"history", "left", "closed", "accepted"})

    format: Literal["stability-proof/run@1"] = "stability-proof/run@1"
    subject: Subject
    started: str = Field(pattern=TIME)
    finished: str = Field(pattern=TIME)
    spec: str
    vantage: str
    observations: tuple[Observation, ...] = ()
    evidence: dict[str, Evidence] = Field(default_factory=dict)
    provenance: Provenance | None = None
    release: Name | None = None
    history: tuple[Past, ...] = Field(default=(), max_length=MOST_RUNS)
    carried: Carried | None = None
    left: tuple[Left, ...] = Field(default=(), max_length=MOST_LEFT)
    accepted: tuple[Waiver, ...] = Field(default=(), max_length=MOST_WAIVERS)
    previous: Previous | None = None
    closed: dict[Number, Closed] = Field(default_factory=dict, max_length=MOST_ISSUES)

    @property
    def name(self) -> str:
        """What the revision goes by: its commit, or its own name where it has none."""
        return self.subject.commit or self.subject.revision

    def observation(self, probe: str) -> Observation | None:
        """What the named probe saw, if it is in this run."""
        return next((each for each in self.observations if each.probe == probe), None)
