"""What somebody did to a baseline by a comment."""

from pydantic import Field

from bot.model.history import TIME
from bot.model.value import Value


class Mark(Value):
    """Who did it, why and when; `source` is the URL of the comment."""

    by: str
    reason: str
    at: str = Field(pattern=TIME)
    source: str
