"""What every baseline store does: keep runs under two names, and give back the one to compare with."""

from pathlib import Path
from typing import Protocol

from bot.model import Provenance, Reference, Run, digest
from bot.model.errors import FormatError

LAST_GOOD: Reference = "last-good"
LAST: Reference = "last"
GOOD_WORDS = frozenset({"stable", "first run"})
MAX_BYTES = 64 * 1024 * 1024
"""A run of 20 endpoints and 2,000 rounds is about 2 MB; nothing honest comes near this."""


class Store(Protocol):
    """Keeps runs between deploys."""

    def load(self) -> tuple[Run | None, tuple[str, ...]]:
        """The run to compare with (`last-good`, or `last` while there is none), and remarks in words.

        A baseline that is damaged or not to be trusted is refused with a remark, never used and never a crash.
        """
        ...

    def last(self) -> Run | None:
        """The newest run of all, whatever became of it; None where there is none that can be read and trusted."""
        ...

    def save(self, run: Run, verdict: str, folder: Path, workflow_run: str | None = None) -> None:
        """Keep the run as `last`, and as `last-good` when the verdict is one of `GOOD_WORDS`.

        `folder` is where the run's evidence paths start.
        """
        ...


def kept_under(verdict: str) -> tuple[Reference, ...]:
    """The names under which a run with this verdict is kept."""
    return (LAST_GOOD, LAST) if verdict in GOOD_WORDS else (LAST,)


def with_provenance(run: Run, reference: Reference, verdict: str, workflow_run: str | None = None) -> Run:
    """The run as a store keeps it. `stored` is the run's own end: stores have no clock."""
    bare = run.model_copy(update={"provenance": None})
    provenance = Provenance(
        reference=reference,
        verdict=verdict,
        stored=run.finished,
        digest=bare.fingerprint(),
        workflow_run=workflow_run,
    )
    return bare.model_copy(update={"provenance": provenance})


def read_run(raw: bytes, name: str, reference: Reference) -> Run:
    """A stored run, checked against its own provenance.

    Raises:
        FormatError: too large, not a run, without provenance, or changed since it was stored.
    """
    if len(raw) > MAX_BYTES:
        raise FormatError(f"{name}: {len(raw):,} bytes; a baseline has at most {MAX_BYTES:,}")
    run = Run.from_json(raw, name)
    if run.provenance is None:
        raise FormatError(f"{name}: this run was never stored as a baseline: it has no provenance")
    found = digest(run.model_copy(update={"provenance": None}).to_json())
    if found != run.provenance.digest:
        raise FormatError(f"{name}: changed since it was stored: {run.provenance.digest} then, {found} now")
    return run.model_copy(update={"provenance": run.provenance.model_copy(update={"reference": reference})})
