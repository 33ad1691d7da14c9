"""What is said while signing in: the requests of one login, what came back, and their transcript."""

from typing import TYPE_CHECKING

from pydantic import JsonValue

from bot.model import strict_json
from bot.model.errors import FormatError
from bot.probes.login import Failed
from bot.probes.paths import find
from bot.probes.probe import Unmeasurable
from bot.probes.request import Request
from bot.probes.transcripts import answer_text, request_text

if TYPE_CHECKING:
    from bot.probes.context import Context
    from bot.probes.logins.cookies import Jar
    from bot.safety.http import Answer

SIGN_IN_TIMEOUT = 10.0


class Talk:
    """The requests of one signing in. With a `jar` it keeps cookies, for itself alone."""

    def __init__(self, name: str, context: "Context") -> None:
        self.name = name
        self.context = context
        self.jar: Jar | None = None
        self._said: list[tuple[Request, Answer | str]] = []

    def learn(self, *secrets: str | None) -> None:
        """Take these out of everything from now on."""
        for secret in secrets:
            self.context.redactor.learn(secret)

    async def ask(self, request: Request) -> "Answer":
        """Ask once.

        Raises:
            Failed: no answer came.
            Unmeasurable: the fault is ours or the spec's.
        """
        from bot.safety.http import OURS, Unanswered

        if self.jar is not None and (cookies := self.jar.header(request.url)):
            request = Request(request.method, request.url, (*request.headers, ("Cookie", cookies)), request.content)
        try:
            answer = await self.context.ask(request, SIGN_IN_TIMEOUT)
        except Unanswered as error:
            if error.failure in OURS:
                raise Unmeasurable(f"login {self.name}: {error}", "check the address of the service") from error
            self._said.append((request, str(error)))
            raise Failed(str(error)) from error
        self._said.append((request, answer))
        if self.jar is not None:
            self.jar.take(request.url, answer)
            self.learn(*self.jar.secrets())
        return answer

    async def ask_json(self, request: Request) -> JsonValue:
        """Ask once for JSON, with a status of 2xx; raises as `ask` does."""
        answer = await self.ask(request)
        if not 200 <= answer.status < 300:
            raise Failed(f"{status_line(answer)}{_oauth_error(answer)}", answer.status)
        if answer.incomplete:
            raise Failed(f"the answer is not whole: {answer.incomplete}", answer.status)
        try:
            data: JsonValue = strict_json(answer.body, "the answer")
        except FormatError as error:
            raise Failed(str(error), answer.status) from None
        return data

    def keep(self) -> str:
        """Write all of it as evidence, once everything secret in it has been learned."""
        redactor, text = self.context.redactor, ""
        for request, answer in self._said:
            text += request_text(redactor, request.method, request.url, request.headers, request.content)
            if isinstance(answer, str):
                text += f"! {answer}\n"
            else:
                line = f"{answer.version} {status_line(answer)}"
                text += answer_text(redactor, line, answer.headers, answer.body, whole=answer.incomplete is None)
        return self.context.keep(text)


def text_at(path: str, data: JsonValue, what: str) -> str:
    """A printable text at a path.

    Raises:
        Failed: there is none.
    """
    found = find(path, data)
    if len(found) != 1 or not isinstance(found[0], str) or not found[0] or not found[0].isprintable():
        raise Failed(f"200, but no {what} at {path}", 200)
    return found[0]


def status_line(answer: "Answer") -> str:
    """The status as it was answered."""
    return f"{answer.status} {answer.reason}".strip()


def _oauth_error(answer: "Answer") -> str:
    """What an OAuth server says is wrong (RFC 6749, section 5.2): one of a few words, and nothing that was sent."""
    try:
        data = strict_json(answer.body, "the answer")
    except FormatError:
        return ""
    word = data.get("error") if isinstance(data, dict) else None
    return f": {word}" if isinstance(word, str) and word.isascii() and word.replace("_", "").isalpha() else ""
