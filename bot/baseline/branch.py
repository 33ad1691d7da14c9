"""The baseline store on a branch of its own, over a port that the GitHub room implements.

`SERVICE/ENVIRONMENT/{last-good,last,pinned}.json`, `…/older/*.json` for the good runs before the last one, and
`…/marks.json`; a large run is `….json.gz`. Every write is made on what is there, and made again if somebody else wrote
meanwhile, so that two runs at once lose nothing of each other's.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from bot.baseline.artifact import trouble
from bot.baseline.directory import older_name
from bot.baseline.marks import MAX_BYTES as MOST_MARKS
from bot.baseline.marks import Marks
from bot.baseline.packed import pressed, unpressed
from bot.baseline.shelf import FAILURES, Change, Found, Shelf
from bot.baseline.store import (
    LAST_GOOD,
    MAX_BYTES,
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

LARGE = 1024 * 1024
"""Bytes from which a run is compressed: smaller ones can be read in the browser."""
MARKS = "marks.json"
Files = Mapping[str, "File"]
Changes = Mapping[str, bytes | None]


class File(Protocol):
    """One file of the branch. `blob` is git's name for its content."""

    @property
    def blob(self) -> str: ...
    @property
    def size(self) -> int: ...

    def read(self) -> bytes:
        """Its content. May raise GitHubError, and FormatError where it is another than `blob`."""
        ...


class Branch(Protocol):
    """What this store needs of GitHub. Every method may raise GitHubError; FormatError where it cannot be read."""

    def files(self, folder: str) -> Files:
        """The files below a folder, by their names in it. There are none where there is no such branch or folder."""
        ...

    def write(self, folder: str, change: Callable[[Files], Changes], message: str) -> None:
        """Write (bytes) or take away (None) files, as `change` says of what is there; it may be asked several times."""
        ...

    def stranger(self, commit: str) -> str | None:
        """Why a commit is none that the deployed one stands on; None when it is."""
        ...

    def unmerged(self) -> str | None:
        """Why no run of the deployed commit is to be kept; None where one is."""
        ...


class BranchStore(Shelf):
    """Keeps runs on a branch that has nothing else."""

    def __init__(self, branch: Branch, service: str, environment: str, expected: str | None = None) -> None:
        super().__init__(service, environment, expected)
        self.branch = branch
        self.folder = f"{service}/{environment}"

    def marks(self) -> Marks:
        """What was said."""
        return _marks(self.branch.files(self.folder))

    def runs(self, reference: Reference) -> Iterator[Found]:
        """The runs of that name; of the good ones the older, too."""
        files = self.branch.files(self.folder)
        names = [reference, *(_olders(files) if reference == LAST_GOOD else ())]
        for name in names:
            if (path := _path(files, name)) is None:
                continue
            try:
                found = self._read(files[path], path, reference)
                wrong = trouble(found, self.branch)
                yield found if wrong is None else f"the baseline {path} on the data branch was refused: {wrong}"
            except FormatError as error:
                yield f"the baseline {reference} was refused: {error}"

    def _read(self, file: File, path: str, reference: Reference) -> Run:
        raw = file.read()
        where = f"{self.folder}/{path}"
        if path.endswith(".gz"):
            raw = unpressed(raw, where)
        return read_run(raw, where, reference, self.service, self.environment)

    def save(
        self,
        run: Run,
        verdict: str,
        folder: Path,
        workflow_run: str | None = None,
        only: Reference | None = None,
    ) -> None:
        """As `Store.save`. Evidence is not kept here: it is in the proof of the same workflow run.

        Only a commit of the default branch has its run kept: any job with `contents: write` could write here, one of a
        merge queue or of a topic branch too, and it would push the good runs out.
        """
        del folder
        if (why := self.branch.unmerged()) is not None:
            raise WorkError(f"{why}, so its run is no baseline for others")
        names = kept_under(verdict, only)
        if not names:
            return
        one = with_provenance(run, names[0], verdict, workflow_run)  # under both names the same bytes: one blob

        def change(files: Files) -> Changes:
            made: dict[str, bytes | None] = {}
            for reference in names:
                before = self._there(files, reference)
                if not stands_before(before, run):
                    self._put(made, files, reference, one)
                    if reference == LAST_GOOD and before is not None and not same(before, one):
                        self._put(made, files, f"older/{older_name(before)}", before)
                elif reference == LAST_GOOD:
                    self._put(made, files, f"older/{older_name(one)}", one)
            every = sorted(
                {*_olders(files), *(_stem(each) for each in made if each.startswith("older/"))}, reverse=True
            )
            for name in every[OLDER:]:
                made.pop(f"{name}.json", None)
                made.pop(f"{name}.json.gz", None)
                made |= {path: None for path in (f"{name}.json", f"{name}.json.gz") if path in files}
            return made

        self.branch.write(self.folder, change, f"{self.folder}: {run.name[:12]} is {verdict}")

    def keep(self, change: Change) -> None:
        """Write what was said, with the run, in one commit."""

        def changes(files: Files) -> Changes:
            made: dict[str, bytes | None] = {}
            try:
                made[MARKS] = change.marks(_marks(files)).to_json()
            except FormatError as error:
                raise WorkError(f"{error}; delete that file from the branch, and what it said is forgotten") from None
            if change.pinned is not None:
                self._put(made, files, PINNED, change.pinned)
            return made

        self.branch.write(self.folder, changes, f"{self.folder}: {change.words}")

    def reference_of_last_good(self) -> dict[str, str] | None:
        """As `Store.reference_of_last_good`."""
        try:
            files = self.branch.files(self.folder)
            path = _path(files, LAST_GOOD)
            found = self._read(files[path], path, LAST_GOOD) if path is not None else None
        except FAILURES:
            return None
        if path is None or found is None or found.provenance is None:
            return None
        return {
            "store": "branch",
            "blob": files[path].blob,
            "digest": found.provenance.digest,
            "commit": found.name,
        }

    def _there(self, files: Files, reference: Reference) -> Run | None:
        """What is kept; what is damaged is not, and may be replaced."""
        path = _path(files, reference)
        try:
            return None if path is None else self._read(files[path], path, reference)
        except FormatError:
            return None

    def _put(self, made: dict[str, bytes | None], files: Files, name: str, run: Run) -> None:
        """Under its name, plain or compressed; the other of the two goes."""
        data = run.to_json()
        if len(data) > MAX_BYTES:
            raise WorkError(f"the run has {len(data):,} bytes; a baseline has at most {MAX_BYTES:,}")
        plain, small = f"{name}.json", f"{name}.json.gz"
        path, other = (small, plain) if len(data) > LARGE else (plain, small)
        made[path] = pressed(data) if path == small else data
        if other in files:
            made[other] = None


def _marks(files: Files) -> Marks:
    if MARKS not in files:
        return Marks()
    if files[MARKS].size > MOST_MARKS:
        raise FormatError(f"{MARKS}: larger than marks can be")
    return Marks.from_json(files[MARKS].read(), MARKS)


def _olders(files: Files) -> list[str]:
    return sorted({_stem(path) for path in files if path.startswith("older/")}, reverse=True)


def _stem(path: str) -> str:
    return path.removesuffix(".gz").removesuffix(".json")


def _path(files: Files, name: str) -> str | None:
    return next((path for path in (f"{name}.json", f"{name}.json.gz") if path in files), None)
