"""The places that several runs may write to: the comments of a verdict, and the states of its issues."""

from typing import TYPE_CHECKING, Literal

from bot.github import gate, issues
from bot.github.comment import Written
from bot.github.gate import Final
from bot.github.issues import IssueOutcome
from bot.github.links import Links
from bot.github.turn import Turn
from bot.model import Lapse
from bot.safety.escape import code_span

if TYPE_CHECKING:
    from bot.github.publisher import Publisher, Texts


class Places:
    """What is written in places that several runs may write to: comments, and the states of issues."""

    def __init__(
        self, publisher: "Publisher", texts: "Texts", close: Literal["stable", "never"], where: Links, turn: Turn
    ) -> None:
        self.publisher = publisher
        self.texts = texts
        self.close: Literal["stable", "never"] = close
        self.pulls = where.pull_requests
        self.turn = turn
        self.closing: tuple[int, ...] = ()
        self.lapses: dict[int, Lapse] = {}
        self.mended: dict[int, Lapse] = {}
        self.url: str | None = None
        self.outcomes: dict[int, IssueOutcome] = {}

    def write(self) -> None:
        """Write the comments, and settle the issues. Done again it changes only what somebody else wrote meanwhile."""
        word = issues.NO_BASELINE if self.texts.lost else self.texts.verdict
        settled = dict.fromkeys(self.closing, word) | dict.fromkeys(self.lapses, "unstable")
        if self.publisher.activity.kind == "judge" and self.texts.verdict != "stable":
            settled = {}  # nothing new was seen: whoever has closed an issue since then had a reason
        self._look()
        for place in self._places():
            written = self._write(place, f"{self.turn.line}\n{self._note(place)}{self.texts.comment}")
            if written is not None and written.superseded:
                settled.pop(place or 0, None)
                self._say(f"{_called(place)} shows the verdict of a run that began later")
        for number, verdict in settled.items():
            self._settle(number, verdict)

    def restore(self, newer: Final, text: str | None) -> None:
        """Put back what a newer run wrote, where this one wrote over it."""
        if text is not None:
            self._look()
        for place in self._places() if text is not None else ():
            self._write(place, str(text))
        word = gate.word_of(newer.state, newer.description)
        if word == "inconclusive" and self.texts.lost:  # of one commit in one set-up both miss the same
            word = issues.NO_BASELINE
        for number in self.closing if word else ():
            self._settle(number, str(word))

    def _places(self) -> tuple[int | None, ...]:
        """Numbers of pull requests and issues; None is the commit itself, where nothing else is about this change."""
        own = dict.fromkeys((*self.pulls, *self.closing, *numbers_of(self.publisher.activity.issue)))
        return (*(own or (None,)), *(each for each in (*self.lapses, *self.mended) if each not in own))

    def _look(self) -> None:
        """Look into all the threads at once, where there are several."""
        numbers = [each for each in self._places() if each is not None]
        if len(numbers) > 1:
            pulls = [each for each in numbers if each in self.pulls]
            self.publisher.sticky.look([each for each in numbers if each not in pulls], pulls)

    def _write(self, place: int | None, body: str) -> Written | None:
        sticky = self.publisher.sticky

        def act() -> Written:
            return sticky.on_commit(self.publisher.sha, body) if place is None else sticky.on_issue(place, body)

        written = self.publisher.attempt(f"the comment on {_called(place)}", act)
        if written is not None:
            self.url = self.url or written.url
            if written.denied is not None:
                self.publisher.done.denied.append(
                    f"editing the comment on {_called(place)} was left out: {written.denied}"
                )
        return written

    def _settle(self, number: int, verdict: str) -> None:
        client = self.publisher.client
        outcome = self.publisher.attempt(f"issue #{number}", lambda: issues.settle(client, number, verdict, self.close))
        if outcome is not None:
            first = self.outcomes.get(number)
            # done twice, the second time says only that it was done
            if first is None or first.after != outcome.after:
                self.outcomes[number] = outcome

    def _note(self, place: int | None) -> str:
        """Why an issue that nobody named now is written to, and what else the verdict says of issues."""
        if (again := self.mended.get(place or 0)) is not None:
            return (
                f"**Holds again:** this was reopened at {code_span(again.commit[:12])}, for what {_named(again)} showed."
                f" At {code_span(self.publisher.sha[:12])} {_named(again)} {'holds' if _one(again) else 'hold'} again."
                " Close it if nothing else is left to do.\n\n"
            )
        lapse = self.lapses.get(place or 0)
        if lapse is None:
            return "".join(
                f"**Holds again:** {_named(each)}, on which #{number} was reopened at {code_span(each.commit[:12])}."
                " Close it if nothing else is left to do.\n\n"
                for number, each in self.mended.items()
            )
        probes, one = _named(lapse), _one(lapse)
        return (
            f"**No longer proven:** this was settled by what {code_span(lapse.commit[:12])} was shown to do, and at"
            f" {code_span(self.publisher.sha[:12])} {probes} {'is' if one else 'are'} broken or worse.\n\n"
        )

    def _say(self, line: str) -> None:
        if line not in self.publisher.done.lines:
            self.publisher.done.lines.append(line)


def _named(lapse: Lapse) -> str:
    return ", ".join(code_span(each) for each in lapse.probes)


def _one(lapse: Lapse) -> bool:
    return len(lapse.probes) == 1


def _called(place: int | None) -> str:
    return "the commit" if place is None else f"#{place}"


def numbers_of(number: int | None) -> tuple[int, ...]:
    """The number, if there is one."""
    return () if number is None else (number,)
