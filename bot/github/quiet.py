"""A verdict that nobody is to be told of and that settles nothing: a status and a check, and no more."""

from typing import Any, Literal

from bot.github import gate
from bot.github.publisher import Publication, Publisher, Texts
from bot.model.errors import GitHubError


class GateAlone(Publisher):
    """What a rehearsal and a refresh put on GitHub: no comment, no issue, no record of a deployment."""

    def begin(self) -> None:
        """As `Publisher.begin`."""
        self._try("the status", lambda: self.gate.status("pending", "The proof is under way"))
        self.check = self._try("the check", self.gate.begin_check)

    def closes(self) -> tuple[int, ...]:
        """No issue: this verdict says nothing of any."""
        return ()

    def publish(self, texts: Texts, close: Literal["stable", "never"], lapses: Any = None) -> Publication:
        """Write the check and, last, the status. Issues are not even looked for.

        Raises:
            GitHubError: GitHub was out of reach for some of it.
        """
        del close, lapses
        self.done = Publication()
        conclusion = gate.CONCLUSIONS[texts.verdict]
        self._try("the check", lambda: self.gate.end_check(self.check, conclusion, texts.title, texts.summary))
        self._try("the status", lambda: self.gate.status(gate.STATES[texts.verdict], texts.status))
        if self.done.failed:
            raise GitHubError(f"the verdict could not be put on GitHub: {'; '.join(dict.fromkeys(self.done.failed))}")
        return self.done

    def abandon(self, reason: str) -> None:
        """As `Publisher.abandon`."""
        self._try("the check", lambda: self.gate.cancel_check(self.check, reason))
        self._try("the status", lambda: self.gate.status("error", reason))
