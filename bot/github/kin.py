"""Which commits the deployed one stands on, by GitHub's own comparison."""

from collections.abc import Callable
from urllib.parse import quote

from bot.github.client import Client, Missing
from bot.model.errors import GitHubError


class Kin:
    """Asks about each commit once. `head` is the deployed commit, or another that is to stand on it."""

    def __init__(self, client: Client, head: Callable[[], str]) -> None:
        self.client = client
        self.head = head
        self._known: dict[str, bool] = {}

    def stranger(self, commit: str) -> str | None:
        """Why the deployed commit does not stand on this one; None when it does.

        Raises:
            GitHubError: GitHub is out of reach, or answers what it never does.
        """
        if commit not in self._known:
            path = f"/repos/{self.client.name}/compare/{quote(commit, safe='')}...{quote(self.head())}"
            try:
                compared = self.client.json("contents: read", "GET", path)
            except Missing:
                return "its commit is not there any more"
            if not isinstance(compared, dict):
                raise GitHubError("GitHub's comparison of two commits is not understood")
            self._known[commit] = compared.get("status") in ("ahead", "identical")
        return None if self._known[commit] else "its commit is no ancestor of this one"
