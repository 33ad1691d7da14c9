"""What an inconclusive session leaves to the next, and when the next may take it up."""

from bot.baseline.store import GOOD_WORDS
from bot.model import Carried, Left, Run, Verdict
from bot.model.carried import MOST_LEFT, MOST_SERIES, MOST_SESSIONS


def carried_on(last: Run | None, commit: str | None, against: str, spec: str) -> Carried | None:
    """What the last run holds for this very commit, beside the same revision, by the same spec."""
    wanted = (commit, against, spec)
    found = [each.carried for each in (last.left if last else ()) if (each.commit, each.against, each.spec) == wanted]
    return found[-1] if found else None


def with_odds(candidate: Run, baseline: Run | None, verdict: Verdict, last: Run | None = None) -> Run:
    """The candidate's run as it is kept: with the odds that this session and those before it have come to.

    What the `last` kept run holds for other commits is kept on, so that a deploy in between loses nothing: the newest
    `MOST_LEFT`. Once there is a good revision, the next session will be compared with that one: what is kept then is only
    what was measured beside it, where it is the one before measured again.
    """
    if verdict.verdict in GOOD_WORDS:
        beside = tuple(each for each in (last.left if last else ()) if each.against == candidate.name)
        return candidate.model_copy(update={"carried": None, "left": beside})
    own = _left(candidate, baseline, verdict)
    others = tuple(each for each in (last.left if last else ()) if not _is_of(each, candidate, baseline))
    return candidate.model_copy(update={"carried": None, "left": (*others, *own)[-MOST_LEFT:]})


def _is_of(left: Left, candidate: Run, baseline: Run | None) -> bool:
    """Whether it was left to this very session, which has taken it up."""
    pair = baseline is None or (left.against, left.spec) == (baseline.name, candidate.spec)
    return left.commit == candidate.subject.commit and pair


def _left(candidate: Run, baseline: Run | None, verdict: Verdict) -> tuple[Left, ...]:
    """What this session leaves to the next of the same two revisions: nothing, where there is a verdict."""
    before, commit = candidate.carried, candidate.subject.commit
    odds = {each.id: each.comparison.odds for each in verdict.findings if each.comparison and each.comparison.odds}
    if before is not None:
        odds = {**before.series, **odds}  # a series that this session hardly saw keeps what it had
    if verdict.verdict != "inconclusive" or baseline is None or commit is None or not verdict.side_by_side or not odds:
        return ()
    if before is not None and before.sessions >= MOST_SESSIONS:
        return ()  # so many have shown nothing: what rests on more runs than can be named is not carried on
    left = Left(
        commit=commit,
        against=baseline.name,
        spec=candidate.spec,
        earlier=(*(before.earlier if before else ()), verdict.inputs.candidate),
        series=dict(sorted(odds.items())[:MOST_SERIES]),
    )
    return (left,)
