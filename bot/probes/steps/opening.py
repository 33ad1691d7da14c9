"""What every step over a WebSocket has: how it is opened, and how it ends."""

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from pydantic import Field, JsonValue

from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.probe import Unmeasurable
from bot.probes.request import one_line
from bot.probes.steps.step import Result, Run, Step

if TYPE_CHECKING:
    from bot.probes.steps.listener import Listener
    from bot.probes.steps.stage import Stage

PLACES = r"^(header|message|query:[\w.-]+|subprotocol:[\w.-]+)$"
TOKEN = "token"  # noqa: S105 - a name
"""The name that stands for the login's token where it is sent in a message."""
MAX_MESSAGE = 16 * 1024 * 1024


class Opening(NamedTuple):
    """What a handshake needs."""

    url: str
    headers: list[tuple[str, str]]
    subprotocols: list[str]
    origin: str | None
    token: str | None


class SocketStep(Step):
    """One WebSocket, or several one after the other."""

    token_in: str = Field("header", pattern=PLACES)
    """Where the login's token goes: `header`, `query:NAME`, `subprotocol:NAME` (offered as NAME and the token), or
    `message`, where `{token}` stands for it."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of the handshake."""
    origin: str | None = None
    """The `Origin` header."""
    within: Duration = 10.0
    """The most that it may take until the last event (10s)."""
    max_message: int = Field(MAX_MESSAGE, ge=1)
    """The most bytes that a message of the service may have (16777216)."""
    close: int | None = Field(None, ge=1000, le=4999)
    """The code that it must end with. We close with it where a client may; otherwise the service must."""

    def target(self) -> str:
        """The path that it goes to."""
        raise NotImplementedError

    def offered(self) -> tuple[str, ...]:
        """The subprotocols to offer."""
        return ()

    def listener(self, stage: "Stage") -> "Listener":
        """Who listens."""
        raise NotImplementedError

    async def converse(self, stage: "Stage") -> None:
        """What is said once it is open; what did not hold is left with the stage.

        Raises:
            Ended: the connection is closed.
            Broken: something did not hold, and it cannot go on.
        """
        raise NotImplementedError

    async def run(self, run: Run) -> Result:
        """Open, converse, close."""
        from bot.probes.steps.stage import Stage

        result = Result()
        opening = await self.opening(run, result)
        if opening is not None:
            await Stage(self, opening, run).play(result)
        return result

    async def opening(self, run: Run, result: Result) -> Opening | None:
        """What the handshake needs; None when signing in failed."""
        target = templates.fill_target(self.target(), run.captured)
        headers = [(name, one_line(templates.fill(value, run.captured))) for name, value in self.headers.items()]
        offered = [*self.offered()]
        token = None
        if self.login is not None:
            credential = await run.context.credential(self.login, run.clock.left())
            ok = credential.failure is None
            actual = credential.failure or "a credential"
            result.check("sign-in", ok=ok, expected="a credential", actual=actual, evidence=credential.evidence)
            if not ok:
                return None
            token = credential.token
            place, _, name = self.token_in.partition(":")
            if place == "header":
                headers += credential.headers_at(run.context.url + target)
            elif place == "query":
                target += f"{'&' if '?' in target else '?'}{quote(name)}={quote(token, safe='')}"
            elif place == "subprotocol":
                if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", token):
                    raise Unmeasurable("the token cannot be a subprotocol", "put it elsewhere with `token_in`")
                offered += [name, token]
        return Opening(run.context.url + target, headers, offered, self.origin, token)

    def ours(self) -> bool:
        """Are we the ones to close?"""
        # the other codes are for a service to send (RFC 6455, section 7.4.1), so it has to close
        return self.close is None or self.close in {1000, 1001} or self.close >= 3000

    def with_token(self, value: JsonValue, stage: "Stage") -> JsonValue:
        """A message with what was captured, and with the token for `{token}` where it belongs into a message."""
        names = dict(stage.run.captured)
        if self.token_in == "message" and stage.opening.token is not None:  # noqa: S105 - a place
            names[TOKEN] = stage.opening.token
        return templates.fill_all(value, names)
