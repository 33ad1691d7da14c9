"""The step `sse`: a stream of server-sent events, held against a pattern as it comes."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, JsonValue

from bot.model import Fact
from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.curl import curl
from bot.probes.events import PatternText
from bot.probes.paths import PathText, find
from bot.probes.probe import Unmeasurable
from bot.probes.request import Body, Request, RequestLine, one_line
from bot.probes.sizes import Size
from bot.probes.steps.step import Result, Run, Step, Time, capture
from bot.probes.transcripts import request_text

if TYPE_CHECKING:
    from bot.probes.steps.reader import Reader

DONE = "[DONE]"


class SseStep(Body, Step):
    """A stream of server-sent events, held against a pattern as it comes."""

    kind: ClassVar[str] = "sse"

    sse: RequestLine
    """The request that opens the stream: a method and a path, as `GET /stream`."""
    last_event_id: str | None = None
    """The `Last-Event-ID` header: where the stream is to go on."""
    events: PatternText | None = None
    """The event types that must come, as a pattern: `started token+ done`; without it, one event."""
    event_type: PathText | None = None
    """Where an event's data, as JSON, has its type; without it, its `event:` field (`message` when it has none)."""
    ignore: tuple[str, ...] = ()
    """Event types that the pattern does not see, such as heartbeats."""
    end: str = Field(DONE, min_length=1)
    """The data that marks the end (`[DONE]`), which is no event. Written in the spec, it must come."""
    within: Duration = 10.0
    """The most that it may take until the last event (10s)."""
    first_within: Duration | None = None
    """The most that it may take until the first event."""
    gap_within: Duration | None = None
    """The most that it may take from one event to the next."""
    limit: Size | None = None
    """The most that the whole stream may have (8MiB)."""

    def what(self) -> str:
        """The step in a few words."""
        return f"sse {self.sse}"

    def times(self) -> tuple[str, ...]:
        """The times from sending until the first event and until the answer is whole."""
        return ("first event", "answer")

    def target(self) -> str:
        """The path that it goes to."""
        return self.sse

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings."""
        return templates.names([self.sse, self.last_event_id, *self.strings()])

    def must_end(self) -> bool:
        """Must the mark of the end come?"""
        return "end" in self.model_fields_set

    async def run(self, run: Run) -> Result:
        """Open, and read until it is decided."""
        from bot.probes.steps.reader import Reader
        from bot.safety.http import OURS, Unanswered

        result = Result()
        request = await self._opening(run, result)
        if request is None:
            return result
        redactor = run.context.redactor
        result.said = request_text(redactor, request.method, request.url, request.headers, request.content)
        reader = Reader(self, patient=not run.sampling)
        planned = run.take_plan()
        stream = await run.context.stream(request, run.clock.left() + 1.0, planned)
        try:
            await reader.read(stream, run.clock, planned)
        finally:
            sent = await stream.stop(run.context.engine)
        result.sent = sent.at
        if reader.head is None and stream.answer.future.done():
            try:
                stream.answer.future.result()
            except Unanswered as error:
                if error.failure in OURS:
                    raise Unmeasurable(str(error), "check the address of the service") from error
        if reader.head is not None:
            run.context.witness.handshake(run.probe, reader.head.headers)
        for name, (at, late) in reader.moments.items():
            result.times[name] = Time(max(0.0, at - sent.at) * 1000, max(late, sent.late) * 1000)
        result.spent.append(Time(max(0.0, reader.last.at - sent.at) * 1000, max(reader.last.late, sent.late) * 1000))
        self._conclude(run, result, reader, sent.at)
        if result.failure is not None:
            result.reproduce = self._repeated(run)
        return result

    def _repeated(self, run: Run) -> str | None:
        unique = {templates.UNIQUE: "1"}
        if self.login is not None or not self.asks_for().isdisjoint(set(run.captured) - set(unique)):
            return None
        request = self.request(self.sse, run.context.url, unique)
        if self.last_event_id is not None:
            more = (("last-event-id", one_line(templates.fill(self.last_event_id, unique))),)
            request = replace(request, headers=(*request.headers, *more))
        return curl(request, run.context.redactor, multipart=self.multipart, unique=unique)

    async def _opening(self, run: Run, result: Result) -> Request | None:
        """The request; None when signing in failed."""
        more: list[tuple[str, str]] = [("accept", "text/event-stream"), ("cache-control", "no-store")]
        if self.last_event_id is not None:
            more.append(("last-event-id", one_line(templates.fill(self.last_event_id, run.captured))))
        if self.login is not None:
            credential = await run.context.credential(self.login, run.clock.left())
            ok = credential.failure is None
            actual = credential.failure or "a credential"
            result.check("sign-in", ok=ok, expected="a credential", actual=actual, evidence=credential.evidence)
            if not ok:
                return None
            more += credential.headers_at(self.url(run.context.url, self.sse.split(" ", 1)[1], run.captured))
        own = {name.lower() for name in self.headers}
        made = self.request(self.sse, run.context.url, run.captured, tuple(each for each in more if each[0] not in own))
        return replace(made, limit=self.limit)

    def _conclude(self, run: Run, result: Result, reader: "Reader", sent: float) -> None:
        redact = run.context.redactor.text
        evidence = None
        if not run.sampling or reader.head is None:
            evidence = run.context.keep(result.said + reader.transcript(run.context.redactor, sent))
        ok, actual = reader.opened()
        result.check("status", ok=ok, expected="200", actual=redact(actual), evidence=evidence)
        if not ok:
            return
        ok, actual = reader.well_formed()
        result.check("stream", ok=ok, expected="an event stream", actual=redact(actual), evidence=evidence)
        ok, expected, actual = reader.outcome()
        name = "events" if self.events is not None else "answer"
        result.check(name, ok=ok, expected=expected, actual=redact(actual), evidence=evidence)
        if self.must_end():
            actual = "it came" if reader.marked else "it did not come"
            result.check("end", ok=reader.marked, expected=f"{self.end} at the end", actual=actual, evidence=evidence)
        if not run.sampling:
            value = reader.protocol.value(code=None, by="either side", subprotocol=None, extensions=())
            result.facts.append(Fact(id="protocol", kind="protocol", value=value, evidence=evidence))
        for name, path in self.capture.items():
            holder: JsonValue = next((each for each in reader.messages if find(path, each)), None)
            capture({name: path}, holder, run, result, evidence)
