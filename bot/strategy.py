"""The strategy: how users' traffic gets to the candidate, and back. The keys, and the decisions that follow from them.

All of it is pure: `bot.rollout` does what is decided here.
"""

from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bot.deploy.target import Abilities
from bot.model import Finding, Subject, Verdict
from bot.model.duration import Duration
from bot.probes.rollout.settings import Watch

DIRECT = "direct"
SCHEMA = "database schema"
"""The kind of a fact, and of the findings on it, after which a rollback may be worse than none."""


class Strategy(BaseModel):
    """How users' traffic gets to the candidate, and back. `direct` alone is `{shadow: false, promote: [100]}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shadow: bool = True
    """Whether the candidate has no users while it is probed, where the target can do that (true)."""
    promote: tuple[int, ...] = (100,)
    """The shares of the traffic in percent that the candidate is given one after the other; the last is 100 ([100])."""
    pause: Duration = 5.0
    """How long each share below 100 is watched before it is judged (5s)."""
    rollback: Literal["auto", "manual", "never", "drill"] = "auto"
    """auto: an unstable verdict gives the traffic back; manual: it says how; never: it does not; drill: as auto, and a
    stable candidate in shadow is rolled back once to prove that it can be (auto)."""
    starts: int = Field(3, ge=0, le=20)
    """How many fresh instances are started to time a cold start, where the target can do that (3)."""
    watch: Watch = Watch()
    """What is asked of the public URL while traffic moves."""

    @model_validator(mode="before")
    @classmethod
    def _by_its_name(cls, data: Any) -> Any:
        return {"shadow": False, "promote": [100]} if data == DIRECT else data

    @field_validator("promote")
    @classmethod
    def _rises_to_all(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        if not steps or steps[-1] != 100 or steps[0] < 1 or any(a >= b for a, b in pairwise(steps)):
            raise ValueError("the shares rise from 1 at least to 100 at last, as [10, 50, 100]")
        return steps

    @model_validator(mode="after")
    def _drill_needs_shadow(self) -> Self:
        if self.rollback == "drill" and not self.shadow:
            raise ValueError(
                "`rollback: drill` needs `shadow: true`: it is rehearsed before users are on the candidate"
            )
        return self


class Course(NamedTuple):
    """What will be done here: the strategy, as far as the target can follow it; `remarks` say where it cannot."""

    shadow: bool
    steps: tuple[int, ...]
    remarks: tuple[str, ...] = ()
    moves: bool = True

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan, in words."""
        if not self.moves:
            return self.remarks
        where = "in shadow, without users" if self.shadow else "with all the users, as soon as it is ready"
        steps = ", ".join(f"{each} %" for each in self.steps)
        after = f"; a stable verdict promotes it: {steps}" if self.shadow else ""
        return (f"the candidate is probed {where}{after}", *self.remarks)


def course(
    strategy: Strategy, abilities: Abilities, *, previous: bool, called: str | None = None, identified: bool = True
) -> Course:
    """How far the strategy can be followed.

    `previous` says whether there is a revision that serves, `called` is the name of both revisions where they have one
    name, and `identified` says whether the spec tells how a revision names itself.
    """
    if not abilities.moves:
        why = "this target moves no traffic: users are on it already"
        return Course(shadow=False, steps=(100,), remarks=(why,), moves=False)
    if not previous:
        why = "there is no previous revision: the candidate gets all the traffic as soon as it is ready"
        return Course(shadow=False, steps=(100,), remarks=(why,))
    remarks = []
    if strategy.shadow and not abilities.shadow:
        remarks.append("this target cannot keep users away from the candidate: it is not probed in shadow")
    steps = strategy.promote
    if not abilities.splits and steps != (100,):
        remarks.append("this target cannot share traffic out: the candidate gets all of it in one step")
        steps = (100,)
    shadow = strategy.shadow and abilities.shadow
    if not shadow and steps != (100,):
        remarks.append("without shadow there is one step: the candidate gets all of the traffic once it is ready")
        steps = (100,)
    if called is not None and steps != (100,):
        remarks.append(
            f"both revisions are called {called}, so whose answers they are at {steps[0]} % could not be told: the "
            "candidate gets all of the traffic in one step"
        )
        steps = (100,)
    if not identified and steps != (100,):
        remarks.append(
            f"the spec has no `identity`, so whose answers they are at {steps[0]} % cannot be told: the candidate goes "
            "no further than that, and is taken back"
        )
    return Course(shadow, steps, tuple(remarks))


class Decision(NamedTuple):
    """What becomes of the candidate, and why where that has to be said.

    `promote`: it goes on to get the traffic. `settle`: it keeps all that it has. `withhold`: it had no users, and gets
    none. `roll back`: the traffic goes back, and it is proven. `manual` and `freeze`: it keeps what it has, and a person
    decides.
    """

    act: Literal["promote", "settle", "withhold", "roll back", "manual", "freeze"]
    reason: str | None = None


def decide(strategy: Strategy, verdict: Verdict, share: int) -> Decision:
    """What follows from a verdict on a candidate that has this share of the traffic in percent.

    A candidate with a share between nothing and all never keeps it: whatever is under way is finished or reversed, and
    what was not measured is no reason to finish it. At 100 % it is: nothing was shown to be broken, each share before
    has held, and to go back is a move of all the users as well.
    """
    doubtful = verdict.verdict == "inconclusive"
    if doubtful and share == 0:
        return Decision("withhold", "nothing was shown to be worse, and not everything was measured")
    if verdict.verdict != "unstable" and share == 100:
        return Decision("settle")
    if verdict.verdict != "unstable" and not doubtful:
        return Decision("promote")
    broken = next((each for each in verdict.findings if cannot_go_back(each)), None)
    if broken is not None:
        why = f"{broken.id}: the database schema has changed so that the previous revision cannot live with it"
        return Decision("freeze", why)
    if doubtful:
        why = "not everything was measured among users, and no candidate keeps a share on trust"
        return Decision("roll back", why)
    if share == 100 and strategy.rollback == "never":
        return Decision("settle", "the spec says `rollback: never`: the candidate keeps the traffic")
    if share == 100 and strategy.rollback == "manual":
        return Decision("manual", "the spec says `rollback: manual`: the candidate keeps the traffic until you decide")
    return Decision("roll back")


def cannot_go_back(finding: Finding) -> bool:
    """Whether a finding says that the database is one that the previous revision cannot live with.

    It is a finding on the fact `database schema` that is no compatible change, and nobody has waived it.
    """
    about = finding.kind == "fact" and (finding.item == SCHEMA or finding.item.startswith(f"{SCHEMA} "))
    return about and finding.waiver is None and finding.status in ("broken", "regressed")


def by_hand(candidate: Subject, serving: Subject | None) -> str:
    """What a person can do who decides that the traffic goes back."""
    keeps = f"{candidate.revision} keeps what it has of the traffic"
    if serving is None:
        return f"{keeps}; there is no previous revision, so deploy one that holds"
    again = f"stability-proof run --commit {serving.commit}" if serving.commit else "deploy it again"
    return f"{keeps}; to give it back to {serving.revision}: {again}"
