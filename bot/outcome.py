"""What one pass leaves behind: the files of `--out`, and the exit code."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot import proof
from bot.baseline.history import with_history
from bot.baseline.resuming import with_odds
from bot.baseline.store import Store
from bot.baseline.telling import with_closed, with_lapses, with_previous, with_said
from bot.model import Run, Verdict
from bot.model.errors import FIRST_RUN, INCONCLUSIVE, NO_WORK, STABLE, UNSTABLE, UsageError, WorkError
from bot.report import comment, html, summary, text
from bot.spec import Spec

EXIT_CODES = {"stable": STABLE, "first run": FIRST_RUN, "unstable": UNSTABLE, "inconclusive": INCONCLUSIVE}
RESULTS = ("verdict.json", "comment.md", "summary.md", "report.txt", "report.html", "proof.zip")
"""The files that say how a pass ended."""


@dataclass(frozen=True)
class Outcome:
    """A verdict, and where its proof is.

    `kept` is the digest of the run as a store has it; None where none has it. `refused` is what the deploy platform
    refused after there was a candidate, in words: the verdict says how far it came.
    """

    verdict: Verdict
    candidate: Run
    baseline: Run | None
    folder: Path
    proof: Path
    proof_digest: str
    remarks: tuple[str, ...]
    kept: str | None = None
    refused: str | None = None

    @property
    def exit_code(self) -> int:
        """What the command line ends in. A platform that refused is 4, whatever is known besides."""
        return NO_WORK if self.refused is not None else EXIT_CODES[self.verdict.verdict]


@dataclass(frozen=True)
class Request:
    """All that one pass of the pipeline needs.

    `commit` is what to deploy, as git names it; `repository` the checkout it is in; `out` the folder for everything that
    is kept of this pass; `state` the folder in which a target remembers what it did between passes. `issues` finds the
    issues that a stable verdict closes, and of each whether it was named as to be proven; it is asked once there is one.
    `settles` says whether verdicts reopen issues as well. With `hands_over` false, the traffic goes back to the revision
    before, whatever the verdict. `learned` is told each secret that a probe comes upon, such as a session's token.
    """

    spec: Spec
    commit: str | None
    repository: Path
    out: Path
    state: Path
    store: Store
    vantage: str
    workflow_run: str | None = None
    issues: Callable[[], Mapping[int, bool]] = dict
    settles: bool = False
    hands_over: bool = True
    learned: Callable[[str], None] | None = None


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
    request: Request,
    verdict: Verdict,
    candidate: Run,
    baseline: Run | None,
    remarks: tuple[str, ...],
    *,
    stored: bool = True,
    refused: str | None = None,
) -> Outcome:
    """Write the runs, the verdict, the reports and the proof below `request.out`, and the run to the baseline store.

    A baseline store that fails is a remark: it does not take the verdict away. A run that is not `stored` is one that a
    newer one has taken the place of. `refused` is what the platform refused meanwhile, in words.
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
    if not stored:
        return Outcome(verdict, candidate, baseline, out, path, sealed, remarks, refused=refused)
    try:
        last, unread = await asyncio.to_thread(request.store.last)
        remarks += tuple(each for each in unread if each not in remarks)
        kept = with_odds(with_history(candidate, baseline, verdict), baseline, verdict, last)
        issues = await asyncio.to_thread(request.issues) if verdict.verdict == "stable" else {}
        kept = with_previous(with_lapses(kept, verdict) if request.settles else kept, verdict, request.workflow_run)
        kept = with_closed(kept, verdict, issues)
        kept = with_said(kept, last)
        await asyncio.to_thread(request.store.save, kept, verdict.verdict, out / "candidate", request.workflow_run)
        digest = kept.model_copy(update={"provenance": None}).fingerprint()
    except WorkError as error:
        digest = None
        remarks += (f"this run was not kept as a baseline: {error}",)
    return Outcome(verdict, candidate, baseline, out, path, sealed, remarks, digest, refused)


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
