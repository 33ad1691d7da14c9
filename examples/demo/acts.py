"""The stage and the story: a stand-in for GitHub with issue #128, and the three acts that are played on it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from examples.chat.history import History
from tests import events
from tests.github_stand_in import StandIn
from tests.github_stand_in.runner import outputs, runner_environment

NAME = "example/chat"
ISSUE = 128


@dataclass(frozen=True)
class Act:
    """One deploy, and the verdict that the story says it ends in."""

    title: str
    revision: str
    event: str
    expected: str
    pull_request: int | None = None
    pull_title: str = ""
    pull_body: str = ""


ACTS = (
    Act("What is deployed today, measured by hand for issue #128", "base", "workflow_dispatch", "unstable"),
    Act(
        "The fix, merged as pull request #129",
        "fix",
        "pull_request_merged",
        "stable",
        129,
        "Mend the WebSocket",
        f"Fixes #{ISSUE}",
    ),
    Act(
        "A later pull request, #131, that looks harmless",
        "regression",
        "push",
        "unstable",
        131,
        "Harden password hashing and tidy the thread payload",
        "",
    ),
)


class Stage:
    """GitHub as it is at each moment of the story, and the runner that starts the action."""

    def __init__(self, folder: Path, history: History) -> None:
        self.folder = folder
        self.history = history
        self.repository = history.repository
        self.github = StandIn()
        self.world = self.github.repository(NAME, git=str(history.repository))
        self.world.branches["main"] = history.base
        self.world.open_issue("The agent never answers", "Sockets close with 1011, and no answer comes.", number=ISSUE)
        self._shown: dict[int, str] = {}
        self._variables: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.github.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.github.stop()

    def environment(self, act: Act, out: Path) -> dict[str, str]:
        """What happened on GitHub, and the variables of the runner that it started."""
        sha: str = getattr(self.history, act.revision)
        if act.pull_request is not None:
            head: str = getattr(self.history, f"{act.revision}_head")
            self.world.open_pull(
                act.pull_title, act.pull_body, number=act.pull_request, head=act.revision, head_sha=head
            )
            self.world.merge(act.pull_request, commit=sha)
        number = act.pull_request if act.event.startswith("pull_request") else None
        event = events.load(act.event, self.github, self.world, number=number)
        runner = self.folder / "runner" / act.revision
        shutil.rmtree(runner, ignore_errors=True)
        given = {"out": str(out), "baseline": str(self.folder / "baselines")}
        if act.event == "workflow_dispatch":
            given["issue"] = str(ISSUE)
        self._variables = runner_environment(self.github, event, runner, inputs=given)
        return self._variables

    def outputs(self) -> dict[str, str]:
        """What the action left for the steps after it."""
        return outputs(self._variables)

    def issue(self) -> str:
        """The state of issue #128."""
        issue = self.world.issues[ISSUE]
        return f"{issue.state} ({issue.state_reason})" if issue.state_reason else issue.state

    def new_comments(self) -> dict[str, list[str]]:
        """The comments that are new or were edited since the last time, and the places that each one stands in."""
        found: dict[str, list[str]] = {}
        for each in self.world.comments.values():
            if self._shown.get(each.id) != each.body:
                self._shown[each.id] = each.body
                place = f"#{each.number}" if each.number is not None else "the commit"
                found.setdefault(each.body, []).append(place)
        return found
