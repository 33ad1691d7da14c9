"""What a deploy tool is about to do, written down first, and how it is reversed after the bot was killed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bot.deploy import state
from bot.deploy.commands import Commands
from bot.model import Value
from bot.model.errors import DeployError, FormatError
from bot.safety.redact import Redactor

FILE = "command.json"
Act = Literal["deploy", "promote", "rollback", "settle"]


class Written(Value):
    """One act that was begun. `back` is the command that gives the traffic back; empty where there is none.

    Variables of the spec are not kept: they may be secrets. The command that reverses an act after a crash has those of
    whoever recovers.
    """

    act: Act
    candidate: str
    serving: str | None = None
    back: tuple[str, ...] = ()
    folder: str
    within: float

    @classmethod
    def read(cls, home: Path) -> "Written | None":
        """What was begun in this folder and never ended.

        Raises:
            DeployError: it cannot be understood.
        """
        try:
            return cls.from_json((home / FILE).read_bytes(), str(home / FILE))
        except FileNotFoundError:
            return None
        except (OSError, FormatError) as error:
            raise DeployError(f"{error}; remove {home / FILE} once you have seen which revision serves") from None

    def write(self, home: Path) -> None:
        """Write it down, whole or not at all."""
        state.replace(home / FILE, self.to_json())


def forget(home: Path) -> None:
    """Nothing is under way any more."""
    (home / FILE).unlink(missing_ok=True)


async def recover(folder: Path) -> list[str]:
    """Reverse what was begun below the folder, without the spec's variables; what was done, in words.

    Raises:
        DeployError: another bot is at work there, or as `recover_one`.
    """
    lines: list[str] = []
    for file in sorted(folder.glob(f"*/{FILE}")):
        home = file.parent.resolve()
        with state.locked(home):
            lines += await recover_one(home, {}, Redactor(()))
    return lines


async def recover_one(home: Path, environment: Mapping[str, str], redactor: Redactor) -> list[str]:
    """Reverse what was begun here, unless the candidate had been accepted; what was done, in words.

    `environment` are the variables of the spec, as far as it is at hand.

    Raises:
        DeployError: the command that gives the traffic back failed; it is still written down, for the next try.
    """
    written = Written.read(home)
    if written is None:
        return []
    if written.act == "settle":
        forget(home)
        return [f"{written.candidate} had been accepted: it serves now"]
    if not written.back:
        forget(home)
        return [
            f"{written.candidate} was never accepted, and there is no `rollback` to run: look which revision serves"
        ]
    commands = Commands(Path(written.folder), environment, written.within, redactor)
    await commands.run("rollback", written.back)
    forget(home)
    return [f"{written.candidate} was never accepted: `rollback` has run; {written.serving} serves again"]
