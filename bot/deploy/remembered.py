"""What a target remembers that runs revisions beside one another behind a front of ours, and what follows from it.

It is written before and after each act, so that a killed bot can be made good. What follows is pure.
"""

from typing import Generic, Literal, TypeVar

from bot.model import Value

Act = Literal["deploy", "switch", "rollback", "settle"]


class Placed(Value):
    """One revision, whatever it is that runs. `commit` is what it was made from, where that is known."""

    revision: str
    commit: str | None = None

    @property
    def was_up(self) -> bool:
        """Whether it was up when this was written."""
        raise NotImplementedError


S = TypeVar("S", bound=Placed)


class Remembered(Value, Generic[S]):
    """All that is known of one service.

    `act` is what was begun and is not ended: `deploy` (the candidate is being started and has no traffic), `switch`
    (it has some or all of the traffic, on trial), `rollback` (the traffic goes back) or `settle` (it is accepted).
    `retired` are revisions that are being ended. `keep` says whether anything outlives the bot.
    """

    keep: bool
    serving: S | None = None
    candidate: S | None = None
    retired: tuple[S, ...] = ()
    act: Act | None = None


def heir(memory: Remembered[S], *, serving_up: bool, candidate_up: bool) -> S | None:
    """Which revision has the traffic once nothing is under way.

    The one before, unless the candidate was accepted. Nobody is cut off to give the traffic to a revision that is not up:
    where the one before has ended and the candidate had traffic, the candidate keeps it.
    """
    if not memory.keep:
        return None
    last_resort = memory.serving is not None and not serving_up and memory.act in ("switch", "rollback")
    if candidate_up and (memory.act == "settle" or last_resort):
        return memory.candidate
    return memory.serving if serving_up else None


def said(memory: Remembered[S], chosen: S | None, *, serving_up: bool, candidate_up: bool, ended: str) -> list[str]:
    """What is about to be done, in words; nothing when nothing is half-done. `ended` is what is done with a revision."""
    candidate, serving = memory.candidate, memory.serving
    if not memory.keep:
        up = [each for each, runs in ((candidate, candidate_up), (serving, serving_up)) if each is not None and runs]
        return [f"{each.revision} was not to be kept: it is {ended}" for each in up]
    if candidate is None:
        return [f"{serving.revision} is not up any more"] if serving and serving.was_up and chosen is None else []
    if chosen is candidate:
        why = "had been accepted" if memory.act == "settle" else "is all that is up"
        return [f"{candidate.revision} {why}: it serves now"]
    after = f"{serving.revision} serves again" if chosen is not None and serving is not None else "nothing else was up"
    return [f"{candidate.revision} was never accepted: it is {ended}; {after}"]
