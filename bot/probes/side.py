"""One of the two revisions of a session: what is known of it so far."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from bot.model import Check, Exercised, Observation, Series, Subject, finite
from bot.probes.context import Context
from bot.probes.engine import Engine
from bot.probes.identity import Identity, Witness
from bot.probes.login import Login
from bot.probes.probe import Probe, Sample
from bot.safety.redact import Redactor

COLUMNS = ("round", "value", "order", "ok", "vouched", "planned")
Row = tuple[int | float | bool | None, ...]
IDENTITY_TIMEOUT = 5.0


class Side:
    """What is known of one revision so far.

    `faults` are why a probe could not be timed, in words; `began` is when measuring did (`time.perf_counter`).
    """

    def __init__(
        self,
        name: str,
        subject: Subject,
        folder: Path,
        redactor: Redactor,
        logins: Mapping[str, Login],
        identity: Identity | None,
        engine: Engine,
    ) -> None:
        self.name = name
        self.subject = subject
        self.witness = Witness(identity, subject)
        self.context = Context(subject, folder, redactor, logins, self.witness, engine)
        self.observed: dict[str, Observation] = {}
        self.rows: dict[str, dict[str, list[Row]]] = {}
        self.faults: dict[str, str] = {}
        self.died: dict[str, str] = {}
        self.began = 0.0
        self._redactor = redactor

    async def identify(self, *probes: str) -> None:
        """Ask the route that names the revision, where that is how it is known, and count it for these probes."""
        identity = self.witness.identity
        if identity is None or identity.http is None:
            return
        from bot.probes.request import Body
        from bot.safety.http import Unanswered

        request = Body().request(identity.http, self.context.url, {})
        named, answered = None, True
        try:
            named = identity.revision_of(await self.context.ask(request, IDENTITY_TIMEOUT))
        except Unanswered:
            answered = False
        for probe in probes:
            self.witness.named(probe, named, answered=answered)

    def right(self, probe: str) -> bool:
        """Did this revision do right by this probe, so that its speed means something?"""
        known = self.observed.get(probe)
        return known is not None and known.state == "measured" and self.witness.stranger(probe) is None

    def add(self, name: str, probe: Probe, samples: Mapping[str, Sample], number: int, order: int) -> None:
        """Add one round's sample to each series of a probe. A series without one has failed in this round."""
        for series in probe.series():
            sample = samples.get(series, Sample(None, ok=False))
            value, sent = _milliseconds(sample.value), sample.sent
            planned = None if sent is None else _milliseconds((sent - self.began) * 1000)
            phases = (*map(_milliseconds, sample.phases), *[None] * len(probe.phases))[: len(probe.phases)]
            row = (number, value, order, sample.ok and value is not None, sample.vouched, planned, *phases)
            self.rows.setdefault(name, {}).setdefault(series, []).append(row)

    def series(self, name: str, probe: Probe, below: int | None = None) -> tuple[Series, ...]:
        """The series of a timed probe, or the rounds `below` one of them; without rows while it was not sampled."""
        columns = (*COLUMNS, *probe.phases)
        found = []
        for each in probe.series():
            rows = self.rows.get(name, {}).get(each, ())
            samples = tuple(sorted((row for row in rows if below is None or _round(row) < below), key=_round))
            found.append(Series(id=each, unit="ms", better="lower", columns=columns, samples=samples))
        return tuple(found)

    def finished(self, name: str, probe: Probe, known: Observation) -> Observation:
        """The observation as it goes into the run: with its series, held against the identity, and redacted."""
        stranger = self.witness.stranger(name)
        if stranger is not None:
            # what another revision did says nothing of this one, good or bad
            known = known.model_copy(
                update={
                    "state": "not measured",
                    "reason": f"answered by {stranger}, not {self.subject.revision}",
                    "remedy": "see that the URL reaches this revision alone",
                    "checks": (),
                    "facts": (),
                    "exercised": probe.exercises(),
                    "notes": (*known.notes, *dict.fromkeys(check.evidence for check in known.checks if check.evidence)),
                }
            )
        elif probe.timed and known.state == "measured":
            known = self._timed(name, probe, known)
        return self._redacted(known)

    def _timed(self, name: str, probe: Probe, known: Observation) -> Observation:
        update: dict[str, object] = {"series": self.series(name, probe)}
        nameless = self.witness.nameless(name) if self.name == "candidate" else None
        if nameless is not None:
            # the times may be another revision's, and a comparison one of a revision with itself
            update |= {
                "series": (),
                "reason": nameless,
                "remedy": "let every answer name its revision, as `identity` says",
            }
        elif name in self.faults:
            update |= {"reason": f"it could not be timed: {self.faults[name]}", "remedy": "see the reason"}
        if name in self.died:
            actual = self.died[name]
            check = Check(id="answers while timed", ok=False, expected="an answer to every sample", actual=actual)
            update |= {"state": "broken", "reason": f"while it was timed: {actual}", "checks": (*known.checks, check)}
        return known.model_copy(update=update)

    def _redacted(self, known: Observation) -> Observation:
        """Everything that the service or the spec put into words, once more: a secret may be learned late."""
        text = self._redactor.text
        checks = tuple(
            check.model_copy(update={"expected": text(check.expected), "actual": text(check.actual)})
            for check in known.checks
        )
        facts = tuple(fact.model_copy(update={"value": self._redacted_json(fact.value)}) for fact in known.facts)
        touched = known.exercised
        if touched is not None:
            touched = Exercised.model_validate({name: [*map(text, each)] for name, each in touched})
        words = {
            field: text(value)
            for field in ("reason", "remedy", "reproduce")
            if (value := getattr(known, field)) is not None
        }
        return known.model_copy(update={"checks": checks, "facts": facts, "exercised": touched, **words})

    def _redacted_json(self, value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {self._redactor.text(key): self._redacted_json(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._redacted_json(each) for each in value]
        return self._redactor.text(value) if isinstance(value, str) else value


def _milliseconds(value: float | None) -> float | None:
    return None if (known := finite(value)) is None else round(known, 3)


def _round(row: Row) -> int:
    number = row[0]
    assert isinstance(number, int)
    return number
