"""Who said something about a run that is kept, when, where and why."""

from pydantic import Field

from bot.model.history import TIME
from bot.model.value import Value


class Mark(Value):
    """A maintainer's word: `source` is the address of the comment that says it."""

    by: str = Field(min_length=1, max_length=100)
    reason: str = Field(max_length=1000)
    at: str = Field(pattern=TIME)
    source: str = Field(max_length=1000)
