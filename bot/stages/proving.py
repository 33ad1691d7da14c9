"""The activity that the product is for: one commit deployed, proven, and its verdict put where it belongs."""

import asyncio
import re
from pathlib import Path

from bot import pipeline, report
from bot.baseline.telling import lapses, mended
from bot.commands import until_signalled
from bot.github import annotations, commands
from bot.github.environment import Environment
from bot.github.event import Activity
from bot.github.gate import DESCRIPTION
from bot.github.owed import Owed
from bot.github.publisher import Publication, Texts
from bot.model.errors import NO_WORK, DeployError, GitHubError, StabilityProofError, UsageError
from bot.outcome import Outcome, Request, make_room
from bot.safety.failures import in_words
from bot.stages.ground import FULL_SHA, Ground
from bot.stages.kinds import keeping, labelled, noted, only_the_baseline_is_missing
from bot.stages.order import in_order
from bot.stages.refreshing import upon_what_serves
from bot.stages.saying import left_out, masked, no_verdict, say, say_raw


def prepared(environment: Environment, asked: Activity, commit: str) -> "Proof":
    """What proves one commit.

    Raises:
        StabilityProofError: the spec, the commit or the token is not what it should be. Nothing was done yet.
    """
    home = Path(environment.inputs.get("working-directory", "."))
    ground = Ground(environment, asked, _full(home, commit))
    ground.demand_a_lasting_store()
    if asked.kind == "refresh":
        return Proof(upon_what_serves(ground))
    return Proof(in_order(ground) if asked.kind == "prove" else ground)


class Proof:
    """One proof of one commit, and what the runner and GitHub are told of it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.environment = ground.environment
        self.spec = ground.spec
        self.publisher = ground.publisher()

    def run(self) -> int:
        """Prove it, and give the exit code.

        Raises:
            StabilityProofError: there is no verdict. The gate is closed, and what was observed is saved.
        """
        self.ground.mask_secrets()
        say(f"Proving {self.ground.commit}: {self.ground.asked.reason}.")
        # an earlier command of the same comment may be done already, and this one is not
        self._save(
            begun="true", done="", check="", deployment="", turn="", state=str((self.ground.out / "state").resolve())
        )
        if self.publisher:
            self.publisher.begin()
            opened = {"check": self.publisher.check, "deployment": self.publisher.deployment}
            opened["turn"] = self.publisher.turn.number if self.publisher.turn else None
            self._save(**{name: str(number or "") for name, number in opened.items()})
        try:
            make_room(self.ground.out)
            outcome = until_signalled(pipeline.run(self._request(), say))
        except StabilityProofError as error:
            self._give_up(str(error), error.exit_code)
            raise
        except Exception as error:
            self._give_up(in_words(error), NO_WORK)
            raise
        code = self.tell(outcome)
        self._save(done="true")
        return code

    def tell(self, outcome: Outcome) -> int:
        """Publish, and leave outputs, summary and proof.

        GitHub out of reach is exit code 4, as is a deploy platform that refused; both lose nothing.
        """
        verdict = outcome.verdict
        say(report.text(verdict))
        summary = report.summary(verdict, self.ground.links())
        commands.summarise(self.environment.summary, noted(summary, self.ground.asked))
        remarks, code, publication = [*outcome.remarks], outcome.exit_code, Publication()
        if outcome.refused is not None:
            say_raw(commands.error(f"{self.ground.redactor.text(outcome.refused)}; the verdict says how far it came"))
        if self.publisher:
            try:
                # what was seen is not new where it is judged again: issues were reopened then, and may be closed since
                judges = self.ground.asked.kind == "judge"
                closed = outcome.candidate.closed
                lapsed = {} if judges else lapses(closed, verdict)
                again = mended(closed, verdict)
                publication = self.publisher.publish(self._texts(outcome), self.spec.issue.close, lapsed, again)
            except GitHubError as error:
                say_raw(commands.error(f"{error}; the verdict, {verdict.verdict}, is in {outcome.folder}"))
                code, publication = NO_WORK, self.publisher.done
            # from here on a job that is killed has its verdict, and nothing to give up
            self._save(done="true", **self._owed(outcome))
        if self.ground.artifacts and self.environment.runtime_token:
            try:
                self.ground.artifacts.upload(self.ground.proof_name(), outcome.proof.read_bytes())
            except GitHubError as error:
                remarks.append(f"the proof was not uploaded: {error}")
        left_out(self.environment, publication)
        for line in (*publication.lines, *publication.denied, *remarks):
            say(line)
        commands.assign(self.environment.output, self._outputs(outcome, publication, code))
        return code

    def _owed(self, outcome: Outcome) -> dict[str, str]:
        """What the stage after the job is to close, where GitHub would not take it."""
        if self.publisher is None or not self.publisher.done.owed:
            return {"owed": ""}
        texts = self._texts(outcome)
        things = tuple(sorted(self.publisher.done.owed))
        owed = Owed(things, texts.verdict, texts.status[:DESCRIPTION], texts.title, texts.kept, texts.url)
        return {"owed": owed.to_text()}

    def _give_up(self, why: str, code: int) -> None:
        why = self.ground.redactor.text(why)
        closed = self.publisher.abandon(why) if self.publisher else True
        no_verdict(self.environment, why, code)
        if closed:
            self._save(done="true")
        else:  # the stage after the job tries again
            self._save(why=why[:DESCRIPTION])

    def _outputs(self, outcome: Outcome, publication: Publication, code: int) -> dict[str, str]:
        bad = sum(1 for each in outcome.verdict.findings if each.status in ("broken", "regressed") and not each.waiver)
        return {
            "verdict": outcome.verdict.verdict,
            "risk": outcome.verdict.risk,
            "readiness": outcome.verdict.readiness,
            "exit-code": str(code),
            "regressed": str(bad),
            "comment-url": _address(publication.comment_url),
            "proof-path": str(outcome.proof),
            "proof-digest": outcome.proof_digest,
        }

    def _texts(self, outcome: Outcome) -> Texts:
        verdict, links, asked = outcome.verdict, self.ground.links(), self.ground.asked
        return Texts(
            verdict=verdict.verdict,
            comment=noted(report.comment(verdict, links), asked),
            status=labelled(report.status_line(verdict), asked),
            title=labelled(report.check_title(verdict), asked),
            summary=noted(report.comment(verdict, links), asked),
            annotations=annotations.of(verdict.findings, annotations.in_the_spec(self.spec.text, self._spec_path())),
            url=verdict.candidate.url,
            kept=outcome.kept,
            lost=only_the_baseline_is_missing(verdict),
        )

    def _spec_path(self) -> str:
        """The spec's path from the root of the checkout, as annotations name it."""
        path = (self.ground.home / self.environment.inputs.get("spec", "stability.yml")).resolve()
        root = next((each for each in path.parents if (each / ".git").exists()), Path.cwd())
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name

    def _request(self) -> Request:
        asked = self.ground.asked
        recorded = not asked.hands_over or (self.publisher is not None and self.publisher.deployment is not None)
        store = self.ground.compared() if recorded else self.ground.store()
        return Request(
            spec=self.spec,
            commit=self.ground.commit,
            repository=self.ground.home,
            out=self.ground.out,
            state=self.ground.out / "state",
            store=keeping(store, asked),
            vantage=self.environment.runner,
            workflow_run=self.environment.run_url,
            issues=self.publisher.closes if self.publisher and asked.writes_issues else dict,
            settles=self.publisher is not None and asked.writes_issues,
            hands_over=asked.hands_over,
            learned=masked,
        )

    def _save(self, **values: str) -> None:
        """What the stage after the job will need."""
        fixed = {
            "commit": self.ground.commit,
            "service": self.spec.service,
            "environment": self.spec.environment,
            "publish": "true" if self.publisher else "false",
            "kind": self.ground.asked.kind,
        }
        commands.assign(self.environment.state, fixed | values)


def _address(url: str | None) -> str:
    """What may stand in an output: outputs end up in the shells of the steps that follow."""
    return url if url and re.fullmatch(r"https?://[\w.:/#%~?=&\[\]-]+", url, re.ASCII) else ""


def _full(home: Path, commit: str) -> str:
    """The full SHA, which is all that a status can be written to; the input may be a short one, a tag or a branch.

    Raises:
        UsageError: the checkout does not know it.
    """
    if FULL_SHA.fullmatch(commit):
        return commit
    from bot.deploy import trees

    try:
        return asyncio.run(trees.resolve(home, commit))
    except DeployError as error:
        raise UsageError(f"the input commit is no full SHA, and {error}") from None
