"""What each kind of activity changes in a proof: where it looks, what it keeps, and what it says of itself."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from bot.baseline.store import LAST_GOOD, Store
from bot.deploy.url import UrlTarget
from bot.github.event import Activity, Kind
from bot.github.gate import LABELS
from bot.model import Mark, Reference, Run, Verdict
from bot.safety.escape import code_span, prose
from bot.spec import Spec
from bot.strategy import Strategy

REHEARSED = (
    "This is a rehearsal of a merge that a queue wants to make: whatever the verdict, the traffic was given back, "
    "no issue was touched, and nothing is compared with this commit later."
)
REFRESHED = (
    "This was a refresh of the baseline: the revision that was last shown to be good was measured again. Whatever the "
    "verdict, the traffic was given back, and no pull request or issue was touched."
)
PROBED = "Somebody else deployed this: it was only probed, and nothing was rolled back."
NOTES: dict[Kind, str] = {"rehearse": REHEARSED, "refresh": REFRESHED, "probe": PROBED}
"""In a sentence or two; in a few words they are the gate's `LABELS`."""


@dataclass(frozen=True)
class ReadOnly:
    """A baseline store for what no later revision may be compared with."""

    store: Store

    def load(self) -> tuple[Run | None, tuple[str, ...]]:
        """As `Store.load`."""
        return self.store.load()

    def last(self) -> tuple[Run | None, tuple[str, ...]]:
        """As `Store.last`."""
        return self.store.last()

    def save(
        self,
        run: Run,
        verdict: str,
        folder: Path,
        workflow_run: str | None = None,
        only: Reference | None = None,
    ) -> None:
        """Keep nothing."""

    def pin(self, mark: Mark) -> Run:
        """As `Store.pin`: what a maintainer says is no run's word."""
        return self.store.pin(mark)

    def unpin(self, mark: Mark) -> None:
        """As `Store.unpin`."""
        self.store.unpin(mark)

    def invalidate(self, commit: str, mark: Mark) -> None:
        """As `Store.invalidate`."""
        self.store.invalidate(commit, mark)

    def reference_of_last_good(self) -> dict[str, str] | None:
        """As `Store.reference_of_last_good`."""
        return self.store.reference_of_last_good()


@dataclass(frozen=True)
class Beside(ReadOnly):
    """A baseline store for what is measured again. It takes the place of its own commit's runs, and of no later deploy's.

    The last deploy may have been rolled back: what became of it, and what is said of it, is not over.
    """

    def save(
        self,
        run: Run,
        verdict: str,
        folder: Path,
        workflow_run: str | None = None,
        only: Reference | None = None,
    ) -> None:
        """Keep the run as the last only where the last is of its commit."""
        last, unread = self.store.last()
        own = last.subject.commit == run.subject.commit if last else not unread
        self.store.save(run, verdict, folder, workflow_run, only if own else LAST_GOOD)


def keeping(store: Store, asked: Activity) -> Store:
    """The store as an activity may write to it."""
    if asked.kind == "refresh":
        return Beside(store)
    return store if asked.keeps_baseline else ReadOnly(store)


def aimed(spec: Spec, asked: Activity) -> Spec:
    """The spec, pointed at what somebody else deployed: nothing is deployed then, and nothing rolled back."""
    if asked.kind != "probe":
        return spec
    target = spec.target
    if asked.url is not None and isinstance(target, UrlTarget):
        target = target.model_copy(update={"url": asked.url})
    return dataclasses.replace(spec, target=target, strategy=Strategy(rollback="never"))


def noted(markdown: str, asked: Activity) -> str:
    """A report that says below its first line what kind of proof this was, and that it undid a newer deploy."""
    notes = [f"*{prose(NOTES[asked.kind])}*"] if asked.kind in NOTES else []
    if asked.over is not None:
        newer = code_span(asked.over[:12])
        notes.append(
            f"**An older commit:** it comes before {newer}, which was deployed here already, and was deployed over that"
            f" because somebody asked for it. If it was not meant, run the job of {newer} again."
        )
    first, _, rest = markdown.partition("\n")
    return "\n".join([first, *(f"\n{each}" for each in notes), rest]) if notes else markdown


def only_the_baseline_is_missing(verdict: Verdict) -> bool:
    """Whether it is inconclusive for want of a run to compare with alone: whatever was looked at held, and it serves."""
    missing = {
        each.probe
        for each in verdict.findings
        if each.waiver is None and each.status == "not measured" and each.probe not in ("rollback", "rollout")
    }
    undone = any(each.probe == "rollback" and each.kind == "check" for each in verdict.findings)
    return verdict.verdict == "inconclusive" and missing == {"baseline"} and not undone


def labelled(line: str, asked: Activity) -> str:
    """A line that says it in front."""
    return f"{LABELS[asked.kind]}: {line}" if asked.kind in LABELS else line
