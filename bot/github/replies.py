"""Answers to a comment: reactions to it, and one comment for each command, which a second run of the job does not repeat."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, TypeVar

from bot.github.client import Client, Denied, Missing, Unsure
from bot.github.comment import Sticky, fitting
from bot.github.said import Said
from bot.model.errors import GitHubError

_T = TypeVar("_T")
OURS = "<!-- stability-proof:v1"
DONE, FAILED = "<!-- done -->", "<!-- not done -->"
TRIES = 4
PERMISSION = "issues: write"

Reaction = Literal["eyes", "rocket", "-1"]


class Replies:
    """What is answered to one comment. `denied` says, once, that the token may not answer."""

    def __init__(self, client: Client, said: Said) -> None:
        self.client = client
        self.said = said
        self.denied: str | None = None
        self._author = Sticky(client, OURS)
        self._known: dict[int, str] | None = None

    def react(self, content: Reaction) -> bool:
        """Leave a reaction; GitHub keeps one of each kind. Whether the comment is still there: its author may delete it."""
        path = f"/repos/{self.client.name}/issues/comments/{self.said.id}/reactions"
        requester = self.client.github.requester
        try:
            self._try(
                lambda: self.client.call(
                    PERMISSION, lambda: requester.requestJsonAndCheck("POST", path, input={"content": content})
                )
            )
        except Missing:
            return False
        return True

    def done(self, number: int) -> bool:
        """Whether this command was carried out, by what an earlier run of the job has answered."""
        if self._known is None:
            self._known = self._try(self._answered) or {}
        return DONE in self._known.get(number, "").split("\n", 2)[1:2]

    def say(self, number: int, text: str, *, done: bool) -> None:
        """Answer a command, instead of what was answered before.

        Raises:
            GitHubError: GitHub would not take it.
        """
        body = fitting(f"{self._marker(number)}\n{DONE if done else FAILED}\n{text}")
        self._try(lambda: self._write(number, body))

    def _write(self, number: int, body: str) -> None:
        issue = self.client.repository.get_issue(self.said.number)
        for _ in range(TRIES):
            mine = self.client.call(PERMISSION, lambda: self._mine(issue.get_comments(), number))
            try:
                if mine is None:
                    self.client.call(PERMISSION, lambda: issue.create_comment(body), repeatable=False)
                elif mine.body != body:
                    self.client.call(PERMISSION, partial(mine.edit, body))
                return
            except (Missing, Unsure):
                continue  # it was deleted meanwhile; or it may be there: look again before it is sent again
        raise GitHubError("GitHub would not take the reply")

    def _answered(self) -> dict[int, str]:
        """The beginnings of our own answers to this comment, by the command's number."""
        issue = self.client.repository.get_issue(self.said.number)
        start = self._marker(0)[: -len("0 -->")]

        def read() -> dict[int, str]:
            found: dict[int, str] = {}
            for each in issue.get_comments():
                body = each.body or ""
                number, _, _ = body[len(start) :].partition(" ")
                if body.startswith(start) and number.isdecimal() and self._is_ours(each):
                    found[int(number)] = body[:400]
            return found

        return self.client.call("issues: read", read)

    def _mine(self, comments: Iterable[Any], number: int) -> Any:
        marker = self._marker(number)
        return next((each for each in comments if (each.body or "").startswith(marker) and self._is_ours(each)), None)

    def _is_ours(self, comment: Any) -> bool:
        return comment.user is not None and comment.user.login == self._author.author

    def _marker(self, number: int) -> str:
        return f"{OURS} reply={self.said.id}/{number} -->"

    def _try(self, act: Callable[[], _T]) -> _T | None:
        """Without the permission nothing is answered, and what was asked for is done all the same."""
        if self.denied is not None:
            return None
        try:
            return act()
        except Denied as error:
            self.denied = f"the comment was not answered: {error}"
        return None
