"""Showing a credential to a WebSocket, which may refuse it in the handshake, by a message, or by how it closes."""

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import Field, JsonValue, model_validator

from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.login import Credential
from bot.probes.matching import Expected, match, shown
from bot.probes.paths import PathText, find
from bot.probes.probe import Settings, Unmeasurable
from bot.probes.refusals.outcome import Outcome
from bot.probes.request import Target, one_line

if TYPE_CHECKING:
    from bot.probes.context import Context
    from bot.probes.steps.conversation import Conversation, Ended

TOKEN = "token"  # noqa: S105 - the name of a hole
BROKEN = frozenset({1002, 1006, 1007, 1009, 1010, 1011, 1014, 1015})
"""Close codes of a service that broke, or could not go on (RFC 6455, section 7.4.1)."""


class SocketRoute(Settings):
    """A protected WebSocket."""

    websocket: Target
    """The path, as `/ws`."""
    token_in: str = Field("header", pattern=r"^(header|message|query:[\w.-]+|subprotocol:[\w.-]+)$")
    """Where the credential goes: `header`, `query:NAME`, `subprotocol:NAME`, or `message` (`{token}` in `send`)."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of the handshake."""
    subprotocols: tuple[str, ...] = ()
    """Subprotocols to offer."""
    origin: str | None = None
    """The `Origin` header."""
    send: JsonValue = None
    """What is sent once it is open; `{token}` is the credential."""
    message: dict[PathText, Expected] = Field(default_factory=dict)
    """The message that refuses, by path: `{type: error}`. For services that open to everybody, and then say no."""
    within: Duration = 2.0
    """How long to wait for a refusal after the handshake (2s). What stays open for longer has accepted."""

    @model_validator(mode="after")
    def _token_is_sent(self) -> "SocketRoute":
        if self.token_in == "message" and TOKEN not in templates.names(self.send):  # noqa: S105 - a place
            raise ValueError("`token_in: message` sends the credential nowhere; put {token} into `send`")
        return self

    def what(self) -> str:
        """The route in a few words."""
        return f"websocket {self.websocket}"

    def default_refusals(self) -> tuple[int, ...]:
        """What refuses, where the spec does not say."""
        return (401, 403, 1008)

    async def show(
        self,
        title: str,
        credential: Credential,
        refusals: Collection[int],
        context: "Context",
        probe: str,
        deadline: float,
    ) -> Outcome:
        """Open with this credential, and say what became of it."""
        from bot.probes.steps.conversation import Conversation, Ended

        url, headers, subprotocols = self._opening(credential, context.url)
        talk = Conversation(url, context.engine)
        talk.note("#", title)
        try:
            await talk.open(
                headers=headers,
                subprotocols=subprotocols,  # type: ignore[arg-type]
                origin=self.origin,
                deadline=deadline,
            )
        except Ended as ended:
            found = _handshake(ended, refusals)
        else:
            try:
                found = await self._listen(talk, credential, refusals, min(self.within, deadline))
            finally:
                await talk.close(1000)
            context.witness.handshake(probe, talk.headers)
        return found._replace(actual=context.redactor.text(found.actual), evidence=context.keep(talk.written()))

    def _opening(self, credential: Credential, base: str) -> tuple[str, list[tuple[str, str]], list[str]]:
        target, token = self.websocket, credential.token
        headers = [(name, one_line(value)) for name, value in self.headers.items()]
        subprotocols = [*self.subprotocols]
        place, _, name = self.token_in.partition(":")
        if place == "header":
            headers += credential.headers_at(base + target)
        elif place == "query" and token:
            target += f"{'&' if '?' in target else '?'}{quote(name)}={quote(token, safe='')}"
        elif place == "subprotocol":
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*", token):
                raise Unmeasurable("the token cannot be a subprotocol", "put it elsewhere with `token_in`")
            subprotocols += [name, token] if token else [name]
        return base + target, headers, subprotocols

    async def _listen(
        self, talk: "Conversation", credential: Credential, refusals: Collection[int], deadline: float
    ) -> Outcome:
        from bot.probes.context import Clock
        from bot.probes.steps.conversation import Ended, as_text

        clock, heard = Clock(deadline), ""
        try:
            if self.send is not None:
                filled = templates.fill_all(self.send, {TOKEN: credential.token})
                await talk.send([as_text(each) for each in (filled if isinstance(filled, list) else [filled])])
            while (message := await talk.receive(clock.left())) is not None:
                if self._refuses(message.said):
                    return Outcome("refused", f"refused by the message {shown(_text(message.said))}")
                heard = heard or f", and sent {shown(_text(message.said))}"
        except Ended:
            code = talk.received_code
            word = "refused" if code in refusals else "failed" if code is None or code in BROKEN else "other"
            return Outcome(word, talk.ending())  # type: ignore[arg-type]
        return Outcome("accepted", f"it stayed open{heard}")

    def _refuses(self, said: str | bytes) -> bool:
        if not self.message or isinstance(said, bytes):
            return False
        try:
            data: JsonValue = json.loads(said)
        except (ValueError, RecursionError):
            return False
        if not isinstance(data, dict | list):
            return False
        return all(match(expected, find(path, data)).ok for path, expected in self.message.items())


def _handshake(ended: "Ended", refusals: Collection[int]) -> Outcome:
    from websockets.exceptions import InvalidStatus

    if not isinstance(ended.__cause__, InvalidStatus):
        return Outcome("failed", str(ended))
    status = ended.__cause__.response.status_code
    return Outcome("refused" if status in refusals else "failed" if status >= 500 else "other", str(ended))


def _text(said: str | bytes) -> str:
    return said if isinstance(said, str) else f"({len(said):,} bytes)"
