"""Confirming a failure at once: a probe that fails is tried again, so that nobody has to wonder whether it was chance."""

from collections.abc import Iterator, Sequence

from bot.model import Check, Observation
from bot.probes.side import Side

TRIES = 3
"""Observations of a probe that the candidate fails, on either side."""
MOST_TRIES = 10
"""The same where those of one side disagree."""
TOO_LONG = 5.0
"""Seconds; a probe that takes longer is not tried again."""


class Confirming:
    """The observations of one probe on one side, and the one that they come to."""

    def __init__(self, side: Side, name: str) -> None:
        self.side = side
        self._name = name
        self._made: list[Observation] = []
        self._longest = 0.0

    @property
    def failed(self) -> bool:
        """Was any of them broken?"""
        return any(each.state == "broken" for each in self._made)

    def add(self, observation: Observation, seconds: float) -> None:
        """Take one observation; one that says nothing of the service counts only where there is no other."""
        self._longest = max(self._longest, seconds)
        if self._made and observation.state == "not measured":
            self._longest = TOO_LONG + seconds  # to try on would say no more
            return
        self._made.append(observation)
        self.side.observed[self._name] = combined(self._made)

    def worth_another(self, both: Sequence["Confirming"]) -> bool:
        """Would another observation say more?"""
        if self._longest > TOO_LONG or self._made[0].state == "not measured":
            return False
        disputed = any(each.disputed for each in both)
        return len(self._made) < (MOST_TRIES if disputed else TRIES)

    @property
    def disputed(self) -> bool:
        """Do they disagree?"""
        return len({each.state for each in self._made}) > 1


def combined(made: Sequence[Observation]) -> Observation:
    """The first failing observation, and with each check how often it was made, and how often it did not hold."""
    kept = next((each for each in made if each.state == "broken"), made[0])
    if len(made) < 2:
        return kept
    return kept.model_copy(update={"checks": tuple(_counted(kept, made))})


def _counted(kept: Observation, made: Sequence[Observation]) -> Iterator[Check]:
    every = [kept, *(each for each in made if each is not kept)]
    for name in dict.fromkeys(check.id for each in every for check in each.checks):
        tries = [found for each in every if (found := [check for check in each.checks if check.id == name])]
        failed = [check for checks in tries for check in checks if not check.ok]
        failures = sum(1 for checks in tries if not all(check.ok for check in checks))
        yield (failed or tries[0])[0].model_copy(update={"tries": len(tries), "failures": failures})
