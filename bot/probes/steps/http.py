"""The step `http`: one request, and what is expected of its answer. The probe `http` is this step alone."""

import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema, field_validator

from bot.model import Fact, strict_json
from bot.model.errors import FormatError
from bot.probes import templates
from bot.probes.curl import curl
from bot.probes.matching import Expected, match
from bot.probes.operations import operations
from bot.probes.paths import PathText, find, full_path, last_name
from bot.probes.probe import Settings, Unmeasurable
from bot.probes.redirects import Elsewhere, followed
from bot.probes.request import Body, Request, RequestLine
from bot.probes.shapes import Shapes
from bot.probes.sizes import Size
from bot.probes.steps.step import Result, Run, Step, Time, capture, total
from bot.probes.transcripts import answer_text, request_text

if TYPE_CHECKING:
    from bot.safety.http import Answer, Unanswered


def _as_statuses(value: object) -> object:
    return [value] if isinstance(value, int | str) else value


Statuses = Annotated[
    tuple[Annotated[int, Field(ge=100, le=599)], ...],
    BeforeValidator(_as_statuses),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}, "minItems": 1}]}),
]


Version = Annotated[
    Literal["1.0", "1.1", "2"],
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    WithJsonSchema({"enum": ["1.0", "1.1", "2", 1.1, 2]}),
]


class ExpectAnswer(Settings):
    """What is expected of an answer."""

    status: Statuses | None = None
    """The status, or a list of those that are fine; any 2xx when it is absent."""
    json_values: dict[PathText, Expected] = Field(default_factory=dict, alias="json")
    """Values in the JSON body, by path (`$.items[0].id`) or plain key: the value itself, or rules for it."""
    headers: dict[str, Expected] = Field(default_factory=dict)
    """Header values, by name."""
    body: Expected = None
    """The body as text: all of it, or rules such as `{contains: Welcome}`."""
    version: Version | None = None
    """The version of HTTP that was negotiated: `1.1` or `2`."""

    @field_validator("headers")
    @classmethod
    def _header_names(cls, headers: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name in headers:
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
                raise ValueError(f"{name!r} is no header name")
        return headers

    def status_fits(self, status: int) -> bool:
        """Is this status one of those that are fine?"""
        return status in self.status if self.status else 200 <= status < 300

    def status_words(self) -> str:
        """What status is expected."""
        return " or ".join(map(str, self.status)) if self.status else "2xx"


@dataclass
class _Exchange:
    """The last answer, or why there is none; and where it would have gone on to, against what was allowed."""

    answer: "Answer | None" = None
    unheard: str = ""
    astray: str = ""


class HttpCall(Body):
    """One request, and what is expected of its answer."""

    http: RequestLine
    """The request: a method and a path, as `GET /health`."""
    login: str | None = None
    """The login whose credential is sent."""
    expect: ExpectAnswer = Field(default_factory=ExpectAnswer)
    """What is expected of the answer."""
    limit: Size | None = None
    """The most that the body may have (8MiB)."""
    redirects: int = Field(0, ge=0, le=10)
    """How many redirects are followed, to the same origin only (0: a redirect is the answer)."""
    http2: bool = False
    """Whether HTTP/2 is offered; without TLS it is spoken from the first byte on."""

    def holes(self) -> frozenset[str]:
        """The names in braces in all its strings."""
        expected: list[JsonValue] = [*self.expect.json_values.values(), *self.expect.headers.values(), self.expect.body]
        return templates.names([self.http, *self.strings(), *expected])

    def repeated(self, run: Run) -> str | None:
        """The command of curl that repeats it; None where it needs a credential, or what was captured before."""
        unique = {templates.UNIQUE: "1"}
        if self.login is not None or not self.holes().isdisjoint(set(run.captured) - set(unique)):
            return None
        request = self._with_options(self.request(self.http, run.context.url, unique))
        return curl(request, run.context.redactor, multipart=self.multipart, unique=unique, redirects=self.redirects)

    async def signed(self, run: Run, result: Result) -> Request | None:
        """The request with its credential; None when signing in failed, which is then in the result."""
        headers: tuple[tuple[str, str], ...] = ()
        if self.login is not None:
            credential = await run.context.credential(self.login, run.clock.left())
            actual = credential.failure or "a credential"
            ok = credential.failure is None
            result.check("sign-in", ok=ok, expected="a credential", actual=actual, evidence=credential.evidence)
            if not ok:
                return None
            headers = credential.headers_at(self.url(run.context.url, self.http.split(" ", 1)[1], run.captured))
        return self._with_options(self.request(self.http, run.context.url, run.captured, headers))

    def _with_options(self, request: Request) -> Request:
        return replace(request, limit=self.limit, http2=self.http2)

    async def call(self, run: Run, wanted: dict[str, str], *, keep: bool = True) -> Result:
        """Ask, check and capture; without `keep`, what was said is left in the result."""
        result = Result()
        found = await self._exchange(run, result)
        if found is None:
            return result
        kept = keep and not (run.sampling and found.answer)
        evidence = run.context.keep(result.said) if kept else None
        if found.answer is None:
            actual = found.unheard
            result.check("status", ok=False, expected=self.expect.status_words(), actual=actual, evidence=evidence)
        else:
            if self.redirects:
                actual = run.context.redactor.text(found.astray) or "an answer"
                expected = f"an answer after at most {self.redirects} redirects to the same origin"
                result.check("redirects", ok=not found.astray, expected=expected, actual=actual, evidence=evidence)
            if not found.astray:
                self._judge(found.answer, run, result, evidence, wanted)
        if result.failure is not None:
            result.reproduce = self.repeated(run)
        return result

    async def _exchange(self, run: Run, result: Result) -> "_Exchange | None":
        """The answer after all redirects; None when signing in failed."""
        from bot.safety.http import OURS, Unanswered

        request = await self.signed(run, result)
        found = None if request is None else _Exchange()
        hops = 0
        while found is not None and request is not None:
            result.said += request_text(
                run.context.redactor, request.method, request.url, request.headers, request.content
            )
            try:
                answer = await run.ask(request)
            except Unanswered as error:
                if error.failure in OURS:
                    raise Unmeasurable(str(error), "check the address of the service") from error
                _note(error, run, result)
                result.said += f"! {error}\n"
                return _Exchange(unheard=str(error))
            run.context.witness.answer(run.probe, answer)
            _note(answer, run, result)
            result.said += _transcript(run, answer)
            found.answer = answer
            try:
                request = followed(request, answer) if self.redirects else None
            except Elsewhere as error:
                found.astray = str(error)
                break
            if request is not None and hops == self.redirects:
                found.astray = "one redirect more"
                break
            hops += 1
        return found

    def _judge(self, answer: "Answer", run: Run, result: Result, evidence: str | None, wanted: dict[str, str]) -> None:
        ok = self.expect.status_fits(answer.status)
        result.check(
            "status", ok=ok, expected=self.expect.status_words(), actual=phrased(answer.status), evidence=evidence
        )
        if self.expect.version is not None:
            version, expected = answer.version, f"HTTP/{self.expect.version}"
            result.check("version", ok=version == expected, expected=expected, actual=version, evidence=evidence)
        self._headers(answer, run, result, evidence)
        if answer.incomplete is not None:
            result.check("body", ok=False, expected="a whole body", actual=answer.incomplete, evidence=evidence)
            return
        if self.expect.body is not None:
            text = answer.body.decode("utf-8", "replace")
            found = match(templates.fill_all(self.expect.body, run.captured), [text])
            actual = run.context.redactor.text(found.actual)
            result.check("body", ok=found.ok, expected=found.expected, actual=actual, evidence=evidence)
        self._json(answer, run, result, evidence, wanted, ok=ok)

    def _headers(self, answer: "Answer", run: Run, result: Result, evidence: str | None) -> None:
        for name, expected in self.expect.headers.items():
            values: list[JsonValue] = [value for key, value in answer.headers if key.lower() == name.lower()]
            found = match(templates.fill_all(expected, run.captured), values)
            actual = run.context.redactor.field(name, found.actual)
            result.check(
                f"header {name.lower()}", ok=found.ok, expected=found.expected, actual=actual, evidence=evidence
            )

    def _json(
        self,
        answer: "Answer",
        run: Run,
        result: Result,
        evidence: str | None,
        wanted: dict[str, str],
        *,
        ok: bool,
    ) -> None:
        media_type = (answer.header("content-type") or "").split(";")[0].strip().lower()
        value: dict[str, JsonValue] = {"status": answer.status, "media_type": media_type}
        try:
            data = strict_json(answer.body, "the body")
        except FormatError as error:
            asked = bool(self.expect.json_values or wanted)
            if asked or (media_type == "application/json" and answer.body and ok):
                actual = run.context.redactor.text(str(error))
                result.check("json", ok=False, expected="a JSON body", actual=actual, evidence=evidence)
            elif ok:
                result.facts.append(Fact(id="response", kind="json-shape", value=value, evidence=evidence))
            return
        result.operations = operations(data)
        for path, expected in self.expect.json_values.items():
            found = match(templates.fill_all(expected, run.captured), find(path, data))
            actual = run.context.redactor.field(last_name(path), found.actual)
            name = f"json {full_path(path)}"
            result.check(name, ok=found.ok, expected=found.expected, actual=actual, evidence=evidence)
        if ok and not run.sampling:
            shapes = Shapes()
            shapes.add(data)
            value |= {"paths": shapes.paths(), "cut": shapes.cut}
            result.facts.append(Fact(id="response", kind="json-shape", value=value, evidence=evidence))
        capture(wanted, data, run, result, evidence)


class HttpStep(HttpCall, Step):
    """One HTTP request."""

    kind: ClassVar[str] = "http"

    async def run(self, run: Run) -> Result:
        """Ask, check and capture."""
        return await self.call(run, self.capture)

    def what(self) -> str:
        """The step in a few words."""
        return self.http

    def target(self) -> str:
        """The path that it goes to."""
        return self.http

    def asks_for(self) -> frozenset[str]:
        """The names in braces in all its strings."""
        return self.holes()


def _note(outcome: "Answer | Unanswered", run: Run, result: Result) -> None:
    """Note the times of a request that was timed; one without an answer has none, but we may have been late with it."""
    if not run.sampling:
        return
    from bot.probes.sampling import Timed, Unheard

    if isinstance(outcome, Timed):
        redirected = bool(result.spent)
        result.spent.append(Time(outcome.seconds * 1000, outcome.late * 1000))
        result.times["latency"] = total(result.spent)
        result.phases = () if redirected else outcome.phases
    elif isinstance(outcome, Unheard):
        result.times.clear()
        result.spent.append(Time(outcome.waited * 1000, outcome.late * 1000))
    else:
        return
    result.sent = outcome.sent if result.sent is None else result.sent


def phrased(status: int) -> str:
    """A status as a reader knows it: `404 Not Found`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _transcript(run: Run, answer: "Answer") -> str:
    line = f"{answer.version} {answer.status} {answer.reason}"
    text = answer_text(run.context.redactor, line, answer.headers, answer.body, whole=answer.incomplete is None)
    return text + (f"! {answer.incomplete}\n" if answer.incomplete else "")
