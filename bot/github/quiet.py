"""A verdict that nobody is to be told of and that settles nothing: a status and a check, and no more."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

from bot.github.client import Client
from bot.github.event import Activity, Kind
from bot.github.publisher import Publication, Publisher, Texts
from bot.github.turn import Turn
from bot.model import Lapse
from bot.model.errors import GitHubError


class GateAlone(Publisher):
    """What a rehearsal and a refresh put on GitHub: no comment, no issue, no record of a deployment.

    A queue's commit becomes the default branch's, so that its rehearsal and its deploy can be about one commit at once.
    The turns are kept as `Publisher` keeps them; and any run that began later has the word over this one.
    """

    def __init__(
        self, client: Client, activity: Activity, sha: str, service: str, environment: str, run_url: str | None
    ) -> None:
        super().__init__(client, activity, sha, service, environment, run_url)
        self.gate.heard = frozenset(get_args(Kind))

    def closes(self) -> tuple[int, ...]:
        """No issue: this verdict says nothing of any."""
        return ()

    def publish(
        self,
        texts: Texts,
        close: Literal["stable", "never"],
        lapses: Mapping[int, Lapse] | None = None,
        mended: Mapping[int, Lapse] | None = None,
    ) -> Publication:
        """Write the check and, last, the status. Issues are not even looked for.

        Raises:
            GitHubError: GitHub was out of reach for some of it.
        """
        del close, lapses, mended
        self.done = Publication()
        turn = self.turn or Turn(self.client.now(), 0)
        newer = self._others(turn).newer
        if newer is None:
            self._end_check(texts, turn)
            self._end_status(texts)
            after = self._others(turn)
            newer = after.newer
            if newer is None and after.older:
                self._end_check(replace(texts, annotations=()), turn)
        if newer is not None:
            self._give_way(newer, None)
        self.done.denied = list(dict.fromkeys(self.done.denied))
        if self.done.failed:
            raise GitHubError(f"the verdict could not be put on GitHub: {'; '.join(dict.fromkeys(self.done.failed))}")
        return self.done
