"""What all stores have in common: which of the kept runs is given, and what maintainers said of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.baseline.marks import Marks, bare, without_invalid
from bot.baseline.store import LAST, LAST_GOOD, OLDER, PINNED, pinned_copy
from bot.model import Reference, Run
from bot.model.errors import FormatError, WorkError
from bot.model.mark import Mark

Found = Run | str
"""A kept run, or why there is none here."""
MOST_REMARKS = 30
FAILURES = (FormatError, WorkError, OSError)


@dataclass
class Shelf(ABC):
    """The choice, over what a store can do: read runs and marks, and keep them.

    `expected` is the digest of the run that the last successful deployment was proven by, where somebody knows it. That
    one is given, or a newer good one of the same commit, which a refresh has left: no other commit was deployed since.
    """

    service: str
    environment: str

    expected: str | None = None

    @abstractmethod
    def marks(self) -> Marks:
        """What was said. May raise FormatError, WorkError or OSError: then no baseline is given."""

    @abstractmethod
    def runs(self, reference: Reference) -> Iterator[Found]:
        """The kept runs of that name, the newest first, and why others are not given. May raise as `marks` does."""

    @abstractmethod
    def keep(self, change: "Change") -> None:
        """Write what was said, and the pinned run. May raise WorkError."""

    @abstractmethod
    def save(
        self,
        run: Run,
        verdict: str,
        folder: Path,
        workflow_run: str | None = None,
        only: Reference | None = None,
    ) -> None:
        """As `Store.save`."""

    @abstractmethod
    def reference_of_last_good(self) -> dict[str, str] | None:
        """As `Store.reference_of_last_good`."""

    def load(self) -> tuple[Run | None, tuple[str, ...]]:
        """As `Store.load`."""
        try:
            marks = self.marks()
        except FormatError as error:
            return None, (f"the marks of maintainers cannot be read, so no baseline is given: {error}",)
        except FAILURES as error:
            return None, (f"no baseline can be read: {in_words(error)}",)
        if marks.pinned is not None:
            return self._pinned(marks)
        remarks: list[str] = []
        for reference in (LAST_GOOD, LAST):
            found, invalid = self._chosen(reference, marks, remarks)
            if found is not None:
                return without_invalid(found, marks), _few(remarks)
            if invalid:
                # what is left is no good run: comparing with it would say less than that there is none
                remarks.append("no older good run is kept")
                break
        return None, _few(remarks)

    def last(self) -> tuple[Run | None, tuple[str, ...]]:
        """As `Store.last`."""
        remarks: list[str] = []
        try:
            for found in self.runs(LAST):
                if isinstance(found, Run):
                    return found, _few(remarks)
                remarks.append(found)
        except FAILURES as error:
            remarks.append(f"what the last run tells cannot be read: {in_words(error)}")
        return None, _few(remarks)

    def good(self) -> Run | None:
        """The newest run that was judged good and that nobody invalidated, whatever is pinned; None where there is none.

        Raises:
            FormatError, WorkError, OSError: what is kept cannot be read.
        """
        marks = self.marks()
        every = (each for each in self.runs(LAST_GOOD) if isinstance(each, Run))
        return next((each for each in every if marks.against(each) is None), None)

    def pin(self, mark: Mark) -> Run:
        """As `Store.pin`."""
        found, remarks = self.load()
        if found is None:
            why = f": {'; '.join(remarks)}" if remarks else ""
            raise WorkError(f"there is no baseline to pin{why}")
        kept = pinned_copy(found, mark)
        self.keep(Change(lambda marks: marks.pinning(kept, mark), f"Pin {found.name[:12]}", kept))
        return kept

    def unpin(self, mark: Mark) -> None:
        """As `Store.unpin`."""
        self.keep(Change(lambda marks: marks.unpinning(mark), "Unpin"))

    def invalidate(self, commit: str, mark: Mark) -> None:
        """As `Store.invalidate`."""
        if not 1 <= len(commit) <= 300:
            raise WorkError("name the commit whose runs are not to be given again")
        self.keep(Change(lambda marks: marks.invalidating(commit, mark), f"Invalidate {commit[:12]}"))

    def _pinned(self, marks: Marks) -> tuple[Run | None, tuple[str, ...]]:
        """The pinned run, or none: another one in its place is not what was asked for."""
        pin = marks.pinned
        assert pin is not None
        said = f"pinned by {pin.mark.by} since {pin.mark.at[:10]}"
        remarks: list[str] = []
        try:
            for found in self.runs(PINNED):
                if isinstance(found, str):
                    remarks.append(found)
                elif bare(found).fingerprint() == pin.digest:
                    if (invalid := marks.against(found)) is not None:
                        return None, (f"{said}, and {invalidated(invalid.mark, found.name)}; unpin it",)
                    return without_invalid(_by(found, pin.mark), marks), (f"the baseline is {said}", *_few(remarks))
        except FAILURES as error:
            remarks.append(in_words(error))
        return None, (f"a baseline is {said}, and that run cannot be had; unpin it", *_few(remarks))

    def _chosen(self, reference: Reference, marks: Marks, remarks: list[str]) -> tuple[Run | None, bool]:
        """The run to give of this name, and whether one was passed over because somebody said so."""
        invalid = False
        good: list[Run] = []
        try:
            for found in self.runs(reference):
                if isinstance(found, str):
                    remarks.append(found)
                elif (said := marks.against(found)) is not None:
                    invalid = True
                    remarks.append(invalidated(said.mark, found.name))
                else:
                    good.append(found)
                    if self._settled(good):
                        break
        except FAILURES as error:
            remarks.append(f"the baseline {reference} was refused: {in_words(error)}")
        if not good:
            return None, invalid
        if self.expected is None or reference == LAST:
            return good[0], invalid
        if (meant := next((each for each in good if _digest(each) == self.expected), None)) is not None:
            same = (each for each in good if each.subject.commit is not None and each.name == meant.name)
            return next(same, meant), invalid
        if not invalid:
            remarks.append("the run that the last successful deployment was proven by is not kept here any more")
        return good[0], invalid

    def _settled(self, good: list[Run]) -> bool:
        return self.expected is None or _digest(good[-1]) == self.expected or len(good) > OLDER


@dataclass(frozen=True)
class Change:
    """What is to become of the marks, in few words, and the run to keep as pinned with it.

    It is a function, for it may have to be done again on what somebody else wrote meanwhile.
    """

    marks: Callable[[Marks], Marks]
    words: str
    pinned: Run | None = None


def invalidated(mark: Mark, name: str) -> str:
    """That a run was passed over because somebody said so."""
    return f"the baseline {name[:12]} was invalidated by {mark.by} on {mark.at[:10]}"


def in_words(error: Exception) -> str:
    """What went wrong."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _digest(run: Run) -> str | None:
    return run.provenance.digest if run.provenance else None


def _by(run: Run, mark: Mark) -> Run:
    """The pinned run with the mark that holds: the one beside the run may be another's word."""
    old = run.provenance
    return run if old is None else run.model_copy(update={"provenance": old.model_copy(update={"pinned": mark})})


def _few(remarks: list[str]) -> tuple[str, ...]:
    """The first, and how many more there were: a fork can have as many refused as it likes."""
    more = len(remarks) - MOST_REMARKS
    return (*remarks[:MOST_REMARKS], f"and {more} more remarks like these") if more > 0 else tuple(remarks)
