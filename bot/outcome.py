"""What one pass leaves behind: the files of `--out`, and the exit code."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from bot import proof
from bot.baseline.history import with_history
from bot.baseline.resuming import with_odds
from bot.baseline.store import Store
from bot.model import Run, Verdict
from bot.model.errors import FIRST_RUN, INCONCLUSIVE, STABLE, UNSTABLE, UsageError, WorkError
from bot.report import comment, html, summary, text
from bot.spec import Spec

EXIT_CODES = {"stable": STABLE, "first run": FIRST_RUN, "unstable": UNSTABLE, "inconclusive": INCONCLUSIVE}
RESULTS = ("verdict.json", "comment.md", "summary.md", "report.txt", "report.html", "proof.zip")
"""The files that say how a pass ended."""


@dataclass(frozen=True)
class Outcome:
    """A verdict, and where its proof is."""

    verdict: Verdict
    candidate: Run
    baseline: Run | None
    folder: Path
    proof: Path
    proof_digest: str
    remarks: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """What the command line ends in."""
        return EXIT_CODES[self.verdict.verdict]


@dataclass(frozen=True)
class Request:
    """All that one pass of the pipeline needs.

    `commit` is what to deploy, as git names it; `repository` the checkout it is in; `out` the folder for everything
    that is kept of this pass; `state` the folder in which a target remembers what it did between passes.
    """

    spec: Spec
    commit: str | None
    repository: Path
    out: Path
    state: Path
    store: Store
    vantage: str
    workflow_run: str | None = None


def make_room(out: Path) -> None:
    """See that results can be written, and take away an earlier pass's: this one may end without any.

    Raises:
        UsageError: the folder cannot be written to. Nothing was deployed yet.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in RESULTS:
            (out / name).unlink(missing_ok=True)
        write(out / ".room", b"")
        (out / ".room").unlink()
    except OSError as error:
        raise UsageError(f"{out} cannot be written to: {error.strerror}; name another folder for `out`") from None


async def keep(
    request: Request, verdict: Verdict, candidate: Run, baseline: Run | None, remarks: tuple[str, ...]
) -> Outcome:
    """Write the runs, the verdict, the reports and the proof below `request.out`, and the run to the baseline store.

    A baseline store that fails is a remark: it does not take the verdict away.
    """
    out = request.out
    keep_partial(out, candidate, baseline)
    write(out / "verdict.json", verdict.to_json())
    write(out / "comment.md", comment(verdict).encode())
    write(out / "summary.md", summary(verdict).encode())
    write(out / "report.txt", text(verdict).encode())
    write(out / "report.html", html(verdict, candidate, baseline).encode())
    path = out / "proof.zip"
    sealed = proof.write(
        path,
        spec=request.spec.text,
        verdict=verdict,
        candidate=candidate,
        baseline=baseline,
        folders={"candidate": out / "candidate", "baseline": out / "baseline"},
    )
    try:
        last = await asyncio.to_thread(request.store.last)
        kept = with_odds(with_history(candidate, baseline, verdict), baseline, verdict, last)
        await asyncio.to_thread(request.store.save, kept, verdict.verdict, out / "candidate", request.workflow_run)
    except WorkError as error:
        remarks += (f"this run was not kept as a baseline: {error}",)
    return Outcome(verdict, candidate, baseline, out, path, sealed, remarks)


def keep_partial(out: Path, candidate: Run, baseline: Run | None) -> Path:
    """Write the runs below `out`, and say where."""
    write(out / "candidate" / "run.json", candidate.to_json())
    if baseline is not None:
        write(out / "baseline" / "run.json", baseline.to_json())
    return out


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(path)
