"""What steps that are made of others have in common: they ask for nothing themselves."""

from typing import ClassVar

from pydantic import model_validator

from bot.probes.steps.step import Step


class ComposedStep(Step):
    """A step that is made of others, which sign in and capture by themselves."""

    kind: ClassVar[str]

    @model_validator(mode="after")
    def _asks_for_nothing_itself(self) -> "ComposedStep":
        for key in ("login", "capture"):
            if key in self.model_fields_set:
                raise ValueError(f"`{key}` belongs to the steps inside `{self.kind}`")
        return self

    def target(self) -> str:
        """It goes nowhere itself."""
        return ""
