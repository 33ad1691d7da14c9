"""How a revision is made to run: the keys of the spec that say so, filled in for one slot."""

import difflib
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pydantic import Field, field_validator

from bot.deploy.state import Slot
from bot.deploy.target import Target
from bot.model.duration import Duration

NAMES = ("port", "commit", "python", "cache")
_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z][a-z0-9_]*)\}")


class Recipe(Target):
    """What is checked out, what is run there, and when it counts as ready."""

    command: str
    """What starts the service; no shell. `{port}`, `{commit}`, `{python}` and `{cache}` are filled in."""
    prepare: str | None = None
    """A command that is run before the start, to build or install; `{cache}` is a folder that revisions share."""
    prepare_within: Duration = 600.0
    """How long that may take (10m)."""
    checkout: str = "{commit}"
    """What is checked out, as git names it."""
    directory: str = "."
    """The folder of the work tree to run in."""
    ready: str = Field("/health", pattern=r"^/[!-~]*$")
    """The path that answers 2xx once the service is ready."""
    within: Duration = 30.0
    """How long that may take (30s)."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the service, besides the bot's own environment without GitHub's variables."""

    @field_validator("command", "prepare")
    @classmethod
    def _can_be_split(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ValueError(f"it cannot be split into words: {str(error).lower()}") from None
        if not words:
            raise ValueError("it is empty; write a program and its arguments")
        for name in _PLACEHOLDER.findall(text):
            if name not in NAMES:
                near = difflib.get_close_matches(name, NAMES, n=1) or NAMES[:1]
                raise ValueError(f"nothing is known to fill {{{name}}} with; did you mean {{{near[0]}}}?")
        return text

    @field_validator("directory")
    @classmethod
    def _stays_inside(cls, text: str) -> str:
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError("it leaves the work tree; name a folder of the repository")
        return text

    @field_validator("environment")
    @classmethod
    def _can_be_set(cls, variables: dict[str, str]) -> dict[str, str]:
        for name, value in variables.items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"{name!r} cannot be set: a name has no '=', and neither has a null character")
        return variables

    def words(self, command: str, slot: Slot, cache: Path) -> list[str]:
        """The command as a program and its arguments."""
        values = {"port": str(slot.port), "commit": slot.commit, "python": sys.executable, "cache": str(cache)}
        return [_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in shlex.split(command)]

    def folder(self, slot: Slot) -> Path:
        """Where it is run.

        Raises:
            NotADirectoryError: this commit has no such folder.
        """
        folder = (slot.folder / self.directory).resolve()
        if not folder.is_dir() or not folder.is_relative_to(slot.folder.resolve()):
            raise NotADirectoryError(f"the commit has no folder {self.directory!r}")
        return folder

    def variables(self, slot: Slot) -> Mapping[str, str]:
        """What the service learns of itself, and what the spec gives it."""
        return {**self.environment, "REVISION": slot.revision, "COMMIT": slot.commit, "PORT": str(slot.port)}
