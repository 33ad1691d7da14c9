"""The parts of the time in which traffic moves, and whose the answers in each of them were."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from bot.model import Subject
from bot.probes.identity import Identity, Witness
from bot.probes.rollout.requests import Sent
from bot.safety.redact import Redactor


@dataclass(frozen=True)
class Move:
    """One move of traffic: the candidate's share in percent after it, from when until when (`time.perf_counter`).

    The share is None where the move failed: nobody knows how far it got.
    """

    name: str
    share: int | None
    began: float
    ended: float


class Names:
    """Who of two revisions goes by a name; `unknown` is why nobody can tell, in words."""

    def __init__(self, identity: Identity | None, candidate: Subject, previous: Subject) -> None:
        self._candidate, self._previous = Witness(identity, candidate), Witness(identity, previous)
        self.unknown = None if identity is not None else "the spec has no `identity`"
        self.same_commit = candidate.commit is not None and candidate.commit == previous.commit

    def counted(self, who: Sequence[str | None], redactor: Redactor) -> dict[str, JsonValue]:
        """How many of these answers are the candidate's, how many another's, or may be either's; by name."""
        told = [] if self.unknown is not None else who
        named = Counter(each for each in told if each is not None)
        ours = {name for name in named if self._candidate.is_ours(name)}
        both = {name for name in ours if self._previous.is_ours(name)}
        return {
            "candidate": sum(named[name] for name in ours - both),
            "others": {redactor.text(name): named[name] for name in sorted(named.keys() - ours)},
            "shared": {redactor.text(name): named[name] for name in sorted(both)},
            "unnamed": len(told) - named.total(),
        }


def phases(
    moves: Sequence[Move], sent: Sequence[Sent], grace: float, names: Names, redactor: Redactor
) -> list[JsonValue]:
    """Each move, and the time after it until the next, in which the candidate has its share."""
    starts: list[tuple[float, str, int | None]] = []
    for index, move in enumerate(moves):
        if index:
            starts.append((move.began, move.name, None))
        starts.append((move.ended + (grace if index else 0.0), move.name, move.share))
    inside: list[list[Sent]] = [[] for _ in starts]
    for each in sent:
        if not each.ours:
            inside[phase_of(each, [start for start, _, _ in starts])].append(each)
    return [_phase(name, share, those, names, redactor) for (_, name, share), those in zip(starts, inside, strict=True)]


def _phase(name: str, share: int | None, inside: Sequence[Sent], names: Names, redactor: Redactor) -> JsonValue:
    answered = [each for each in inside if each.lost is None]
    told = names.counted([each.who for each in answered], redactor)
    return {"name": name, "share": share, "sent": len(inside), "lost": len(inside) - len(answered), **told}


def phase_of(sent: Sent, starts: Sequence[float]) -> int:
    """In which part of the time a request was: the one that it began in, or the next move, if it was not over by then.

    A move that begins before the last one's grace is over leaves no time in between.
    """
    began = max((index for index, start in enumerate(starts) if start <= sent.planned), default=0)
    over = sent.planned + (sent.took or 0.0)
    settled = began % 2 == 0
    return began + 1 if settled and began + 1 < len(starts) and over >= starts[began + 1] else began
