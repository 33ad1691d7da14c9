"""What maintainers said of kept runs: which one to compare with, and which never again."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bot.model import Past, Run, Value
from bot.model.errors import WorkError
from bot.model.mark import Mark

MOST_INVALID = 200
MAX_BYTES = 1024 * 1024
SHORTEST = 7
"""Letters of a commit that are enough to name it."""


class Pin(Value):
    """The run to compare with, by its digest; None says that there is none any more."""

    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    mark: Mark


class Invalid(Value):
    """A commit whose runs are never given again."""

    commit: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    mark: Mark

    def names(self, run: Run | Past) -> bool:
        """Whether it is a run of this commit. Seven letters of a commit name it."""
        name = run.name
        return self.commit == name or (len(self.commit) >= SHORTEST and name.startswith(self.commit))


class Marks(Value):
    """All that was said. Two that were written at once are merged: nothing is lost, and the later pin holds."""

    format: Annotated[str, StringConstraints(pattern=r"^stability-proof/marks@1$")] = "stability-proof/marks@1"
    pin: Pin | None = None
    invalid: tuple[Invalid, ...] = Field(default=(), max_length=MOST_INVALID)

    @property
    def pinned(self) -> Pin | None:
        """The pin that holds."""
        return self.pin if self.pin is not None and self.pin.digest is not None else None

    def against(self, run: Run | Past) -> Invalid | None:
        """What was said against a run."""
        return next((each for each in self.invalid if each.names(run)), None)

    def merged(self, other: "Marks") -> "Marks":
        """Both together; the same whichever is asked."""
        pins = sorted((each for each in (self.pin, other.pin) if each is not None), key=lambda each: each.to_json())
        newest = max(pins, key=lambda each: each.mark.at, default=None)
        every: dict[str, Invalid] = {}
        for one in sorted((*self.invalid, *other.invalid), key=lambda each: (each.mark.at, each.to_json())):
            every.setdefault(one.commit, one)
        kept = sorted(every.values(), key=lambda each: (each.mark.at, each.commit))[-MOST_INVALID:]
        return Marks(pin=newest, invalid=tuple(kept))

    def pinning(self, run: Run, mark: Mark) -> "Marks":
        """With this run pinned. A mark that is not newer than the one that holds is made so: the last word counts."""
        return self.merged(Marks(pin=Pin(digest=bare(run).fingerprint(), mark=self._later(mark))))

    def unpinning(self, mark: Mark) -> "Marks":
        """With no run pinned.

        Raises:
            WorkError: none is.
        """
        if self.pinned is None:
            raise WorkError("no baseline is pinned")
        return self.merged(Marks(pin=Pin(mark=self._later(mark))))

    def invalidating(self, commit: str, mark: Mark) -> "Marks":
        """With the runs of this commit never given again; a run of it that is pinned is then given no more either."""
        return self.merged(Marks(invalid=(Invalid(commit=commit, mark=mark),)))

    def _later(self, mark: Mark) -> Mark:
        if self.pin is None or mark.at > self.pin.mark.at:
            return mark
        head, _, thousandths = self.pin.mark.at.removesuffix("Z").rpartition(".")
        return mark.model_copy(update={"at": f"{head}.{min(999, int(thousandths) + 1):03}Z"})


def bare(run: Run) -> Run:
    """The run as it was before a store kept it."""
    return run.model_copy(update={"provenance": None})


def without_invalid(run: Run, marks: Marks) -> Run:
    """The run, remembering nothing of the runs before it that are not to be trusted."""
    kept = tuple(each for each in run.history if marks.against(each) is None)
    return run if kept == run.history else run.model_copy(update={"history": kept})
