"""What a kept run says of verdicts: its own, the few before it, and what issues were closed on."""

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field, StringConstraints

from bot.model.history import TIME, Name
from bot.model.value import Value
from bot.model.words import Status, Word

MOST_VERDICTS = 6
MOST_FINDINGS = 500
MOST_ISSUES = 50
MOST_PROBES = 50
Url = Annotated[str, StringConstraints(max_length=500)]
Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,9}$")]


class Told(Value):
    """A verdict that was given: of which revision, when its run ended, and the page of the workflow run that gave it."""

    verdict: Word
    revision: Name
    commit: Name | None = None
    finished: str = Field(pattern=TIME)
    workflow_run: Url | None = None

    @property
    def called(self) -> str:
        """What a reader calls the revision."""
        return self.commit[:7] if self.commit else self.revision


class Previous(Value):
    """The last verdict, for the next one to be held against.

    `told` are the last verdicts, oldest first; the last of them is the one that `findings` are of. `findings` are those
    that kept it from being green (`broken`, `regressed`, `not measured`, and not waived), by the first letters of their
    ids. `whole` is false where there were more of them than are remembered: then what is not here says nothing.
    """

    absent_when_empty: ClassVar[frozenset[str]] = frozenset({"findings"})

    told: tuple[Told, ...] = Field(min_length=1, max_length=MOST_VERDICTS)
    findings: dict[Name, Status] = Field(default_factory=dict, max_length=MOST_FINDINGS)
    whole: bool = True


class Closed(Value):
    """What an issue was closed on: the commit that was proven, when that run ended, and the probes that were the proof.

    `lapsed` is the commit at which one of them was bad again, and the issue was reopened.
    """

    commit: Name
    finished: str = Field(pattern=TIME)
    probes: tuple[Name, ...] = Field(max_length=MOST_PROBES)
    lapsed: Name | None = None


class Lapse(NamedTuple):
    """Of an issue that was closed: at which commit, and which of the probes that proved it are bad now.

    Of one that lapsed: at which commit it was reopened, and the probes that hold again.
    """

    commit: str
    probes: tuple[str, ...]


class Since(Value):
    """What is another than in the last verdict, by the ids of findings.

    `fixed` was bad and holds; `new` is bad and was not; `still` was bad and is; `lost` was bad and is not measured now, or
    not here. `earlier` are the verdicts before the last, newest first. `compared` is false where the last verdict is
    remembered in part only: then nothing is claimed.
    """

    absent_when_empty: ClassVar[frozenset[str]] = frozenset({"fixed", "new", "still", "lost", "earlier"})

    last: Told
    compared: bool = True
    fixed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    earlier: tuple[Told, ...] = ()
