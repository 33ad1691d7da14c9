"""What a maintainer accepts: one finding of a stored proof, as bad as it is; the verdict is then judged again from it."""

import asyncio
import dataclasses
import difflib
import shutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bot.baseline.telling import together
from bot.composing import now
from bot.github.chat import Command
from bot.github.said import Said
from bot.judge import extent, judge, refusal
from bot.model import MOST_WAIVERS, Finding, Run, Waiver
from bot.model.errors import UsageError
from bot.outcome import Outcome, Request, keep, make_room, write
from bot.proof import Contents
from bot.safety.escape import terminal
from bot.stages.ground import Ground


class Accepted(NamedTuple):
    """The candidate's run with its new waiver."""

    finding: Finding
    candidate: Run


def with_kept(contents: Contents, last: Run | None) -> Contents:
    """The proof with what else was accepted of its run by now: the proof with that may not have been uploaded (yet)."""
    run = contents.candidate
    if last is None or (last.subject.commit, last.finished) != (run.subject.commit, run.finished):
        return contents
    known = run.model_copy(update={"accepted": together(run.accepted, last.accepted)})
    if known.accepted == run.accepted:
        return contents
    verdict = judge(known, contents.baseline, contents.spec.policy, contents.spec.digest)
    return dataclasses.replace(contents, candidate=known, verdict=verdict)


def is_of_another_session(shown: Contents, contents: Contents) -> bool:
    """Whether two proofs of one commit are of two measurements; what was only judged again is of one."""
    one, other = (each.candidate.model_copy(update={"accepted": ()}) for each in (shown, contents))
    return one.fingerprint() != other.fingerprint()


def accepted(contents: Contents, command: Command, said: Said, shown: Contents) -> Accepted:
    """The candidate with what was accepted of it. A command that was carried out already changes nothing.

    `shown` is the proof that its author can have seen: the finding is accepted as bad as it was there.

    Raises:
        UsageError: there is no such finding, it is not one to accept, or its day is over.
    """
    found = _named(shown.verdict.findings, command.about)
    known = contents.candidate.accepted
    if any((each.finding, each.source) == (found.id, said.url) for each in known):
        return Accepted(found, contents.candidate)
    at = now()
    if command.until is not None and command.until < at[:10]:
        raise UsageError(f"{command.until} is over already")
    why = refusal(found)
    if why is not None:
        raise UsageError(f"{found.id} is not for accepting: {why}")
    others = tuple(each for each in known if each.finding != found.id)
    if len(others) >= MOST_WAIVERS:
        raise UsageError(f"{MOST_WAIVERS} findings are accepted already; let some of them expire")
    new = Waiver(
        finding=found.id,
        by=said.author,
        reason=command.reason,
        until=command.until,
        at=at,
        source=said.url,
        extent=extent(found, shown.baseline),
    )
    return Accepted(found, contents.candidate.model_copy(update={"accepted": (*others, new)}))


def judged_again(
    ground: Ground,
    contents: Contents,
    candidate: Run,
    *,
    newest: bool,
    issues: Callable[[], tuple[int, ...]] = tuple,
) -> Outcome:
    """Judge the stored runs again, and leave what a pass leaves: reports, a new proof, and the run in the store.

    By the proof's own spec: the one that is checked out may be another by now. A run that is not the `newest` is not
    kept: a newer one is what the next is compared with. `issues` are those that a stable verdict closes.

    Raises:
        UsageError: the results cannot be written.
    """
    out = ground.out
    make_room(out)
    for side in ("candidate", "baseline"):
        shutil.rmtree(out / side, ignore_errors=True)
    for name, data in contents.evidence.items():
        write(out / name, data)
    verdict = judge(candidate, contents.baseline, contents.spec.policy, contents.spec.digest)
    request = Request(
        spec=contents.spec,
        commit=ground.commit,
        repository=ground.home,
        out=out,
        state=out / "state",
        store=ground.store(),
        vantage=candidate.vantage,
        workflow_run=ground.environment.run_url,
        issues=issues,
        settles=True,
    )
    return asyncio.run(keep(request, verdict, candidate, contents.baseline, (), stored=newest))


def _named(findings: Sequence[Finding], about: str) -> Finding:
    """The finding that is meant: by its id, or by its probe where only one of that probe can be meant."""
    exact = next((each for each in findings if terminal(each.id, len(each.id)) == about), None)
    if exact is not None:
        return exact
    bad = [each for each in findings if refusal(each) is None]
    of_probe = [each for each in bad if each.probe == about]
    of_probe = [each for each in of_probe if each.waiver is None] or of_probe
    if len(of_probe) == 1:
        return of_probe[0]
    if of_probe:
        raise UsageError(f"{len(of_probe)} findings of {about} are bad: name one of {_list(of_probe)}")
    if any(each.probe == about for each in findings):
        raise UsageError(f"no finding of {about} is for accepting")
    near = difflib.get_close_matches(about, [each.id for each in (bad or findings)], n=1, cutoff=0.3)
    nearest = f"; the nearest is {near[0]}" if near else f"; there is {_list(bad)}" if bad else ""
    raise UsageError(f"the verdict has no finding {about!r}{nearest}")


def _list(findings: Sequence[Finding], most: int = 5) -> str:
    more = f" and {len(findings) - most} more" if len(findings) > most else ""
    return ", ".join(each.id for each in findings[:most]) + more
