"""Showing a credential to an HTTP route."""

from collections.abc import Collection
from http import HTTPStatus
from typing import TYPE_CHECKING

from bot.probes.login import Credential
from bot.probes.probe import Unmeasurable, fresh
from bot.probes.refusals.outcome import Outcome, Word
from bot.probes.request import Body, Request, RequestLine
from bot.probes.steps.http import Statuses
from bot.probes.transcripts import answer_text, request_text

if TYPE_CHECKING:
    from bot.probes.context import Context


class HttpRoute(Body):
    """A protected route."""

    http: RequestLine
    """The request: a method and a path, as `GET /threads`."""
    accepts: Statuses | None = None
    """The status, or a list of those, that says that a credential was accepted; any 2xx says so too."""

    def what(self) -> str:
        """The route in a few words."""
        return self.http

    def default_refusals(self) -> tuple[int, ...]:
        """What refuses, where the spec does not say."""
        return (401, 403)

    async def show(
        self,
        title: str,
        credential: Credential,
        refusals: Collection[int],
        context: "Context",
        probe: str,
        deadline: float,
    ) -> Outcome:
        """Ask with this credential, and say what became of it."""
        from bot.safety.http import OURS, Unanswered

        plain = self.request(self.http, context.url, {"unique": fresh()})
        headers = (*plain.headers, *credential.headers_at(plain.url))
        request = Request(plain.method, plain.url, headers, plain.content)
        said = f"# {title}\n" + request_text(
            context.redactor, request.method, request.url, request.headers, request.content
        )
        try:
            answer = await context.ask(request, deadline)
        except Unanswered as error:
            if error.failure in OURS:
                raise Unmeasurable(str(error), "check the address of the service") from error
            return Outcome("failed", str(error), context.keep(f"{said}! {error}\n"))
        context.witness.answer(probe, answer)
        line = f"{answer.version} {answer.status} {answer.reason}"
        heard = answer_text(context.redactor, line, answer.headers, answer.body, whole=answer.incomplete is None)
        return Outcome(self._word(answer.status, refusals), _status(answer.status), context.keep(said + heard))

    def _word(self, status: int, refusals: Collection[int]) -> Word:
        if status in refusals:
            return "refused"
        if 200 <= status < 300 or status in (self.accepts or ()):
            return "accepted"
        return "failed" if status >= 500 else "other"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
