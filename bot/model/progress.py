"""What the measuring side asks the judging side between rounds, so that neither imports the other."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from bot.model.observation import Series

SeriesKey = tuple[str, str]
"""(probe name, series id)."""


class Progress(NamedTuple):
    """`decided` series need no more samples; `stop` says that nothing more would change the verdict."""

    decided: frozenset[SeriesKey]
    stop: bool


class Watch(Protocol):
    """Called between rounds with all samples so far; pure, and quick."""

    def __call__(self, candidate: Mapping[SeriesKey, Series], baseline: Mapping[SeriesKey, Series]) -> Progress:
        """Which series are decided."""
        ...
