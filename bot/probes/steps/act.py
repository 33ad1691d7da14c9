"""What every item of `talk` is."""

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from bot.probes.probe import Settings

if TYPE_CHECKING:
    from bot.probes.steps.stage import Stage


def _checked_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"this is no base64: {error}") from None
    return text


Base64 = Annotated[str, AfterValidator(_checked_base64)]


class Act(Settings):
    """One thing that is done on an open socket."""

    key: ClassVar[str]

    async def act(self, stage: "Stage", prefix: str, *, last: bool) -> None:
        """Do it.

        Raises:
            Broken: something did not hold.
        """
        raise NotImplementedError

    def times(self) -> tuple[str, ...]:
        """The times that it takes."""
        return ()

    def captures(self) -> frozenset[str]:
        """The names of what it captures."""
        return frozenset()
