"""Five hundred schedules of faults, and of two runs at once: where GitHub answers in the end, it shows one truth."""

import random
from typing import Any

import pytest

from bot.github import gate
from bot.github.annotations import Annotation, Place
from bot.github.client import Client
from bot.github.comment import marker
from bot.github.event import Activity
from bot.github.publisher import Publisher, Texts
from tests.finding import pick
from tests.github_stand_in import StandIn
from tests.github_stand_in.limits import Limits
from tests.github_stand_in.state import CheckRun
from tests.integration.github.schedules import Time, Turns, without_sockets

KEY = marker("chat", "staging")
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
KINDS: tuple[dict[str, Any], ...] = (
    {"status": 502},
    {"status": 502, "after_effect": True},
    {"status": 503, "after_effect": True},
    {"drop": True},
    {"drop": True, "after_effect": True},
    {"status": 403, "retry_after": 1},
    {"status": 403, "body": SECONDARY},
    {"status": 429, "retry_after": 2},
)
PLACES = (
    ("POST", "/issues/[0-9]+/comments$"),
    ("POST", "/commits/[^/]+/comments$"),
    ("PATCH", "/comments/"),
    ("DELETE", "/comments/"),
    ("POST", "/check-runs$"),
    ("PATCH", "/check-runs/"),
    ("POST", "/statuses/"),
    ("POST", "/deployments$"),
    ("POST", "/deployments/[0-9]+/statuses$"),
    ("PATCH", "/issues/"),
    ("POST", "graphql"),
    ("GET", "."),
    ("*", "."),
)
MOST_FAULTS = 5
"""As many in a row a run survives, wherever they are."""


class Schedule:
    """All that happens in one schedule follows from its number."""

    def __init__(self, github: StandIn, number: int) -> None:
        self.chosen = random.Random(number)
        self.github = github
        self.turns = Turns(self.chosen)
        self.time = Time()
        self.home = github.repository(f"octo/chat{number}")
        self.home.auto_close = self.chosen.random() < 0.5
        self.issue = self.home.open_issue("It is slow").number
        self.pull: int | None = None
        if self.chosen.random() < 0.8:
            made = self.home.open_pull("Faster", f"{self.chosen.choice(('Fixes', 'Proof:'))} #{self.issue}")
            self.pull = made.number
            self.sha = self.home.merge(made.number)
        else:
            self.sha = self.home.commit(f"Faster\n\nFixes #{self.issue}")
        self.remarks = self.chosen.choice((0, 0, 3, 60))
        self.runs: dict[str, tuple[Publisher, str]] = {}

    def play(self) -> None:
        if self.chosen.random() < 0.3:
            self._add("before")
            self._begin_and_publish("before")
        names = ["one", "two"][: self.chosen.choice((1, 2, 2))]
        for name in names:
            self._add(name)
        left = self.chosen.randrange(MOST_FAULTS + 1)
        while left:
            times = self.chosen.randrange(1, min(left, 3) + 1)
            left -= times
            method, path = self.chosen.choice(PLACES)
            skip = self.chosen.randrange(4)
            self.github.fail(method, path, times=times, skip=skip, **self.chosen.choice(KINDS))
        self.turns.run({name: lambda name=name: self._begin_and_publish(name) for name in names})  # type: ignore[misc]
        self.github.heal()

    def _add(self, name: str) -> None:
        token = self.github.token(self.home.full_name)
        client = Client(self.github.url, token, self.home.full_name, patience=1000.0, clock=self.time.clock())
        said = Publisher(
            client, Activity(self.sha, "pushed"), self.sha, "chat", "staging", f"https://ci.invalid/{name}"
        )
        self.runs[name] = said, self.chosen.choice(("stable", "unstable", "inconclusive"))

    def _begin_and_publish(self, name: str) -> None:
        said, verdict = self.runs[name]
        remarks = tuple(Annotation(Place("stability.yml", n + 1), "failure", "t", "m") for n in range(self.remarks))
        said.begin()
        said.publish(
            Texts(
                verdict,
                f"## {name}: {verdict}",
                f"{verdict.capitalize()}: {name}",
                verdict,
                f"## {name}: {verdict}",
                remarks,
            ),
            "stable",
        )

    def _completed_last(self) -> CheckRun:
        """Of several checks of one name, the one that GitHub shows."""
        ended = [
            each
            for each in self.github.requests
            if each.method == "PATCH"
            and f"/{self.home.full_name}/check-runs/" in each.path
            and "conclusion" in each.body
        ]
        return self.home.check_runs[int(ended[-1].path.rsplit("/", 1)[-1])]

    def check(self) -> None:
        """One comment a place, one final status, one check a run, the issue's state: all of the run that began last."""
        name = max(self.runs, key=lambda each: self.runs[each][0].turn or (("", 0)))
        verdict = self.runs[name][1]
        places = [self.pull, self.issue] if self.pull else [self.issue]
        for place in places:
            shown = [each.body.splitlines()[-1] for each in self.home.comments_on(place) if each.body.startswith(KEY)]
            assert shown == [f"## {name}: {verdict}"], f"the comment on #{place}"
        newest = self.home.statuses[-1]
        assert (newest.state, newest.target_url) == (gate.STATES[verdict], f"https://ci.invalid/{name}")
        checks = sorted(self.home.check_runs.values(), key=lambda each: each.id)
        assert sorted(each.external_id for each in checks) == sorted(f"https://ci.invalid/{each}" for each in self.runs)
        assert {each.status for each in checks} == {"completed"}
        assert self._completed_last().conclusion == gate.CONCLUSIONS[verdict]
        own = pick(checks, lambda each: each.external_id.endswith(f"/{name}"))
        assert (own.conclusion, len(own.annotations)) == (gate.CONCLUSIONS[verdict], self.remarks)
        records = [each.payload["run"] for each in self.home.deployments.values() if isinstance(each.payload, dict)]
        assert sorted(records) == sorted(f"https://ci.invalid/{each}" for each in self.runs)
        assert all(each.statuses[-1].state != "in_progress" for each in self.home.deployments.values())
        assert self.home.issues[self.issue].state == ("closed" if verdict == "stable" else "open")


@pytest.mark.parametrize("hundred", range(5))
def test_a_hundred_schedules_of_faults_end_in_one_truth(hundred: int) -> None:
    plenty = Limits(an_hour=10**9, content_a_minute=10**9)
    github = StandIn(limits=plenty)  # not started: nothing listens
    for number in range(hundred * 100, hundred * 100 + 100):
        schedule = Schedule(github, number)
        with without_sockets(github, schedule.turns):
            try:
                schedule.play()
                schedule.check()
            except Exception as error:
                error.add_note(f"schedule {number}: {schedule.turns.order}")
                raise
    assert github.violations == []
    assert len(github.requests) > 2000
