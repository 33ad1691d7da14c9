"""The commit status, which is the gate, and the check run, which is the rich view beside it.

Their names differ: a status and a check of one name would both be required. The status gates, because a check run of the
runner's token can land in another workflow's suite.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bot.github.annotations import Annotation
from bot.github.client import Client, Unsure
from bot.github.event import Kind
from bot.github.turn import Turn
from bot.model.errors import GitHubError

if TYPE_CHECKING:
    from github.CheckRun import CheckRun

DESCRIPTION = 140
TEXT = 65_535
MOST_ANNOTATIONS = 50
"""In one request (GitHub's OpenAPI, `checks/update`); more are added by further ones."""
TRIES = 6
MOST_PAGES = 10
"""Of statuses: GitHub takes 1,000 of one name."""
State = Literal["pending", "success", "failure", "error"]
STATES: dict[str, State] = {"stable": "success", "first run": "success", "unstable": "failure", "inconclusive": "error"}
CONCLUSIONS = {
    "stable": "success",
    "first run": "success",
    "unstable": "failure",
    # neutral would let a required check pass
    "inconclusive": "action_required",
}
LABELS: dict[Kind, str] = {"rehearse": "before the merge", "refresh": "refresh", "probe": "deployed elsewhere"}
"""What a status and a check say in front, where the proof was not that of a deploy which keeps the traffic."""
SETTLING: frozenset[Kind] = frozenset({"prove", "probe"})
"""The kinds whose verdict stands in comments too. One that is a status and a check alone never has the word over them."""


class Final(NamedTuple):
    """How a run ended: the status that it left, and the page of the workflow run. `on_top`: it is the newest of all."""

    state: State
    description: str
    url: str
    on_top: bool


class Others(NamedTuple):
    """Other runs on this commit: the verdict of the last that began after ours and has one, and whether there is one that
    began before ours and was not ended by then."""

    newer: Final | None
    older: bool


def word_of(state: str, description: str, heard: frozenset[Kind] = SETTLING) -> str | None:
    """The verdict that a status of ours says; None where the run ended without any, or was of no kind that is `heard`."""
    first, _, rest = description.partition(": ")
    kind: Kind = next((each for each, label in LABELS.items() if label == first), "prove")
    word = (first if kind == "prove" else rest).partition(":")[0].lower()
    return word if STATES.get(word) == state and kind in heard else None


class Gate:
    """The status and the check of one commit and one target: `service / environment`.

    `heard` are the kinds of runs that have the word over ours where they began later.
    """

    def __init__(
        self, client: Client, sha: str, target: str, url: str | None, heard: frozenset[Kind] = SETTLING
    ) -> None:
        self.heard = heard
        self.client = client
        self.sha = sha
        self.url = url
        self.context = f"stability-proof / {target}"[:255]
        self.name = f"Stability Proof report ({target})"

    def status(self, state: State, description: str, url: str | None = None) -> Turn:
        """Set the status, and say when GitHub took it. A repeated one is harmless: the newest counts."""
        text = description if len(description) <= DESCRIPTION else description[: DESCRIPTION - 1] + "…"
        target = url or self.url
        fields = {"target_url": target} if target else {}

        def create() -> Turn:
            made = self.client.repository.get_commit(self.sha).create_status(
                state, description=text, context=self.context, **fields
            )
            return Turn(made.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"), made.id, self.sha)

        return self.client.call("statuses: write", create)

    def others(self, turn: Turn) -> Others:
        """What runs beside ours did, by the statuses that they set: nobody can change or take back one of these."""
        if not self.url or not turn.number:
            return Others(None, older=False)
        rows = list(self._statuses(turn))
        theirs = [each for each in rows if each["target_url"] and each["target_url"] != self.url]
        for begun in theirs:
            if begun["state"] != "pending" or begun["id"] < turn.number:
                continue
            for each in theirs:
                same = each["target_url"] == begun["target_url"] and each["id"] > begun["id"]
                if same and word_of(each["state"], str(each["description"] or ""), self.heard):
                    top = rows[0]["target_url"] == each["target_url"] and rows[0]["state"] == each["state"]
                    final = Final(each["state"], str(each["description"] or ""), each["target_url"], top)
                    return Others(final, older=False)
        newer = {each["target_url"] for each in theirs if each["state"] == "pending" and each["id"] > turn.number}
        last = {each["target_url"]: each for each in reversed(theirs) if each["target_url"] not in newer}.values()
        return Others(None, older=any(each["state"] == "pending" or each["id"] > turn.number for each in last))

    def confirms(self, claim: Turn) -> bool:
        """Whether another run began at that turn, by the statuses of its commit. One of another commit may be under way
        still: it writes later than we do. One of this commit has to have its verdict: else it puts right what we write."""
        rows = list(self._statuses(claim)) if claim.number and claim.commit else []
        begun = next((each for each in rows if each["id"] == claim.number), None)
        if begun is None or (begun["state"], begun["created_at"]) != ("pending", claim.began):
            return False
        if not begun["target_url"] or begun["target_url"] == self.url:
            return False
        last = next(each for each in rows if each["target_url"] == begun["target_url"])
        if last["state"] == "pending":
            return claim.commit != self.sha
        return word_of(last["state"], str(last["description"] or ""), self.heard) is not None

    def under_way(self) -> Turn | None:
        """The turn of another run on this commit, where its pending status is the newest of our name."""
        row = next(self._statuses(Turn("", 0, self.sha)), None)
        if row is None or row["state"] != "pending" or row["target_url"] == self.url:
            return None
        return Turn(str(row["created_at"]), int(row["id"]), self.sha)

    def _statuses(self, turn: Turn) -> Iterator[dict[str, Any]]:
        """The statuses of our name on a turn's commit, newest first, at least back to it: other programs set some too."""
        path = f"/repos/{self.client.name}/commits/{turn.commit or self.sha}/statuses"
        for page in range(1, MOST_PAGES + 1):
            found = self.client.json("statuses: read", "GET", path, per_page=100, page=page)
            yield from (each for each in found if each["context"] == self.context)
            if len(found) < 100 or found[-1]["id"] < turn.number:
                return

    def begin_check(self) -> int:
        """Create the check as in progress, and give its id. One that may have been created is looked for first."""
        for attempt in range(TRIES):
            try:
                check = self.client.call(
                    "checks: write",
                    lambda: self.client.repository.create_check_run(
                        self.name, self.sha, status="in_progress", **self._link()
                    ),
                    repeatable=False,
                )
            except Unsure:
                self.client.pause(attempt)
                if (number := self._open()) is not None:
                    return number
            else:
                return check.id
        raise GitHubError("GitHub would not take the check")

    def end_check(
        self,
        number: int | None,
        conclusion: str,
        title: str,
        summary: str,
        text: str = "",
        annotations: Sequence[Annotation] = (),
    ) -> str | None:
        """Complete the check, and give its URL. A repeated one is harmless: it says the same again."""
        output: dict[str, Any] = {"title": title[:250], "summary": summary[:TEXT]}
        if text:
            output["text"] = text[:TEXT]
        if number is None:
            number = self._open()  # its beginning may have been done though it failed, or have been killed just after
        if number is None:
            number = self.begin_check()
        check: CheckRun = self.client.repository.get_check_run(number)
        self._annotate(check, output, annotations)
        self.client.call("checks: write", lambda: check.edit(status="completed", conclusion=conclusion, output=output))
        return check.html_url

    def _annotate(self, check: "CheckRun", output: dict[str, Any], annotations: Sequence[Annotation]) -> None:
        """Add the annotations. An update adds to those that are there, so one whose fate is unknown is not sent again
        before they were counted."""
        done, tries = 0, 0
        while done < len(annotations):
            batch = annotations[done : done + MOST_ANNOTATIONS]
            more = output | {"annotations": [each.fields() for each in batch]}
            try:
                self.client.call("checks: write", lambda more=more: check.edit(output=more), repeatable=False)  # type: ignore[misc]
            except Unsure:
                tries += 1
                if tries >= TRIES:
                    raise GitHubError("GitHub would not take the annotations") from None
                self.client.pause(tries)
                if self._counted(check.id) < done + len(batch):
                    continue
            done += len(batch)

    def _counted(self, number: int) -> int:
        path = f"/repos/{self.client.name}/check-runs/{number}"
        return int(self.client.json("checks: write", "GET", path)["output"]["annotations_count"])

    def cancel_check(self, number: int | None, reason: str) -> None:
        """Close the check that was begun, if there is one: there will be no verdict."""
        number = self._open() if number is None else number
        if number is not None:
            self.end_check(number, "cancelled", "No verdict", reason)

    def ended_by(self, url: str) -> tuple[str, str, str] | None:
        """Conclusion, title and summary of the check that another run ended on this commit."""

        def look() -> tuple[str, str, str] | None:
            for each in self._checks():
                if each.external_id == url and each.status == "completed":
                    return str(each.conclusion), str(each.output.title or ""), str(each.output.summary or "")
            return None

        return self.client.call("checks: write", look)

    def _open(self) -> int | None:
        """The check that this workflow run began on this commit, if it is still open."""

        def look() -> int | None:
            return next(
                (each.id for each in self._checks() if each.status == "in_progress" and self._is_ours(each)), None
            )

        return self.client.call("checks: write", look)

    def _checks(self) -> "Any":
        """Of every run: what GitHub calls the latest may be another's."""
        return self.client.repository.get_commit(self.sha).get_check_runs(check_name=self.name, filter="all")

    def _is_ours(self, check: "CheckRun") -> bool:
        return self.url is None or check.external_id == self.url

    def _link(self) -> dict[str, Any]:
        """The run's page; and its mark, since GitHub may show a page of its own for the checks of its own app."""
        return {"details_url": self.url, "external_id": self.url} if self.url else {}
