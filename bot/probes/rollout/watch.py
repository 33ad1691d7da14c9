"""The rollout watch: what users get from before traffic moves until after it has settled, as one observation."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from bot.model import Evidence, Fact, Observation, Subject
from bot.probes.context import Context
from bot.probes.engine import Engine
from bot.probes.identity import Witness
from bot.probes.rollout.phases import Move, Names, phases
from bot.probes.rollout.settings import Watch
from bot.probes.session import Plan

if TYPE_CHECKING:
    from bot.probes.rollout.requests import Sent, Stream
    from bot.probes.rollout.sockets import Closed, Sockets
    from bot.safety.http import Answer

PROBE = "rollout"
WORST = 5
"""Ways in which requests were lost that are named; the others are counted."""
FEWEST = 10
"""Requests of each part of the time that are waited for, so that it is no empty one on a slow machine."""
LONGEST = 10
"""How many times as long as asked for they are waited for at most."""


class RolloutWatch:
    """Watches the public URL. `candidate` is the revision whose share is counted; `name` says on what occasion."""

    def __init__(
        self, settings: Watch, plan: Plan, url: str, candidate: Subject, previous: Subject, folder: Path, name: str
    ) -> None:
        self.name = name
        self.settings = settings
        self._plan, self._previous = plan, previous
        self._engine = Engine()
        self.meet(candidate)
        subject = candidate.model_copy(update={"url": url})
        self._context = Context(
            subject, folder / "candidate", plan.redactor, plan.logins, Witness(None, subject), self._engine
        )
        self._moves: list[Move] = []
        self._line = settings.line(plan.probes, plan.identity)
        self._step = settings.step(plan.probes)
        self._stream: Stream | None = None
        self._sockets: Sockets | None = None
        self._began = 0.0
        self._open_before = 0

    async def start(self, share: int = 0) -> None:
        """Begin, and watch for a while before anything moves; `share` is what the candidate has of the traffic now."""
        from bot.probes.rollout.requests import Stream
        from bot.probes.rollout.sockets import Sockets

        self._began = time.perf_counter()
        self._moves = [Move("before", share, self._began, self._began)]
        if self._step is not None:
            self._sockets = Sockets(self._context, self._step, self.settings.sockets)
            await self._sockets.start()
        if self._line is not None:
            self._stream = Stream(self._context, self._line, self.settings.rate, self._who)
            self._stream.start()
        await self.dwell(self.settings.before)
        self._open_before = self._sockets.opened() if self._sockets else 0

    @asynccontextmanager
    async def move(self, name: str, share: int) -> AsyncIterator[None]:
        """Whatever moves traffic is done inside; afterwards the candidate is to have this share."""
        began, now = time.perf_counter(), None
        try:
            yield
            now = share
        finally:
            self._moves.append(Move(name, now, began, time.perf_counter()))

    async def dwell(self, seconds: float, answers: int = FEWEST) -> None:
        """Watch for so long; longer, but not beyond `LONGEST` times that, while fewer have been answered since the move.

        It is not waited for once a request is lost: users may be losing theirs.
        """
        until = time.perf_counter() + seconds * LONGEST
        await asyncio.sleep(seconds)
        since = self._moves[-1].ended + (self.settings.grace if len(self._moves) > 1 else 0.0)
        while self._stream is not None and time.perf_counter() < until:
            seen = [each for each in self._stream.sent if each.planned >= since and not each.ours]
            if len(seen) >= answers or any(each.lost for each in seen):
                return
            await asyncio.sleep(0.05)

    def meet(self, candidate: Subject) -> None:
        """Take this for the candidate, whose name may only be known once it is deployed."""
        self.candidate = candidate
        self._names = Names(self._plan.identity, candidate, self._previous)

    @property
    def evidence(self) -> dict[str, Evidence]:
        """The evidence behind what was seen."""
        return dict(self._context.evidence)

    async def stop(self) -> Observation:
        """Watch for a while longer, end, and say what was seen. Sockets that are closed are given time to come back."""
        await self.dwell(self.settings.after)
        if self._sockets is not None:
            until = time.perf_counter() + self.settings.resume
            while self._sockets.opened() < self._open_before and time.perf_counter() < until:
                await asyncio.sleep(0.02)
        open_after = self._sockets.opened() if self._sockets else 0
        if self._stream is not None:
            await self._stream.stop()
        seen = self.seen(open_after)
        await self.close()
        return seen

    async def close(self) -> None:
        """End, whatever is under way."""
        if self._stream is not None:
            self._stream.abandon()
        if self._sockets is not None:
            await self._sockets.stop()
        await self._context.release()
        await self._engine.close()

    def seen(self, open_after: int | None = None) -> Observation:
        """What was seen by now; of the sockets only once it is known how many are open in the end."""
        from bot.probes.rollout.requests import with_refusals

        moved = self._moves[1].began if len(self._moves) > 1 else float("inf")
        sent = sorted(self._stream.sent, key=lambda each: each.planned) if self._stream else []
        sent = with_refusals(sent, moved)
        value: dict[str, JsonValue] = {
            "candidate": self.candidate.revision,
            "same_commit": self._names.same_commit,
            "nameless": self._names.unknown,
            "severity": self.settings.severity,
            "requests": self._requests(sent),
            "phases": phases(self._moves, sent, self.settings.grace, self._names, self._context.redactor),
            "sockets": None if open_after is None else self._of_sockets(open_after),
        }
        evidence = self._context.keep(self._listed(sent), "text/csv; charset=utf-8", "csv") if sent else None
        return Observation(
            probe=PROBE,
            kind=PROBE,
            title="Rollout",
            state="measured",
            facts=(Fact(id=self.name, kind="rollout", value=value, evidence=evidence),),
        )

    def _who(self, answer: "Answer") -> str | None:
        identity = self._plan.identity
        if identity is None:
            return None
        if identity.header is not None:
            return answer.header(identity.header)
        return identity.revision_of(answer) if self._line == identity.http else None

    def _requests(self, sent: "Sequence[Sent]") -> JsonValue:
        if self._line is None:
            return None
        ways = Counter(each.lost for each in sent if each.lost and not each.ours)
        return {
            "what": self._context.redactor.text(self._line),
            "rate": self.settings.rate,
            "allowed": self.settings.lost,
            "ours": sum(each.ours for each in sent),
            "gap_ms": _longest_gap(sent),
            "lost_by": [[self._context.redactor.text(why), times] for why, times in ways.most_common(WORST)],
        }

    def _of_sockets(self, open_after: int) -> JsonValue:
        if self._sockets is None or self._step is None:
            return None
        first = self._moves[1].began if len(self._moves) > 1 else float("inf")
        ends: dict[int, list[Closed]] = {}
        for socket in self._sockets.sockets:
            for end in socket.ends:
                if end.at >= first:
                    ends.setdefault(end.code, []).append(end)
        why_not = next((each.why_not for each in self._sockets.sockets if each.why_not), None)
        return {
            "what": self._context.redactor.text(self._step.websocket),
            "count": len(self._sockets.sockets),
            "open_before": self._open_before,
            "open_after": open_after,
            "why_not": why_not,
            "signed_in_again": sum(each.signed_in_again for each in self._sockets.sockets),
            "within_ms": round(self.settings.resume * 1000),
            "closed": [_ended(code, those) for code, those in sorted(ends.items())],
        }

    def _listed(self, sent: "Sequence[Sent]") -> str:
        """Every request, as CSV: planned and answer in milliseconds, who answered, what went wrong."""
        lines = ["planned_ms,took_ms,revision,lost"]
        for each in sent:
            took = "" if each.took is None else f"{each.took * 1000:.1f}"
            words = [(word or "").replace('"', "'").replace("\n", " ") for word in (each.who, each.lost)]
            lines.append(f'{(each.planned - self._began) * 1000:.1f},{took},"{words[0]}","{words[1]}"')
        return "\n".join(lines) + "\n"


def _ended(code: int, those: "Sequence[Closed]") -> JsonValue:
    back = [each.back for each in those if each.back is not None]
    return {
        "code": code,
        "times": len(those),
        "back": len(back),
        "slowest_ms": round(max(back) * 1000, 1) if back else None,
    }


def _longest_gap(sent: "Sequence[Sent]") -> float:
    """Milliseconds from the first of some lost requests until the next one that was answered, at the longest."""
    longest, since = 0.0, None
    for each in sent:
        if each.ours:
            continue
        if each.lost is not None:
            since = each.planned if since is None else since
        if since is not None:
            longest = max(longest, each.planned - since)
        if each.lost is None:
            since = None
    return round(longest * 1000, 1)
