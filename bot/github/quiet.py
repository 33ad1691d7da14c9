"""A verdict that nobody is to be told of and that settles nothing: a status and a check, and no more."""

from typing import Any, Literal

from bot.github import gate
from bot.github.publisher import Publication, Publisher, Texts
from bot.github.turn import Turn
from bot.model.errors import GitHubError


class GateAlone(Publisher):
    """What a rehearsal and a refresh put on GitHub: no comment, no issue, no record of a deployment."""

    def begin(self) -> None:
        """As `Publisher.begin`."""
        self.turn = self._try("the status", lambda: self.gate.status("pending", "The proof is under way"))
        self.check = self._try("the check", self.gate.begin_check)

    def closes(self) -> tuple[int, ...]:
        """No issue: this verdict says nothing of any."""
        return ()

    def publish(self, texts: Texts, close: Literal["stable", "never"], lapses: Any = None) -> Publication:
        """Write the check and, last, the status; where a newer run has its verdict, that one's instead. Issues are not
        even looked for.

        Raises:
            GitHubError: GitHub was out of reach for some of it.
        """
        del close, lapses
        self.done = Publication()
        turn = self.turn or Turn(self.client.now(), 0)
        newer = self._others(turn).newer
        if newer is None:
            conclusion = gate.CONCLUSIONS[texts.verdict]
            self._try("the check", lambda: self.gate.end_check(self.check, conclusion, texts.title, texts.summary))
            self._end_status(texts)
            newer = self._others(turn).newer
        if newer is not None:
            self._give_way(newer, None)
        if self.done.failed:
            raise GitHubError(f"the verdict could not be put on GitHub: {'; '.join(dict.fromkeys(self.done.failed))}")
        return self.done

    def abandon(self, reason: str) -> None:
        """As `Publisher.abandon`."""
        self._abandon_gate(reason)
