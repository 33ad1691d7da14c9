"""Putting one verdict where it belongs; what a permission is missing for is left out, with one line that says which.

Two runs may be about one commit at once, and the older may end last. Each looks at the statuses of the commit, which can
only be added to, before it writes and once it has written: the one that began last has the word. An older one that finds
the newer one's end repeats it wherever it wrote; a newer one that finds an older one about writes once more what it wrote.
The final status comes last of all that a run writes, so that whoever sees it can rely on the rest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from bot.github import gate, issues, links
from bot.github.annotations import Annotation
from bot.github.client import MISREAD, Client, Denied
from bot.github.comment import Sticky, marker
from bot.github.deployments import Deployments
from bot.github.event import Activity
from bot.github.gate import Final, Gate, Others
from bot.github.issues import IssueOutcome
from bot.github.links import Links
from bot.github.owed import Owed, Thing
from bot.github.places import Places, numbers_of
from bot.github.turn import Turn
from bot.model import Lapse
from bot.model.errors import GitHubError

_T = TypeVar("_T")
MOST_LAPSES = 10


@dataclass(frozen=True)
class Texts:
    """A verdict as GitHub shows it. `url` is where the service answers, `kept` the digest of the run as it is kept.

    `lost` is whether it is inconclusive only because there was nothing to compare with.
    """

    verdict: str
    comment: str
    status: str
    title: str
    summary: str
    annotations: Sequence[Annotation] = ()
    url: str | None = None
    kept: str | None = None
    lost: bool = False


@dataclass
class Publication:
    """What was done. `lines` say it in words; `denied` what a permission was missing for, `failed` what GitHub failed.

    `owed` is what is still to be closed: GitHub would not take it.
    """

    comment_url: str | None = None
    outcomes: list[IssueOutcome] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    owed: set[Thing] = field(default_factory=set)


class Publisher:
    """One verdict's way to GitHub."""

    def __init__(
        self, client: Client, activity: Activity, sha: str, service: str, environment: str, run_url: str | None
    ) -> None:
        self.client = client
        self.activity = activity
        self.sha = sha
        self.gate = Gate(client, sha, f"{service} / {environment}", run_url)
        self.sticky = Sticky(client, marker(service, environment))
        self.deployments = Deployments(client, sha, service, environment, run_url)
        self.done = Publication()
        self.check: int | None = None
        self.deployment: int | None = None
        self.turn: Turn | None = None
        self._where: Links | None = None
        self._linked: dict[str, frozenset[int]] = {}
        self.sticky.believes = self._believes

    def begin(self) -> None:
        """Say that the proof is under way. Nothing here is worth stopping for."""
        self.turn = self._try("the status", lambda: self.gate.status("pending", "The proof is under way"))
        self.check = self._try("the check", self.gate.begin_check)
        if self.activity.hands_over:  # what somebody else deployed has their record
            self.deployment = self._try("the deployment record", self.deployments.begin)

    def closes(self) -> dict[int, bool]:
        """The issues that a stable verdict closes, and of each whether `Proof:` names it. Never an error: `publish` says
        what could not be found out."""
        where = self._links() or Links((), (), ())
        return {each: each in where.proofs for each in where.issues if each not in where.pull_requests}

    def publish(
        self,
        texts: Texts,
        close: Literal["stable", "never"],
        lapses: Mapping[int, Lapse] | None = None,
        mended: Mapping[int, Lapse] | None = None,
    ) -> Publication:
        """Write the comments, settle the issues, end the check, the deployment record and the status. All that can be
        done is done. `lapses` are issues that earlier changes closed, on probes that are bad now; `mended` those that
        lapsed, and whose probes hold again.

        Raises:
            GitHubError: GitHub was out of reach for some of it.
        """
        self.done = Publication()
        where = self._links() or Links(numbers_of(self.activity.pull_request), (), ())
        if where.failed:
            self.done.failed.append(f"the linked issues: {where.failed}")
        if where.denied:
            self.done.denied.append(f"what GitHub lists as linked was left out: {where.denied}")
        turn = self.turn or self._late_turn()
        work = Places(self, texts, close, where, turn)
        before = self._others(turn)
        if before.newer is not None:
            self._give_way(before.newer, None)
        else:
            work.closing = (*self._closing(where), *(self._doubtful(where) if texts.verdict != "stable" else ()))
            work.lapses = dict(self._lapsed(lapses or {}, work.closing, issues.gone))
            work.mended = dict(self._lapsed(mended or {}, work.closing, issues.closed))
            for number in work.mended:
                self.done.lines.append(f"what #{number} was reopened for holds again: close it if nothing else is left")
            work.write()
            self._end_check(texts, turn)
        if self.activity.hands_over:
            self._end_record(texts.verdict, texts.kept, texts.url)
        if before.newer is None:
            self._end_status(texts)
            after = self._others(turn)
            if after.newer is not None:
                self._give_way(after.newer, work)
            elif after.older:
                work.write()
                # of two checks of one name GitHub shows the one that was completed last
                self._end_check(replace(texts, annotations=()), turn)
        self.done.comment_url = work.url
        self.done.outcomes = list(work.outcomes.values())
        self.done.lines += [each.sentence for each in self.done.outcomes]
        self.done.lines += where.left
        self.done.lines += [f"{each} is in another repository, and is not written to" for each in where.elsewhere]
        self.done.denied = list(dict.fromkeys(self.done.denied))
        if self.done.failed:
            raise GitHubError(f"the verdict could not be put on GitHub: {'; '.join(dict.fromkeys(self.done.failed))}")
        return self.done

    def abandon(self, reason: str) -> bool:
        """Close what `begin` opened, when there will be no verdict. That of a newer run is not written over.

        Returns:
            Whether all of it is closed.
        """
        failed = len(self.done.failed)
        if self.activity.hands_over:
            self._try("the deployment record", lambda: self.deployments.abandon(self.deployment, reason))
        self._abandon_gate(reason)
        return len(self.done.failed) == failed

    def _abandon_gate(self, reason: str) -> None:
        newer = self._others(self.turn).newer if self.turn else None
        if newer is not None:
            self._give_way(newer, None)
            return
        self._try("the check", lambda: self.gate.cancel_check(self.check, reason))
        self._try("the status", lambda: self.gate.status("error", reason))

    def attempt(self, what: str, act: Callable[[], _T]) -> _T | None:
        """Do one thing; what keeps it from being done is noted, and stops nothing else."""
        return self._try(what, act)

    def _links(self) -> Links | None:
        if self._where is None:
            self._where = self._try(
                "the pull request", lambda: links.find(self.client, self.sha, self.activity.pull_request)
            )
        return self._where

    def _late_turn(self) -> Turn:
        """The turn of a run that began with no status. One that only judges again comes before one that is under way:
        that one measures anew."""
        judges = self.activity.kind == "judge"
        under_way = self._try("the other runs", self.gate.under_way) if judges else None
        return under_way.just_before if under_way else Turn(self.client.now(), 0, self.sha)

    def _believes(self, claim: Turn, number: int | None) -> bool:
        """Whether a run that a comment on this number names as newer than ours is one, and is about that number too."""
        try:
            if not self.gate.confirms(claim):
                return False
            if claim.commit == self.sha:
                return True
            if claim.commit not in self._linked:
                found = links.find(self.client, claim.commit, None)
                self._linked[claim.commit] = frozenset((*found.pull_requests, *found.issues, *found.doubtful))
            return number in self._linked[claim.commit]
        except (GitHubError, *MISREAD):
            return False  # what is not known is not believed

    def _others(self, turn: Turn) -> Others:
        return self._try("the other runs", lambda: self.gate.others(turn)) or Others(None, older=False)

    def _end_check(self, texts: Texts, turn: Turn) -> None:
        conclusion, summary = gate.CONCLUSIONS[texts.verdict], f"{turn.line}\n{texts.summary}"
        self._end(
            "check",
            lambda: self.gate.end_check(self.check, conclusion, texts.title, summary, annotations=texts.annotations),
        )

    def _end_status(self, texts: Texts) -> None:
        self._end("status", lambda: self.gate.status(gate.STATES[texts.verdict], texts.status))

    def _end_record(self, verdict: str, kept: str | None, url: str | None) -> None:
        self._end("record", lambda: self.deployments.end(self.deployment, verdict, kept, url))

    def pay(self, owed: Owed) -> None:
        """Close what is owed, as it was judged. Status and check are a newer run's, where one has the word by now."""
        if "record" in owed.things:
            self._end_record(owed.verdict, owed.kept, owed.url)
        newer = self._others(self.turn).newer if self.turn else None
        if newer is not None:
            self._give_way(newer, None)
            return
        if "check" in owed.things:
            where = f": {self.gate.url}" if self.gate.url else ""
            summary = f"GitHub would not take the report while the job ran. It is on the job's page{where}"
            conclusion = gate.CONCLUSIONS[owed.verdict]
            self._end("check", lambda: self.gate.end_check(self.check, conclusion, owed.title, summary))
        if "status" in owed.things:
            self._end("status", lambda: self.gate.status(gate.STATES[owed.verdict], owed.status))

    def _end(self, thing: Thing, act: Callable[[], object]) -> None:
        """Close one thing that was opened; what GitHub does not take is owed."""
        failed = len(self.done.failed)
        self._try("the deployment record" if thing == "record" else f"the {thing}", act)
        if len(self.done.failed) > failed:
            self.done.owed.add(thing)
        else:
            self.done.owed.discard(thing)

    def _give_way(self, newer: Final, work: "Places | None") -> None:
        """A run that began after this one has ended: its word stands wherever ours would."""
        line = f"a newer run of this commit has the word: {newer.url}"
        self.done.lines.append(line)
        theirs = self._try("the check of the newer run", lambda: self.gate.ended_by(newer.url))
        conclusion, title, summary = theirs or ("cancelled", "A newer run has the word", line)
        self._end("check", lambda: self.gate.end_check(self.check, conclusion, title, summary))
        if work is not None:
            work.restore(newer, summary if theirs else None)
        if not newer.on_top:
            self._end("status", lambda: self.gate.status(newer.state, newer.description, newer.url))

    def _closing(self, where: Links) -> Iterator[int]:
        """Those that are issues. A number that somebody mistyped, or that is a pull request, is said and left alone."""
        for number in self.closes() if self._where else where.issues:
            if number in where.certain:
                yield number
                continue
            before = len(self.done.failed) + len(self.done.denied)
            why = self._try(f"issue #{number}", lambda number=number: issues.there(self.client, number))  # type: ignore[misc]
            if why is not None:
                self.done.lines.append(why)
            elif len(self.done.failed) + len(self.done.denied) == before:
                yield number

    def _doubtful(self, where: Links) -> Iterator[int]:
        """Those that the merge closed, though an outsider has changed the words that said so."""
        for number, at in where.doubtful.items():
            if self._try(
                f"issue #{number}",
                lambda number=number, at=at: issues.closed_by_the_merge(self.client, number, at),  # type: ignore[misc]
            ):
                yield number

    def _lapsed(
        self, lapses: Mapping[int, Lapse], closing: Sequence[int], unless: Callable[[Client, int], str | None]
    ) -> Iterator[tuple[int, Lapse]]:
        """Those that something is to be said of, and why not of others. What this change closes, its verdict settles."""
        for number, lapse in list(lapses.items())[-MOST_LAPSES:]:
            if number in closing:
                continue
            before = len(self.done.failed) + len(self.done.denied)
            why = self._try(f"issue #{number}", lambda number=number: unless(self.client, number))  # type: ignore[misc]
            if why is not None:
                self.done.lines.append(why)
            elif len(self.done.failed) + len(self.done.denied) == before:
                yield number, lapse

    def _try(self, what: str, act: Callable[[], _T]) -> _T | None:
        try:
            return act()
        except Denied as error:
            self.done.denied.append(f"{what} was left out: {error}")
        except GitHubError as error:
            self.done.failed.append(f"{what}: {error}")
        except MISREAD as error:
            self.done.failed.append(f"{what}: GitHub's answer is not as GitHub describes it: {type(error).__name__}")
        return None
