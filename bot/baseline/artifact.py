"""The baseline store in GitHub Actions artifacts, over a port that the GitHub room implements."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.baseline.store import LAST, LAST_GOOD, MAX_BYTES, kept_under, read_run, with_provenance
from bot.model import Reference, Run
from bot.model.errors import FormatError, GitHubError

ENTRY = "run.json"


class Artifacts(Protocol):
    """What this store needs of GitHub. Every method may raise GitHubError."""

    def upload(self, name: str, data: bytes) -> None:
        """Keep a zip under a name, replacing one of the same name from this workflow run."""
        ...

    def newest_trusted(self, name: str) -> tuple[bytes | None, tuple[str, ...]]:
        """The newest zip of that name from a run of this workflow on this repository's own default branch, with an
        ancestor commit and a digest that fits; and why newer ones were refused."""
        ...


@dataclass(frozen=True)
class ArtifactStore:
    """Keeps runs as artifacts named `stability-baseline-SERVICE-ENVIRONMENT-REFERENCE`."""

    artifacts: Artifacts
    service: str
    environment: str

    def load(self) -> tuple[Run | None, tuple[str, ...]]:
        """As `Store.load`. GitHub out of reach is a remark and no baseline, never trust."""
        remarks: list[str] = []
        for reference in (LAST_GOOD, LAST):
            found, refused = self._read(reference)
            remarks += refused
            if found is not None:
                return found, tuple(remarks)
        return None, tuple(remarks)

    def last(self) -> Run | None:
        """As `Store.last`."""
        return self._read(LAST)[0]

    def _read(self, reference: Reference) -> tuple[Run | None, tuple[str, ...]]:
        name = self._name(reference)
        refused: tuple[str, ...] = ()
        try:
            data, refused = self.artifacts.newest_trusted(name)
            return (None if data is None else read_run(only_entry(data, name), name, reference)), refused
        except (FormatError, GitHubError) as error:
            return None, (*refused, f"the baseline {reference} was refused: {error}")

    def save(self, run: Run, verdict: str, folder: Path, workflow_run: str | None = None) -> None:
        """As `Store.save`. Evidence is not kept here: it is in the proof of the same workflow run."""
        del folder
        for reference in kept_under(verdict):
            kept = with_provenance(run, reference, verdict, workflow_run)
            self.artifacts.upload(self._name(reference), one_entry(kept.to_json()))

    def _name(self, reference: Reference) -> str:
        return f"stability-baseline-{self.service}-{self.environment}-{reference}"


def one_entry(data: bytes) -> bytes:
    """A zip with the one entry that a baseline artifact has; the same bytes for the same data."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(ENTRY), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def only_entry(data: bytes, name: str) -> bytes:
    """The one entry of a baseline artifact.

    Raises:
        FormatError: not a zip, other entries, a link, or larger than a baseline can be (declared or real).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if [entry.filename for entry in entries] != [ENTRY] or (entries[0].external_attr >> 28) == 0xA:
                raise FormatError(f"{name}: expected exactly one entry {ENTRY!r}")
            with archive.open(entries[0]) as file:
                content = file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise FormatError(f"{name}: not a zip that can be read: {error}") from None
    if len(content) > MAX_BYTES:
        raise FormatError(f"{name}: unpacks to more than {MAX_BYTES:,} bytes")
    return content
