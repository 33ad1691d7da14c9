"""What an inconclusive session leaves to the next, and when the next may take it up."""

from bot.model import Carried, Run, Verdict
from bot.model.carried import MOST_SERIES, MOST_SESSIONS


def carried_on(last: Run | None, commit: str | None, against: str, spec: str) -> Carried | None:
    """What the last run left, if it was one of this very commit, beside the same revision, by the same spec."""
    if last is None or last.provenance is None or last.provenance.verdict != "inconclusive":
        return None
    left = last.carried
    same = commit is not None and last.subject.commit == commit
    return left if same and left is not None and (left.against, left.spec) == (against, spec) else None


def with_odds(candidate: Run, baseline: Run | None, verdict: Verdict) -> Run:
    """The candidate's run as it is kept: with the odds that this session and those before it have come to."""
    odds = {each.id: each.comparison.odds for each in verdict.findings if each.comparison and each.comparison.odds}
    if candidate.carried is not None:
        odds = {**candidate.carried.series, **odds}  # a series that this session hardly saw keeps what it had
    if verdict.verdict != "inconclusive" or baseline is None or not verdict.side_by_side or not odds:
        return candidate.model_copy(update={"carried": None})
    left = Carried(
        against=baseline.name,
        spec=candidate.spec,
        sessions=min(MOST_SESSIONS, 1 + (candidate.carried.sessions if candidate.carried else 0)),
        series=dict(sorted(odds.items())[:MOST_SERIES]),
    )
    return candidate.model_copy(update={"carried": left})
