"""A comment that somebody wrote on GitHub, and that may hold commands for the bot."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """What an `issue_comment` event says of a comment. Nothing in it is to be trusted.

    `number` is the issue's or the pull request's that it was written on; `association` the author's to the repository,
    as GitHub calls it (`MEMBER`, `CONTRIBUTOR`, …); `at` when it was written, by GitHub's clock (ISO 8601, UTC).
    """

    id: int
    body: str
    author: str
    association: str
    number: int
    on_pull_request: bool
    url: str
    at: str
