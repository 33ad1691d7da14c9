"""Several runs about one change, each of any kind, and what they write."""

from bot.github.client import Client
from bot.github.comment import marker
from bot.github.event import Activity, Kind
from bot.github.publisher import Publisher, Texts
from bot.github.quiet import GateAlone
from bot.stages.kinds import labelled
from tests.github_stand_in import Repository, StandIn

KEY = marker("chat", "staging")


def changed(github: StandIn) -> Repository:
    """A repository with issue 1, and pull request 2 that closes it."""
    made = github.repository("octo/chat")
    made.open_issue("It is slow")
    made.open_pull("Faster", "Fixes #1")
    return made


def run(github: StandIn, home: Repository, sha: str, name: str, kind: Kind = "prove") -> Publisher:
    """A run about a commit, with a page of its own."""
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    asked = Activity(sha, "asked for", kind=kind)
    made = Publisher if asked.comments else GateAlone
    return made(client, asked, sha, "chat", "staging", f"https://ci.invalid/{name}")


def texts(name: str, verdict: str, kind: Kind = "prove") -> Texts:
    """What it writes: its name, and the verdict."""
    line = labelled(f"{verdict.capitalize()}: {name}", Activity(None, "", kind=kind))
    return Texts(verdict, f"## {name}", line, verdict, f"## {name}")


def shown(home: Repository, number: int) -> list[str]:
    """What the comments of ours on an issue or a pull request show."""
    return [each.body.splitlines()[-1] for each in home.comments_on(number) if each.body.startswith(KEY)]
