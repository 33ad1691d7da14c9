"""What every baseline store does: keep runs under names, and give back the one to compare with."""

from pathlib import Path
from typing import Protocol

from bot.model import Provenance, Reference, Run, digest
from bot.model.errors import FormatError
from bot.model.mark import Mark

LAST_GOOD: Reference = "last-good"
LAST: Reference = "last"
PINNED: Reference = "pinned"
GOOD_WORDS = frozenset({"stable", "first run"})
MAX_BYTES = 64 * 1024 * 1024
"""A run of 20 endpoints and 2,000 rounds is about 2 MB; nothing honest comes near this."""
OLDER = 5
"""Good runs before the last one that are kept, to fall back to."""


class Store(Protocol):
    """Keeps runs between deploys."""

    def load(self) -> tuple[Run | None, tuple[str, ...]]:
        """The run to compare with, and remarks in words: the pinned one, else `last-good`, else `last`.

        A baseline that is damaged or not to be trusted is refused with a remark, never used and never a crash.
        """
        ...

    def last(self) -> tuple[Run | None, tuple[str, ...]]:
        """The newest run of all, whatever became of it; None where there is none that can be read and trusted.

        The remarks say what was passed over, and why there is none though there may be one.
        """
        ...

    def save(
        self,
        run: Run,
        verdict: str,
        folder: Path,
        workflow_run: str | None = None,
        only: Reference | None = None,
    ) -> None:
        """Keep the run as `last`, and as `last-good` when the verdict is one of `GOOD_WORDS`; or as `only` one of them.

        `folder` is where the run's evidence paths start. A run whose deploy began before that of the one that is kept
        does not take its place.
        """
        ...

    def pin(self, mark: Mark) -> Run:
        """Give the run that `load` gives now until `unpin`; it is kept for as long.

        Raises:
            WorkError: there is none, or it cannot be kept.
        """
        ...

    def unpin(self, mark: Mark) -> None:
        """Give the last good run again.

        Raises:
            WorkError: none is pinned, or it cannot be written.
        """
        ...

    def invalidate(self, commit: str, mark: Mark) -> None:
        """Give no run of this commit again (7 letters are enough); the newest older good one takes its place.

        Raises:
            WorkError: it cannot be written.
        """
        ...

    def reference_of_last_good(self) -> dict[str, str] | None:
        """What names the last good run for ever: `{"store", "digest", "commit"}`, and its `artifact` or `blob`."""
        ...


def kept_under(verdict: str, only: Reference | None = None) -> tuple[Reference, ...]:
    """The names under which a run with this verdict is kept."""
    names = (LAST_GOOD, LAST) if verdict in GOOD_WORDS else (LAST,)
    return names if only is None else tuple(each for each in names if each == only)


def stands_before(kept: Run | None, run: Run) -> bool:
    """Whether the kept run is of a later deploy than this one.

    What counts is when a deploy began. Of two runs at once, the later deploy is what serves, whichever is judged first;
    and an old commit that is deployed again is what serves then.
    """
    return kept is not None and (kept.started, kept.finished) > (run.started, run.finished)


def same(one: Run, other: Run) -> bool:
    """Whether two kept runs are one: what was written twice, for nobody knew whether it was."""
    return one.model_copy(update={"provenance": None}) == other.model_copy(update={"provenance": None})


def with_provenance(
    run: Run, reference: Reference, verdict: str, workflow_run: str | None = None, pinned: Mark | None = None
) -> Run:
    """The run as a store keeps it. `stored` is the run's own end: stores have no clock."""
    bare = run.model_copy(update={"provenance": None})
    provenance = Provenance(
        reference=reference,
        verdict=verdict,
        stored=run.finished,
        digest=bare.fingerprint(),
        workflow_run=workflow_run,
        pinned=pinned,
    )
    return bare.model_copy(update={"provenance": provenance})


def pinned_copy(run: Run, mark: Mark) -> Run:
    """A kept run as it is pinned."""
    old = run.provenance
    return with_provenance(run, PINNED, old.verdict if old else "", old.workflow_run if old else None, mark)


def read_run(raw: bytes, name: str, reference: Reference, service: str = "", environment: str = "") -> Run:
    """A stored run, checked against its own provenance and, where they are given, the service and the environment.

    Raises:
        FormatError: too large, not a run, without provenance, changed since it was stored, of another
            service, or kept as good and not judged so.
    """
    if len(raw) > MAX_BYTES:
        raise FormatError(f"{name}: {len(raw):,} bytes; a baseline has at most {MAX_BYTES:,}")
    try:
        run = Run.from_json(raw, name)
    except RecursionError:
        raise FormatError(f"{name}: nested deeper than any run is") from None
    if run.provenance is None:
        raise FormatError(f"{name}: this run was never stored as a baseline: it has no provenance")
    try:
        found = digest(run.model_copy(update={"provenance": None}).to_json())
        written = run.to_json()
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name}: not a run that can be written again: {error}") from None
    if found != run.provenance.digest:
        raise FormatError(f"{name}: changed since it was stored: {run.provenance.digest[:80]} then, {found} now")
    if written != raw:  # a key that is there twice, say: another reader might see another run
        raise FormatError(f"{name}: not written as we write a run")
    if reference == LAST_GOOD and run.provenance.verdict not in GOOD_WORDS:
        raise FormatError(f"{name}: kept as good, but judged {run.provenance.verdict[:40]!r}")
    theirs, ours = (run.subject.service, run.subject.environment), (service, environment)
    if service and theirs != ours:
        raise FormatError(f"{name}: of {theirs[0][:80]!r} in {theirs[1][:80]!r}, not of {ours[0]!r} in {ours[1]!r}")
    pinned = run.provenance.pinned if reference == PINNED else None
    return run.model_copy(
        update={"provenance": run.provenance.model_copy(update={"reference": reference, "pinned": pinned})}
    )
