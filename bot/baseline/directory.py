"""The baseline store in a folder: `FOLDER/SERVICE/ENVIRONMENT/{last-good,last}/run.json`, evidence beside it."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.baseline.store import LAST, LAST_GOOD, kept_under, read_run, with_provenance
from bot.model import Reference, Run
from bot.model.errors import FormatError, WorkError


@dataclass(frozen=True)
class DirectoryStore:
    """Keeps runs below a folder of this machine."""

    folder: Path
    service: str
    environment: str

    def load(self) -> tuple[Run | None, tuple[str, ...]]:
        """As `Store.load`."""
        remarks: list[str] = []
        for reference in (LAST_GOOD, LAST):
            try:
                found = self._read(reference)
            except (FormatError, OSError) as error:
                remarks.append(f"the baseline {reference} was refused: {error}")
            else:
                if found is not None:
                    return found, tuple(remarks)
        return None, tuple(remarks)

    def last(self) -> Run | None:
        """As `Store.last`."""
        try:
            return self._read(LAST)
        except (FormatError, OSError):
            return None

    def _read(self, reference: Reference) -> Run | None:
        # the second is what a save that was killed between its two renames left behind
        places = (self._place(reference), self._place(reference).parent / f".{reference}-old")
        path = next((place / "run.json" for place in places if (place / "run.json").exists()), None)
        return None if path is None else read_run(path.read_bytes(), str(path), reference)

    def save(self, run: Run, verdict: str, folder: Path, workflow_run: str | None = None) -> None:
        """As `Store.save`. Each name is replaced whole or not at all."""
        for reference in kept_under(verdict):
            place = self._place(reference)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                fresh = Path(tempfile.mkdtemp(prefix=f".{reference}-", dir=place.parent))
                for evidence in run.evidence.values():
                    (fresh / evidence.path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / evidence.path, fresh / evidence.path)
                (fresh / "run.json").write_bytes(with_provenance(run, reference, verdict, workflow_run).to_json())
                old = place.parent / f".{reference}-old"
                shutil.rmtree(old, ignore_errors=True)
                if place.exists():
                    place.replace(old)
                fresh.replace(place)
                shutil.rmtree(old, ignore_errors=True)
            except OSError as error:
                raise WorkError(f"{place}: cannot keep the baseline: {error.strerror or error}") from None

    def _place(self, reference: Reference) -> Path:
        return self.folder / self.service / self.environment / reference
