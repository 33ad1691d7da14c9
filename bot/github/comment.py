"""The one comment that a verdict has in each place: found by marker and author, edited in place, never a second one."""

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from bot.github import threads
from bot.github.client import Client, Denied, Missing, Unsure
from bot.github.graphql import query
from bot.github.turn import NEVER, Turn, turn_of
from bot.model.errors import GitHubError

LIMIT = 65_536
"""GitHub's limit for a body, in characters."""
ACTIONS = "github-actions[bot]"
ROOM = 400
"""Characters that a cut text keeps for its ending."""
TRIES = 6
MARGIN = timedelta(seconds=10)
"""How much earlier than our first look a comment is asked for that another run may have made since: GitHub's own clocks."""


class Written(NamedTuple):
    """Where the comment is, and whether it shows the verdict of a run that began later.

    `denied` says why an older one stands above it, where it could not be edited in place.
    """

    url: str
    superseded: bool
    denied: str | None = None


class _Comment(Protocol):
    id: int
    body: str
    html_url: str
    created_at: datetime

    @property
    def user(self) -> Any: ...
    def edit(self, body: str) -> None: ...
    def delete(self) -> None: ...


class _Thread(NamedTuple):
    """Where comments are, and the permissions to write one and to edit it. A commit has no number."""

    number: int | None
    permission: str
    to_edit: str
    comments: Callable[[datetime | None], Iterable[Any]]
    comment: Callable[[int], Any]
    create: Callable[[str], Any]


def marker(service: str, environment: str) -> str:
    """The hidden first line, by which a comment is recognised."""
    return f"<!-- stability-proof:v1 key={service}/{environment} -->"


class Sticky:
    """Writes the comment of one target. `author` is whose comments are ours: a marker alone can be pasted by anybody.

    `believes` is asked about a turn after our own that a comment says, and the number that it stands on: anybody who may
    triage can have written it.
    """

    def __init__(self, client: Client, key: str) -> None:
        self.client = client
        self.key = key
        self.believes: Callable[[Turn, int | None], bool] = lambda _turn, _number: True
        self._author: str | None = None
        self._seen: dict[int, tuple[int, ...]] = {}
        self._looked = 0.0

    @property
    def author(self) -> str:
        """Our own login.

        Raises:
            GitHubError: GitHub did not say. Then nothing may be written: whoever does not know its own comment makes a
                second one.
        """
        if self._author is None and self.client.token.startswith("ghs_"):
            self._author = self._app()  # the token of an app, which has no user to ask for
        if self._author is None:
            try:
                self._author = self.client.call("metadata: read", lambda: self.client.github.get_user().login)
            except Denied:
                self._author = self._app()
        return self._author

    def _app(self) -> str:
        """The login of the app that the token belongs to: it may not ask for its user, but for who is looking."""

        needs = {"viewer": "metadata: read"}
        try:
            name = query(
                self.client, needs, "query { viewer { login } }", {}, lambda data: str(data["viewer"]["login"])
            )
        except (Denied, Missing):
            return ACTIONS
        # REST says github-actions[bot] of what GraphQL may call github-actions
        return name.removesuffix("[bot]") + "[bot]"

    def look(self, issues: Sequence[int], pulls: Sequence[int]) -> None:
        """Look into several threads at once, before each is written to. One that could not be seen is listed then."""
        self._looked = self.client.clock.monotonic()
        kinds = dict.fromkeys(issues, "issue") | dict.fromkeys(pulls, "pullRequest")
        try:
            author = self.author
        except GitHubError:
            return  # whoever writes says so
        self._seen = threads.found(
            self.client, kinds, lambda login, body: login == author and body.startswith(self.key)
        )

    def on_issue(self, number: int, body: str) -> Written:
        """Write it on an issue or a pull request. `body` begins with the line of its run's turn."""
        issue = self.client.repository.get_issue(number)
        both = "issues: write"

        def comment(found: int) -> Any:
            each = issue.get_comment(found)
            each.complete()
            return each

        def comments(since: datetime | None) -> Iterable[Any]:
            return issue.get_comments(since) if since else issue.get_comments()

        thread = _Thread(number, both, both, comments, comment, issue.create_comment)
        return self._write(thread, body, self._seen.pop(number, None))

    def on_commit(self, sha: str, body: str) -> Written:
        """Write it on a commit that no pull request brought in.

        Without `contents: write` there can be several: GitHub lets any reader write one there, and only who may push edit
        it (docs.github.com, "Permissions required for GitHub Apps"). One with another heading is then written
        beneath, so that the last one is true.
        """
        commit = self.client.repository.get_commit(sha)
        thread = _Thread(
            None,
            "contents: read",
            "contents: write",
            lambda _since: commit.get_comments(),
            self.client.repository.get_comment,
            commit.create_comment,
        )
        return self._write(thread, body, None)

    def _write(self, thread: "_Thread", body: str, seen: tuple[int, ...] | None) -> Written:
        """Look, write, and after a creation look again: two runs at once may both have found no comment.

        `seen` are ours by a look that was taken already. What we made ourselves is ours, though GitHub's list may have it
        a moment later.
        """
        text = fitting(f"{self.key}\n{body}")
        looked = self.client.clock.monotonic() if seen is None else self._looked
        made: _Comment | None = None
        for attempt in range(TRIES):
            mine = self._now(thread, seen, made, looked)
            seen = None
            try:
                if mine:
                    return self._settle(thread, mine, text)
                made = self._create(thread, text)
            except Missing:
                if not mine:
                    raise
                made = None  # somebody deleted it meanwhile
            except Unsure:
                # it may have been done: look again before it is sent again
                self.client.pause(attempt)
        raise GitHubError("GitHub would not take the comment")

    def _now(
        self, thread: "_Thread", seen: tuple[int, ...] | None, made: _Comment | None, looked: float
    ) -> list[_Comment]:
        """Ours as they are now. Once one was made only what came since the first look is asked for: there was none."""
        if seen is not None:
            return [each for number in seen if (each := self._still(thread, number)) is not None]
        since: datetime | None = None
        if made is not None:
            passed = timedelta(seconds=self.client.clock.monotonic() - looked)
            since = made.created_at - passed - MARGIN
        found = self.client.call(thread.permission, lambda: self._mine(thread.comments(since)))
        if made is not None and made.id not in {each.id for each in found}:
            found = sorted([*found, made], key=lambda each: each.id)
        return found

    def _still(self, thread: "_Thread", number: int) -> _Comment | None:
        """One of ours, unless somebody deleted it or took its marker away."""
        try:
            found = self.client.call(thread.permission, lambda: self._mine([thread.comment(number)]))
        except Missing:
            return None
        return found[0] if found else None

    def _create(self, thread: "_Thread", text: str) -> _Comment:
        def act() -> _Comment:
            made: _Comment = thread.create(text)
            if not isinstance(made.html_url, str) or not isinstance(made.created_at, datetime):
                raise TypeError("a comment without an address or a time")
            return made

        return self.client.call(thread.permission, act, repeatable=False)

    def _settle(self, thread: "_Thread", mine: list[_Comment], text: str) -> Written:
        """The oldest of our comments stays, and holds the verdict of the run that began last."""
        oldest, *others = mine
        now = self.client.now()
        ours = turn_of(text, now)
        turns = {each.id: self._believed(turn_of(each.body, now), ours, thread.number) for each in mine}
        newest = max(mine, key=lambda each: turns[each.id])
        superseded = turns[newest.id] > ours
        wanted = newest.body if superseded else text
        try:
            if oldest.body != wanted:
                self.client.call(thread.to_edit, lambda: oldest.edit(wanted), repeatable=False)
            for each in others:
                with contextlib.suppress(Missing):
                    self.client.call(thread.to_edit, each.delete)
        except Denied as error:
            if thread.to_edit == thread.permission:
                raise
            last = mine[-1]
            if superseded or headline(last.body) == headline(text):
                return Written(last.html_url, superseded, str(error))
            return Written(self._create(thread, text).html_url, superseded, str(error))
        return Written(oldest.html_url, superseded)

    def _believed(self, turn: Turn, ours: Turn, number: int | None) -> Turn:
        return turn if turn <= ours or self.believes(turn, number) else NEVER

    def _mine(self, comments: Iterable[_Comment]) -> list[_Comment]:
        """Ours, oldest first."""
        found = [
            each
            for each in comments
            if (each.body or "").startswith(self.key) and each.user is not None and each.user.login == self.author
        ]
        return sorted(found, key=lambda each: each.id)


def headline(body: str) -> str:
    """Its first heading, which says the verdict; a note may stand above it."""
    return next((each for each in body.splitlines() if each.startswith("## ")), "")


def fitting(text: str) -> str:
    """The text, cut where GitHub would refuse it, with what it leaves open closed."""
    if len(text) <= LIMIT:
        return text
    cut = text[: LIMIT - ROOM]
    whole, _, last = cut.rpartition("\n")
    if len(last) < len(whole):
        cut = whole
    fence, opened = _left_open(cut)
    closing = (f"\n{fence}" if fence else "") + "\n\n</details>" * opened
    ending = "\n\n*This comment was cut: the rest is in the full report.*\n"
    return cut + closing[: ROOM - len(ending)] + ending


def _left_open(text: str) -> tuple[str, int]:
    """The fence that is open at the end, and how many details are. What a fence shows opens and closes nothing."""
    fence, opened = "", 0
    for line in text.splitlines():
        ticks = re.match("`{3,}", line)
        if ticks and not fence:
            fence = ticks[0]
        elif ticks and len(ticks[0]) >= len(fence) and not line.strip("` "):
            fence = ""
        elif not fence:
            opened = max(0, opened + len(re.findall(r"<details\b", line)) - line.count("</details>"))
    return fence, opened
