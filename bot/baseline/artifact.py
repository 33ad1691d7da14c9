"""The baseline store in GitHub Actions artifacts, over a port that the GitHub room implements.

An artifact cannot be changed, and to delete one takes `actions: write`. So the newest counts, and what maintainers say
is an artifact of its own.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.baseline.marks import MAX_BYTES as MOST_MARKS
from bot.baseline.marks import Marks, bare
from bot.baseline.packed import one_entry, only_entry
from bot.baseline.shelf import FAILURES, Change, Found, Shelf
from bot.baseline.store import LAST_GOOD, PINNED, kept_under, read_run, with_provenance
from bot.model import Reference, Run
from bot.model.errors import FormatError, WorkError

MARKS_ENTRY = "marks.json"
MERGED = 3
"""The newest mark artifacts that are read together: of two that were written at once neither is lost."""
REFRESH = timedelta(days=1)
"""Marks and a pinned run older than this are uploaded again: artifacts end after 90 days, or after as few as one."""
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def called(service: str, environment: str) -> str:
    """What a service in an environment is called in the name of an artifact, and no other service in any.

    The names of both may have hyphens: then a sign stands between them that neither can have.
    """
    between = "@" if "-" in service + environment else "-"
    return f"{service}{between}{environment}"


class Offer(Protocol):
    """One artifact of this repository's own. `created` is when, to the second; `run` the workflow run's number."""

    @property
    def number(self) -> int: ...
    @property
    def created(self) -> str: ...
    @property
    def run(self) -> int: ...

    def read(self) -> tuple[bytes | None, str]:
        """Its bytes, or why it is not to be trusted. May raise GitHubError, and FormatError where the digest is another."""
        ...


class Artifacts(Protocol):
    """What this store needs of GitHub. Every method may raise GitHubError."""

    def upload(self, name: str, data: bytes) -> int | None:
        """Keep a zip under a name, replacing one of the same name from this workflow run. Its number."""
        ...

    def offers(self, name: str, *, ancestors: bool = True) -> Iterator[Offer | str]:
        """Those of that name, the newest first, and why others are refused.

        Only a run of this workflow on this repository's own default branch may have made it, on a commit that the
        deployed one stands on, or, where `ancestors` is false, on any of that branch.
        """
        ...

    def stranger(self, commit: str) -> str | None:
        """Why a commit is none that the deployed one stands on; None when it is."""
        ...


class ArtifactStore(Shelf):
    """Keeps runs as artifacts named `stability-baseline-SERVICE-ENVIRONMENT-REFERENCE`, or with `SERVICE@ENVIRONMENT`."""

    def __init__(self, artifacts: Artifacts, service: str, environment: str, expected: str | None = None) -> None:
        super().__init__(service, environment, expected)
        self.artifacts = artifacts
        self._numbers: dict[str, int] = {}
        self._made: dict[str, str] = {}
        self._saved: Run | None = None

    def marks(self) -> Marks:
        """What was said: the newest artifacts merged. It is a maintainer's word on any commit, so none is a stranger."""
        said, read = Marks(), 0
        name = self._marks_name()
        for offer in self.artifacts.offers(name, ancestors=False):
            if isinstance(offer, str):
                continue  # a fork's, or another workflow's: nobody's word
            data, _ = offer.read()
            if data is None:
                continue  # nobody's word again, or no longer there
            raw = only_entry(data, f"the artifact {name} #{offer.number}", MARKS_ENTRY, MOST_MARKS)
            said = said.merged(Marks.from_json(raw, f"the artifact {name} #{offer.number}"))
            self._made[name] = max(self._made.get(name, ""), offer.created)
            read += 1
            if read == MERGED:
                break
        return said

    def runs(self, reference: Reference) -> Iterator[Found]:
        """The runs of that name, the latest deploy first.

        Artifacts come in the order in which they were made. Only one that was made after a deploy had begun can be of a
        deploy that began later still; so mostly the first is read and no other.
        """
        waiting: list[Run] = []
        for offer in self.artifacts.offers(self._name(reference), ancestors=reference != PINNED):
            if isinstance(offer, str):
                yield offer
                continue
            while waiting and waiting[-1].started[:19] > offer.created[:19]:
                yield waiting.pop()
            found = self._read(reference, offer)
            if isinstance(found, str):
                yield found
            else:
                waiting.insert(0, found)
                waiting.sort(key=lambda run: (run.started, run.finished))
        while waiting:
            yield waiting.pop()

    def _read(self, reference: Reference, offer: Offer) -> Found:
        name = f"the artifact {self._name(reference)} #{offer.number}"
        try:
            data, why = offer.read()
            if data is None:
                return f"{name} was refused: {why}"
            run = read_run(only_entry(data, name), name, reference, self.service, self.environment)
        except FormatError as error:
            return f"the baseline {reference} was refused: {error}"
        said = run.provenance.workflow_run if run.provenance else None
        if reference != PINNED and said is not None and not said.endswith(f"/actions/runs/{offer.run}"):
            return f"{name} was refused: it says that another workflow run made it"
        if (wrong := trouble(run, self.artifacts)) is not None:
            return f"{name} was refused: {wrong}"
        if run.provenance is not None:
            self._numbers[run.provenance.digest] = offer.number
        self._made[self._name(reference)] = offer.created
        return run

    def save(
        self,
        run: Run,
        verdict: str,
        folder: Path,
        workflow_run: str | None = None,
        only: Reference | None = None,
    ) -> None:
        """As `Store.save`. Evidence is not kept here: it is in the proof of the same workflow run."""
        del folder
        for reference in kept_under(verdict, only):
            kept = with_provenance(run, reference, verdict, workflow_run)
            number = self.artifacts.upload(self._name(reference), one_entry(kept.to_json()))
            if number is not None and reference == LAST_GOOD and kept.provenance is not None:
                self._numbers[kept.provenance.digest] = number
                self._saved = kept
        self._refresh(run)

    def keep(self, change: Change) -> None:
        """Upload what was said, the run first."""
        try:
            said = change.marks(self.marks())
        except FormatError as error:
            raise WorkError(f"{error}; delete that artifact, and what it said is forgotten") from None
        if change.pinned is not None:
            self.artifacts.upload(self._name(PINNED), one_entry(change.pinned.to_json()))
        self.artifacts.upload(self._marks_name(), one_entry(said.to_json(), MARKS_ENTRY))

    def reference_of_last_good(self) -> dict[str, str] | None:
        """As `Store.reference_of_last_good`."""
        try:
            found = self._saved or next((each for each in self.runs(LAST_GOOD) if isinstance(each, Run)), None)
        except FAILURES:
            return None
        if found is None or found.provenance is None:
            return None
        digest = found.provenance.digest
        return {
            "store": "artifact",
            "artifact": str(self._numbers[digest]),
            "digest": digest,
            "commit": found.name,
        }

    def _refresh(self, run: Run) -> None:
        """Upload again what would end with its artifact. What is written meanwhile is merged with it when it is read."""
        name, pinned = self._marks_name(), self._name(PINNED)
        try:
            if self._old(name, run):
                self.artifacts.upload(name, one_entry(self.marks().to_json(), MARKS_ENTRY))
            if self._old(pinned, run) and (kept := self._still_pinned()) is not None:
                self.artifacts.upload(pinned, one_entry(kept.to_json()))
        except FormatError as error:
            raise WorkError(f"the marks of maintainers were not kept for longer: {error}") from None

    def _still_pinned(self) -> Run | None:
        pin = self.marks().pinned
        every = (each for each in self.runs(PINNED) if isinstance(each, Run))
        return next((each for each in every if pin is not None and bare(each).fingerprint() == pin.digest), None)

    def _old(self, name: str, run: Run) -> bool:
        made = self._made.get(name)
        return made is not None and datetime.fromisoformat(made) + REFRESH < datetime.fromisoformat(run.finished)

    def _name(self, reference: Reference) -> str:
        return f"stability-baseline-{called(self.service, self.environment)}-{reference}"

    def _marks_name(self) -> str:
        return f"stability-marks-{called(self.service, self.environment)}"


class Kin(Protocol):
    """What knows which commits the deployed one stands on."""

    def stranger(self, commit: str) -> str | None:
        """Why it does not stand on this one."""
        ...


def trouble(run: Run, kin: Kin) -> str | None:
    """Why a run that is kept on GitHub is no baseline for the deployed commit; None when it is.

    The workflow run's commit is not enough: an input can have named another one to deploy.
    """
    commit = run.subject.commit
    if commit is None:
        return None
    return kin.stranger(commit) if SHA.fullmatch(commit) else "it names no full commit"
