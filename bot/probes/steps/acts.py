"""What can be done on an open socket, one after the other: the items of `talk`."""

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, ValidatorFunctionWrapHandler, WrapValidator

from bot.model.duration import Duration, format_duration
from bot.probes.probe import Unmeasurable
from bot.probes.steps.act import Act, Base64
from bot.probes.steps.hears import Events, Expect, ExpectBase64, ExpectText

if TYPE_CHECKING:
    from bot.probes.steps.stage import Stage


class Send(Act):
    """Send one message, or several."""

    key: ClassVar[str] = "send"

    send: JsonValue
    """A string as it is, anything else as JSON; a list is several messages."""

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Send it."""
        from bot.probes.steps.conversation import as_text

        filled = stage.step.with_token(self.send, stage)
        await stage.listener.send([as_text(each) for each in (filled if isinstance(filled, list) else [filled])])


class SendBase64(Act):
    """Send a binary message."""

    key: ClassVar[str] = "send_base64"

    send_base64: Base64
    """Its bytes in base64."""

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Send it."""
        await stage.listener.send([base64.b64decode(self.send_base64)])


class Pause(Act):
    """Do nothing for a while; what comes meanwhile is taken afterwards."""

    key: ClassVar[str] = "pause"

    pause: Duration
    """How long."""

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Wait."""
        await asyncio.sleep(stage.run.clock.left(self.pause))


class Idle(Act):
    """Send nothing for a while, not even pings: the socket must stay open."""

    key: ClassVar[str] = "idle"

    idle: Duration
    """How long."""

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Wait, and see whether it stays open."""
        from bot.probes.steps.conversation import Ended

        how_long = format_duration(self.idle)
        if stage.run.clock.left() < self.idle:
            raise Unmeasurable(
                f"the probe's time is over before the socket was idle for {how_long}", "raise the probe's `timeout`"
            )
        end, actual = time.perf_counter() + self.idle, "open"
        try:
            while (left := end - time.perf_counter()) > 0:
                await stage.listener.next(left)
        except Ended as ended:
            actual = str(ended)
        stage.hold(f"{prefix}idle", ok=actual == "open", expected=f"open for {how_long}", actual=actual)


class Ping(Act):
    """Ping, and take the time of the round trip."""

    key: ClassVar[str] = "ping"

    ping: Literal[True]
    """Always `true`."""
    within: Duration = 10.0
    """The most that it may take (10s)."""

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Ping."""
        from bot.probes.steps.conversation import Ended

        limit = f"within {format_duration(self.within)}"
        try:
            took = await stage.talk.ping(stage.run.clock.left(self.within))
            actual = f"no answer to our ping {limit}"
        except Ended as ended:
            took, actual = None, str(ended)
        if took is not None:
            stage.times[f"{prefix}ping"] = took
            actual = "a pong"
        stage.hold(f"{prefix}ping", ok=took is not None, expected=f"a pong {limit}", actual=actual)

    def times(self) -> tuple[str, ...]:
        """The round trip."""
        return ("ping",)


class Reopen(Act):
    """Close the socket, and open another in the same way."""

    key: ClassVar[str] = "reopen"

    reopen: Literal[True]
    """Always `true`."""
    code: int = Field(1000, ge=1000, le=4999)
    """The code to close with."""
    after: Duration = 0.0
    """How long it stays closed."""

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Close, and open again."""
        await stage.talk.close(self.code)
        await asyncio.sleep(stage.run.clock.left(self.after))
        await stage.reopen(prefix)

    def times(self) -> tuple[str, ...]:
        """The time of the new handshake."""
        return ("handshake",)


ACTS: dict[str, type[Act]] = {
    act.key: act for act in (Send, SendBase64, Events, Expect, ExpectText, ExpectBase64, Pause, Idle, Ping, Reopen)
}


def _by_its_key(data: object, _handler: ValidatorFunctionWrapHandler) -> Act:
    if isinstance(data, Act):
        return data
    kinds = [key for key in ACTS if key in data] if isinstance(data, dict) else []
    if len(kinds) != 1:
        named = " and ".join(kinds) or "none"
        raise ValueError(f"an item of `talk` has one of: {', '.join(ACTS)}; this one has {named}")
    return ACTS[kinds[0]].model_validate(data)


AnyAct = Annotated[
    Send | SendBase64 | Events | Expect | ExpectText | ExpectBase64 | Pause | Idle | Ping | Reopen,
    WrapValidator(_by_its_key),
]
