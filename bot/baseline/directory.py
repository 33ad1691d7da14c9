"""The baseline store in a folder of this machine, evidence beside each run.

`FOLDER/SERVICE/ENVIRONMENT/{last-good,last,pinned}/run.json`, `older/…/run.json` for the good runs before the last one,
and `marks.json`.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot.baseline.marks import MAX_BYTES as MOST_MARKS
from bot.baseline.marks import Marks
from bot.baseline.shelf import FAILURES, Change, Found, Shelf, in_words
from bot.baseline.store import (
    LAST,
    LAST_GOOD,
    OLDER,
    PINNED,
    kept_under,
    read_run,
    same,
    stands_before,
    with_provenance,
)
from bot.model import Reference, Run
from bot.model.errors import FormatError, WorkError

RUN = "run.json"


class DirectoryStore(Shelf):
    """Keeps runs below a folder of this machine."""

    def __init__(self, folder: Path, service: str, environment: str, expected: str | None = None) -> None:
        super().__init__(service, environment, expected)
        self.folder = folder

    @property
    def home(self) -> Path:
        """Where all of this service in this environment is."""
        return self.folder / self.service / self.environment

    def marks(self) -> Marks:
        """What was said."""
        path = self.home / "marks.json"
        if not path.exists():
            return Marks()
        if path.stat().st_size > MOST_MARKS:
            raise FormatError(f"{path}: larger than marks can be; delete it")
        return Marks.from_json(path.read_bytes(), str(path))

    def runs(self, reference: Reference) -> Iterator[Found]:
        """The runs of that name; of the good ones the older, too."""
        places = [self._first(reference)]
        if reference == LAST_GOOD:
            places += self._olders()
        for place in places:
            if place is None or not (place / RUN).exists():
                continue
            try:
                yield read_run((place / RUN).read_bytes(), str(place / RUN), reference, self.service, self.environment)
            except FAILURES as error:
                yield f"the baseline {reference} was refused: {in_words(error)}"

    def _first(self, reference: Reference) -> Path | None:
        # the second is what a save that was killed between its two renames left behind
        places = (self.home / reference, self._old(reference))
        return next((place for place in places if (place / RUN).exists()), None)

    def _old(self, reference: Reference) -> Path:
        return self.home / f".{reference}-old"

    def save(
        self,
        run: Run,
        verdict: str,
        folder: Path,
        workflow_run: str | None = None,
        only: Reference | None = None,
    ) -> None:
        """As `Store.save`. Each name is replaced whole or not at all."""
        for reference in kept_under(verdict, only):
            kept = with_provenance(run, reference, verdict, workflow_run)
            late = stands_before(next((each for each in self.runs(reference) if isinstance(each, Run)), None), run)
            if late and reference == LAST:
                continue
            self._write(self._older(kept) if late else self.home / reference, kept, folder)
        self._prune()

    def keep(self, change: Change) -> None:
        """Write what was said, the run first: marks that name no run give no baseline."""
        try:
            said = change.marks(self.marks())
        except FormatError as error:
            raise WorkError(f"{error}; delete it, and what it said is forgotten") from None
        except OSError as error:
            raise WorkError(f"{self.home}: the marks cannot be read: {in_words(error)}") from None
        if change.pinned is not None:
            source = next((each for each in self._all() if self._is(each, change.pinned)), self.home)
            self._write(self.home / PINNED, change.pinned, source)
        path = self.home / "marks.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".marks.{os.getpid()}")
            fresh.write_bytes(said.to_json())
            fresh.replace(path)
        except OSError as error:
            raise WorkError(f"{path}: cannot be written: {in_words(error)}") from None

    def reference_of_last_good(self) -> dict[str, str] | None:
        """As `Store.reference_of_last_good`."""
        found = next((each for each in self.runs(LAST_GOOD) if isinstance(each, Run)), None)
        if found is None or found.provenance is None:
            return None
        return {"store": "directory", "digest": found.provenance.digest, "commit": found.name}

    def _write(self, place: Path, run: Run, folder: Path) -> None:
        """Put a run and its evidence at a place; a good one that was there goes to the older ones."""
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
            for evidence in run.evidence.values():
                if place.name == PINNED and not (folder / evidence.path).exists():
                    continue  # it is in the proof of its own deploy
                (fresh / evidence.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / evidence.path, fresh / evidence.path)
            (fresh / RUN).write_bytes(run.to_json())
            old = place.parent / f".{place.name}-old"
            if place.exists():
                if place.name == LAST_GOOD and (old / RUN).exists():
                    self._retire(old)  # a save was killed before it came to that
                shutil.rmtree(old, ignore_errors=True)
                place.replace(old)
            fresh.replace(place)
            if place.name == LAST_GOOD and (old / RUN).exists():
                self._retire(old)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise WorkError(f"{place}: cannot keep the baseline: {error.strerror or error}") from None

    def _retire(self, old: Path) -> None:
        """Keep the good run before; one that is damaged is not kept."""
        try:
            run = read_run((old / RUN).read_bytes(), str(old / RUN), LAST_GOOD, self.service, self.environment)
        except FormatError:
            return
        there = self._older(run)
        if same(run, read_run((self.home / LAST_GOOD / RUN).read_bytes(), LAST_GOOD, LAST_GOOD)):
            return
        there.parent.mkdir(exist_ok=True)
        if not there.exists():
            old.replace(there)

    def _prune(self) -> None:
        for each in self._olders()[OLDER:]:
            shutil.rmtree(each, ignore_errors=True)

    def _older(self, run: Run) -> Path:
        return self.home / "older" / older_name(run)

    def _all(self) -> Iterator[Path]:
        yield from (self.home / each for each in (LAST_GOOD, LAST, PINNED))
        yield from self._olders()

    def _olders(self) -> list[Path]:
        """The newest first. A name with a dot is one that is being written."""
        every = (each for each in self.home.glob("older/*") if not each.name.startswith("."))
        return sorted(every, key=lambda each: each.name, reverse=True)

    def _is(self, place: Path, run: Run) -> bool:
        try:
            found = Run.from_json((place / RUN).read_bytes())
        except FAILURES:
            return False
        return (found.name, found.started) == (run.name, run.started)


def older_name(run: Run) -> str:
    """What an older good run goes by: names in order are runs in order."""
    digest = run.provenance.digest if run.provenance else run.fingerprint()
    return f"{run.started.replace(':', '').replace('.', '')}-{digest[7:19]}"
