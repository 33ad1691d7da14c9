"""The commit status, which is the gate, and the check run, which is the rich view beside it.

Their names differ: a status and a check of one name would both be required. The status gates, because a check run of the
runner's token can land in another workflow's suite.
"""

from typing import TYPE_CHECKING, Any, Literal

from bot.github.client import Client, Unsure

if TYPE_CHECKING:
    from github.CheckRun import CheckRun

DESCRIPTION = 140
TEXT = 65_535
State = Literal["pending", "success", "failure", "error"]
STATES: dict[str, State] = {"stable": "success", "first run": "success", "unstable": "failure", "inconclusive": "error"}
CONCLUSIONS = {
    "stable": "success",
    "first run": "success",
    "unstable": "failure",
    # neutral would let a required check pass
    "inconclusive": "action_required",
}


class Gate:
    """The status and the check of one commit and environment."""

    def __init__(self, client: Client, sha: str, environment: str, url: str | None) -> None:
        self.client = client
        self.sha = sha
        self.url = url
        self.context = f"stability-proof / {environment}"[:255]
        self.name = f"Stability Proof report ({environment})"

    def status(self, state: State, description: str) -> None:
        """Set the status. A repeated one is harmless: the newest counts."""
        text = description if len(description) <= DESCRIPTION else description[: DESCRIPTION - 1] + "…"
        fields = {"target_url": self.url} if self.url else {}
        self.client.call(
            "statuses: write",
            lambda: self.client.repository.get_commit(self.sha).create_status(
                state, description=text, context=self.context, **fields
            ),
        )

    def begin_check(self) -> int | None:
        """Create the check as in progress, and give its id; None when that is not known: `end_check` looks again."""
        try:
            check = self.client.call(
                "checks: write",
                lambda: self.client.repository.create_check_run(
                    self.name, self.sha, status="in_progress", **self._link()
                ),
                repeatable=False,
            )
        except Unsure:
            return self._open()
        return check.id

    def end_check(self, number: int | None, conclusion: str, title: str, summary: str, text: str = "") -> str | None:
        """Complete the check, or create it complete, and give its URL. A repeated one is harmless: the newest counts."""
        output: dict[str, Any] = {"title": title[:250], "summary": summary[:TEXT]}
        if text:
            output["text"] = text[:TEXT]
        if number is None:
            number = self._open()  # its beginning may have been done though it failed, or have been killed just after
        if number is None:
            created = self.client.call(
                "checks: write",
                lambda: self.client.repository.create_check_run(
                    self.name, self.sha, status="completed", conclusion=conclusion, output=output, **self._link()
                ),
            )
            return created.html_url
        check: CheckRun = self.client.call("checks: write", lambda: self.client.repository.get_check_run(number))
        self.client.call("checks: write", lambda: check.edit(status="completed", conclusion=conclusion, output=output))
        return check.html_url

    def cancel_check(self, number: int | None, reason: str) -> None:
        """Close the check that was begun, if there is one: there will be no verdict."""
        number = self._open() if number is None else number
        if number is not None:
            self.end_check(number, "cancelled", "No verdict", reason)

    def _open(self) -> int | None:
        """The check that this workflow run began on this commit, if it is still open."""

        def look() -> int | None:
            runs = self.client.repository.get_commit(self.sha).get_check_runs(check_name=self.name)
            return next((each.id for each in runs if each.status == "in_progress" and self._is_ours(each)), None)

        return self.client.call("checks: write", look)

    def _is_ours(self, check: "CheckRun") -> bool:
        return self.url is None or check.external_id == self.url

    def _link(self) -> dict[str, Any]:
        """The run's page; and its mark, since GitHub may show a page of its own for the checks of its own app."""
        return {"details_url": self.url, "external_id": self.url} if self.url else {}
