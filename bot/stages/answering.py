"""What each command of a comment does, and the words in which it is answered."""

import copy
import dataclasses
import difflib
import re
from typing import NamedTuple

from bot import proof, report
from bot.composing import now
from bot.github import bound
from bot.github.bound import Bound
from bot.github.chat import CALL, COMMANDS, MOST_COMMANDS, Command, Mistake
from bot.github.client import Client, Denied, Missing
from bot.github.environment import Environment
from bot.github.event import Activity
from bot.github.permission import Right
from bot.github.said import Said
from bot.model import Mark, Run, Verdict, digest
from bot.model.errors import STABLE, GitHubError, StabilityProofError, UsageError
from bot.outcome import EXIT_CODES
from bot.proof import Contents
from bot.safety.escape import Markdown, code_span, prose, sentence
from bot.safety.redact import Redactor
from bot.stages.accepting import accepted, is_of_another_session, judged_again, with_kept
from bot.stages.ground import FULL_SHA, Ground
from bot.stages.proving import Proof

FETCHED, SHOWN = "fetched-proof.zip", "shown-proof.zip"


class Answer(NamedTuple):
    """What is said to one command, as Markdown, and whether it was done."""

    text: str
    done: bool = True
    code: int = STABLE


class Answering:
    """Answers the commands of one comment, one after the other.

    `told` is whether a verdict was published; each later command goes on from what an earlier one has left.
    """

    def __init__(self, environment: Environment, said: Said, right: Right, client: Client) -> None:
        self.environment = environment
        self.said = said
        self.right = right
        self.client = client
        self.told = False
        self._ground: Ground | None = None
        self._fetched = False
        self._made_here = False

    def answer(self, asked: Command | Mistake) -> Answer:
        """Carry one command out. What stands in its way is said, and is no error of the job."""
        if isinstance(asked, Mistake):
            form = code_span(f"{CALL} {asked.form}")
            return Answer(f"{code_span(asked.said)}: {sentence(asked.why)}. The nearest is {form}.", done=False)
        needed = COMMANDS[asked.name].level
        if not self.right.suffices(needed):
            why = f" {prose(self.right.why)}." if self.right.why else ""
            text = f"{code_span(asked.name)} is for those who may write to this repository.{why}"
            return Answer(text, done=False)
        acts = {
            "explain": self._explain,
            "rerun": self._rerun,
            "accept": self._accept,
            "pin": self._pin,
            "unpin": self._unpin,
            "invalidate": self._invalidate,
            "help": self._help,
        }
        try:
            return acts[asked.name](asked)
        except UsageError as error:
            return self._refused(asked, error, STABLE)
        except StabilityProofError as error:
            return self._refused(asked, error, error.exit_code)

    def _refused(self, asked: Command, error: StabilityProofError, code: int) -> Answer:
        redactor = self._ground.redactor if self._ground else Redactor(self.environment.secrets())
        why = redactor.text(str(error)).rstrip(".")
        return Answer(f"{code_span(f'{CALL} {asked.name}')} was not done: {prose(why)}.", done=False, code=code)

    def _help(self, _asked: Command) -> Answer:
        rows = [
            f"| {code_span(f'{CALL} {each.form}')} | {sentence(each.does)} | {prose(each.level)} |"
            for each in COMMANDS.values()
        ]
        head = "| Write on a line of its own | and the bot | for those who may |\n|---|---|---|\n"
        return Answer(f"{head}{chr(10).join(rows)}\n\nOf one comment the first {MOST_COMMANDS} commands are read.")

    def _explain(self, asked: Command) -> Answer:
        contents, sealed = self._proof()
        names = list(dict.fromkeys(each.probe for each in contents.verdict.findings))
        probe = next((each.probe for each in contents.verdict.findings if asked.about in (each.probe, each.id)), None)
        if probe is None:
            near = difflib.get_close_matches(asked.about, names, n=1, cutoff=0.3)
            nearest = f"; the nearest is {near[0]}" if near else f"; there is {', '.join(names[:10])}"
            raise UsageError(f"the verdict says nothing of a probe {asked.about!r}{nearest}")
        return Answer(report.explanation(contents.verdict, probe, self._bound_ground().proof_name(), sealed))

    def _rerun(self, _asked: Command) -> Answer:
        ground = self._bound_ground()
        last, _ = ground.store().last()
        newest = last.subject.commit if last else None
        if ground.commit not in (newest, self.environment.sha):
            shown = newest or self.environment.sha
            raise UsageError(
                f"{ground.commit[:12]} is not the newest commit: {shown[:12]} is, and proving the older one again would"
                " deploy it over that; start the workflow by hand with the input `commit` if it is meant"
            )
        code = Proof(ground).run()
        self.told = self._made_here = True
        verdict = Verdict.from_json((ground.out / "verdict.json").read_bytes(), "verdict.json")
        text = f"{code_span(ground.commit[:12])} was proven again: **{prose(verdict.verdict)}**. {_why(verdict)}"
        return Answer(text, code=code)

    def _accept(self, asked: Command) -> Answer:
        ground = self._bound_ground()
        contents, _ = self._proof()
        reason = ground.redactor.text(asked.reason)
        last, unread = ground.store().last()
        if last is None and unread:  # it might be a newer one, and would be written over
            raise GitHubError(f"what is kept cannot be read: {'; '.join(unread[:3])}")
        contents = with_kept(contents, last)
        shown = self._shown(contents)
        finding, candidate = accepted(contents, dataclasses.replace(asked, reason=reason), self.said, shown)
        newest = (last.subject.commit if last else self.environment.sha) == ground.commit
        newest = newest and (last is None or last.finished <= candidate.finished)
        again = copy.copy(ground)
        again.asked = dataclasses.replace(ground.asked, kind="judge")
        judged = Proof(again)
        issues = judged.publisher.closes if judged.publisher else tuple
        outcome = judged_again(ground, contents, candidate, newest=newest, issues=issues)
        self.told = self._made_here = True
        code = judged.tell(outcome)
        if code == EXIT_CODES[outcome.verdict.verdict]:
            code = STABLE  # what was asked for was done, whatever the verdict is
        until = f" until {asked.until}" if asked.until else ""
        as_of = "is now" if shown is contents else "was when that was written: it was measured again since"
        was, now_is = (
            f"**{prose(contents.verdict.verdict)}**",
            f"**{prose(outcome.verdict.verdict)}**",
        )
        words = [
            f"{code_span(finding.id)} is accepted{until}, as bad as it {as_of}.",
            f"The verdict on {code_span(ground.commit[:12])} was {was} and is {now_is}. {_why(outcome.verdict)}",
        ]
        if _rolled_back(candidate):
            words.append(
                "This commit was rolled back, and does not serve:"
                f" {code_span(f'{CALL} rerun')} deploys it again, and takes on what was accepted."
            )
        if not newest:
            words.append("A newer run is kept by now: it, and those after it, do not take this on.")
        words += [f"{prose(each)}." for each in outcome.remarks]
        return Answer(" ".join(words), code=code)

    def _pin(self, asked: Command) -> Answer:
        run = self._anywhere().compared().pin(self._mark(asked))
        return Answer(f"Pinned. {_compared(run)}")

    def _unpin(self, asked: Command) -> Answer:
        self._anywhere().store().unpin(self._mark(asked))
        return Answer(f"Unpinned. {self._compared_now()}")

    def _invalidate(self, asked: Command) -> Answer:
        store = self._anywhere().store()
        try:
            found = self.client.json("contents: read", "GET", f"/repos/{self.client.name}/commits/{asked.about}")
        except Denied:
            raise
        except GitHubError as error:
            raise UsageError(f"GitHub knows no commit {asked.about} here: {error}") from None
        commit = str(found.get("sha")) if isinstance(found, dict) else ""
        if not FULL_SHA.fullmatch(commit):
            raise GitHubError(f"GitHub's answer about the commit {asked.about} is not understood")
        store.invalidate(commit, self._mark(asked))
        return Answer(f"{code_span(commit[:12])} is not compared with any more. {self._compared_now()}")

    def _mark(self, asked: Command) -> Mark:
        reason = self._anywhere().redactor.text(asked.reason)
        return Mark(by=self.said.author, reason=reason, at=now(), source=self.said.url)

    def _compared_now(self) -> str:
        run, remarks = self._anywhere().compared().load()
        return " ".join([_compared(run), *(f"{prose(each)}." for each in remarks[:3])])

    def _anywhere(self) -> Ground:
        """The surroundings, whatever the commit is."""
        return self._ground or self._made_ground(Bound(self.environment.sha))

    def _bound_ground(self) -> Ground:
        """The surroundings of the commit that the comment is about.

        Raises:
            UsageError: there is none.
        """
        if self._ground is None:
            found = self._bound()
            if found.commit is None:
                raise UsageError(found.why)
            self._ground = self._made_ground(found)
        return self._ground

    def _made_ground(self, found: Bound) -> Ground:
        assert found.commit is not None
        asked = Activity(
            found.commit,
            f"asked for by {self.said.author} in {self.said.url}",
            found.pull_request,
            None if self.said.on_pull_request else self.said.number,
        )
        # what is trusted comes from the default branch as it is now, also where the commit is an older one of it
        ground = Ground(self.environment, asked, found.commit, self.environment.sha)
        ground.mask_secrets()
        return ground

    def _bound(self) -> Bound:
        repository = self.environment.event.get("repository") or {}
        default = str(repository.get("default_branch") or "")
        if self.said.on_pull_request:
            return bound.to_pull_request(self.client, self.said.number, default)
        try:
            found = bound.to_issue(self.client, self.said, default)
        except (Denied, Missing):
            found = Bound(why="which pull request closes this issue cannot be seen")
        if found.commit is not None:
            return found
        last, unread = self._anywhere().store().last()
        if last is not None and last.subject.commit is not None and FULL_SHA.fullmatch(last.subject.commit):
            return Bound(last.subject.commit)
        if unread:
            return Bound(why=f"{found.why}, and what is kept cannot be read: {'; '.join(unread[:3])}")
        return Bound(why=f"{found.why}, and there is no kept run: nothing has been proven here yet")

    def _proof(self) -> tuple[Contents, str]:
        """The newest proof of the commit, verified, and its digest.

        Raises:
            StabilityProofError: there is none, or none that can be trusted.
        """
        ground = self._bound_ground()
        path = ground.out / ("proof.zip" if self._made_here else FETCHED)
        if not (self._made_here or self._fetched):
            self._fetch(ground)
        contents = proof.opened(path)
        about = contents.candidate.subject
        if (about.commit, about.service, about.environment) != (
            ground.commit,
            ground.spec.service,
            ground.spec.environment,
        ):
            raise UsageError(f"the proof is of another commit, service or environment than {ground.commit[:12]}")
        return contents, digest(path.read_bytes())

    def _shown(self, contents: Contents) -> Contents:
        """The proof that the comment's author can have seen: the newest from before it was written.

        Raises:
            StabilityProofError: there is none, or none that can be trusted.
        """
        ground = self._bound_ground()
        assert ground.artifacts is not None
        data, _ = ground.artifacts.newest_trusted(ground.proof_name(), until=self.said.at)
        if data is None:
            raise UsageError(
                f"{ground.commit[:12]} was proven since, and no proof of it is from before this comment: look at the"
                " verdict that is there now, and say it again"
            )
        (ground.out / SHOWN).write_bytes(data)
        shown = proof.opened(ground.out / SHOWN)
        return shown if is_of_another_session(shown, contents) else contents

    def _fetch(self, ground: Ground) -> None:
        assert ground.artifacts is not None
        data, refused = ground.artifacts.newest_trusted(ground.proof_name())
        if data is None:
            why = f": {'; '.join(refused[:3])}" if refused else "; it was never uploaded, or has expired"
            raise UsageError(f"there is no proof of {ground.commit[:12]} to go by{why}")
        ground.out.mkdir(parents=True, exist_ok=True)
        (ground.out / FETCHED).write_bytes(data)
        self._fetched = True


def _why(verdict: Verdict) -> Markdown:
    return Markdown(f"{sentence(re.sub(r'[.]$', '', verdict.rules[0]))}.") if verdict.rules else Markdown("")


def _rolled_back(run: Run) -> bool:
    seen = run.observation("rollback")
    return seen is not None and bool(seen.checks)


def _compared(run: Run | None) -> str:
    if run is None:
        return "There is nothing to compare with from now on: the next run is a first one."
    verdict = f", judged {run.provenance.verdict} on {run.provenance.stored[:10]}" if run.provenance else ""
    return f"From now on runs are compared with {code_span(run.name[:40])}{prose(verdict)}."
