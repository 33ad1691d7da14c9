"""The step `parallel`: branches of steps at the same time."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, StringConstraints, model_validator

from bot.probes.steps.composed import ComposedStep
from bot.probes.steps.sequence import everywhere, in_order, numbered
from bot.probes.steps.step import Result, Run, Step, total

if TYPE_CHECKING:
    from bot.probes.steps.registry import AnyStep

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][\w-]{0,62}$")]


class ParallelStep(ComposedStep):
    """Branches of steps at the same time. What they capture is there for all afterwards."""

    kind: ClassVar[str] = "parallel"

    parallel: "dict[Name, Annotated[tuple[AnyStep, ...], Field(min_length=1)]]" = Field(min_length=2, max_length=32)
    """The branches by name, each a list of steps."""

    @model_validator(mode="after")
    def _each_name_once(self) -> "ParallelStep":
        captured = Counter(
            name
            for steps in self.parallel.values()
            for name in {name for _, step in everywhere(numbered(steps)) for name in step.capture}
        )
        twice = sorted(name for name, count in captured.items() if count > 1)
        if twice:
            raise ValueError(f"more than one branch captures {twice[0]}: which is meant afterwards would be chance")
        return self

    def what(self) -> str:
        """The step in a few words."""
        return f"parallel {', '.join(self.parallel)}"

    def inside(self) -> Mapping[str, Sequence[Step]]:
        """The branches."""
        return self.parallel

    async def run(self, run: Run) -> Result:
        """All at once. A branch that fails holds up no other: what the others saw is evidence too."""
        planned, place = run.take_plan(), run.place
        runs = {name: replace(run, captured=dict(run.captured), planned=planned) for name in self.parallel}
        tasks = [
            asyncio.create_task(in_order(numbered(steps, place, name), runs[name]))
            for name, steps in self.parallel.items()
        ]
        try:
            results = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for each in runs.values():
            run.captured.update(each.captured)
        result = Result(located=True, inner=[each for one in results for each in one.inner])
        # the service worked on all at once: it took as long as the branch in which it took longest
        longest = max((total(one.spent) for one in results), default=total(()))
        result.spent = [longest._replace(late=max(total(one.spent).late for one in results))]
        result.sent = min((one.sent for one in results if one.sent is not None), default=None)
        failed = [one for one in results if one.failure is not None]
        if failed:
            result.failure = "; ".join(one.failure for one in failed if one.failure)
            result.reproduce = failed[0].reproduce if len(failed) == 1 else None
        return result
