"""Bringing one revision up: its work tree, its preparation, its process, and the wait until it is ready."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.deploy import output, ports, processes, ready, trees
from bot.deploy.recipe import Recipe
from bot.deploy.state import Slot
from bot.deploy.target import Evidence
from bot.model import Check
from bot.model.duration import format_duration
from bot.safety.redact import Redactor

FRESH = "-fresh-"
"""What stands in the mark of an instance that is started only to be timed."""


@dataclass(frozen=True)
class Launch:
    """What became of it: `took` are the milliseconds from its start until it was ready, None when it never was."""

    slot: Slot
    took: float | None
    checks: tuple[Check, ...]
    evidence: Evidence
    reason: str | None = None


@dataclass(frozen=True)
class Launcher:
    """Brings revisions up. `cache` is the folder that they share."""

    recipe: Recipe
    cache: Path
    redactor: Redactor

    async def launch(self, slot: Slot, save: Callable[[Slot], None]) -> Launch:
        """Bring the slot up; `save` is told of each process as soon as there is one.

        Raises:
            DeployError: git refused, or what was done cannot be remembered.
        """
        await trees.add(Path(slot.repository), slot.commit, slot.folder)
        self.cache.mkdir(exist_ok=True)
        prepared = await self._prepare(slot, save)
        if prepared is not None:
            return self._ended(slot, f"`prepare` {prepared}", prepared=prepared)
        began = time.perf_counter()
        try:
            process = self._spawn(self.recipe.command, slot)
        except (OSError, ValueError) as error:
            return self._ended(slot, f"the command was never started: {_plain(error)}")
        slot = slot.model_copy(update={"process": process})
        save(slot)
        took, seen = await ready.wait(
            slot.port, self.recipe.ready, self.recipe.within, lambda: not processes.alive(process), began
        )
        if took is None and not processes.alive(process):
            return self._ended(slot, f"exit code {processes.exit_code(process)}")
        return self._up(slot, took, seen)

    async def again(self, slot: Slot) -> float | None:
        """Start one more instance of a slot that is up, and stop it: seconds until it was ready, None if it never was.

        It is marked by a folder of its own, so that one that a killed bot left is found.
        """
        fresh = slot.model_copy(update={"port": ports.free(), "process": None})
        mark = slot.folder.with_name(f"{slot.folder.name}{FRESH}{secrets.token_hex(4)}")
        said = mark.with_name(f"{mark.name}.log")
        recipe, began, process = self.recipe, time.perf_counter(), None
        words = recipe.words(recipe.command, fresh, self.cache)
        try:
            process = processes.start(words, recipe.folder(fresh), recipe.variables(fresh), said, mark)
            known = process
            took, _ = await ready.wait(
                fresh.port, recipe.ready, recipe.within, lambda: not processes.alive(known), began
            )
        except (OSError, ValueError):
            return None
        finally:
            await processes.stop(process, mark)
            said.unlink(missing_ok=True)
        return None if took is None else took / 1000

    async def _prepare(self, slot: Slot, save: Callable[[Slot], None]) -> str | None:
        """Run `prepare` to its end: None, or how it failed."""
        if self.recipe.prepare is None:
            return None
        try:
            process = self._spawn(self.recipe.prepare, slot)
        except (OSError, ValueError) as error:
            return f"was never started: {_plain(error)}"
        save(slot.model_copy(update={"process": process}))
        try:
            async with asyncio.timeout(self.recipe.prepare_within):
                while processes.alive(process):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await processes.stop(process, slot.folder)
            return f"took longer than {format_duration(self.recipe.prepare_within)}"
        save(slot)
        code = processes.exit_code(process)
        return None if code == 0 else f"ended with exit code {code}"

    def _spawn(self, command: str, slot: Slot) -> processes.Known:
        recipe = self.recipe
        words = recipe.words(command, slot, self.cache)
        return processes.start(words, recipe.folder(slot), recipe.variables(slot), slot.output, slot.folder)

    def _up(self, slot: Slot, took: float | None, seen: str) -> Launch:
        """It runs, and is ready or is not."""
        evidence = output.as_evidence(output.tail(slot.output, self.redactor))
        checks = (
            *self._prepared(None, evidence),
            exit_check("it runs", ok=True, evidence=evidence),
            ready_check(self.recipe, seen, ok=took is not None, evidence=evidence),
        )
        return Launch(slot, took, checks, evidence, None if took is not None else f"it never became ready: {seen}")

    def _ended(self, slot: Slot, why: str, prepared: str | None = None) -> Launch:
        """It does not run."""
        text = output.tail(slot.output, self.redactor)
        evidence = output.as_evidence(text)
        if last := output.last_line(text):
            why = f"{why}: {last}"
        checks = (
            *self._prepared(prepared, evidence),
            exit_check(why, ok=False, evidence=evidence),
            ready_check(self.recipe, "it does not run", ok=False, evidence=evidence),
        )
        return Launch(slot, None, checks, evidence, why)

    def _prepared(self, failed: str | None, evidence: Evidence) -> tuple[Check, ...]:
        if self.recipe.prepare is None:
            return ()
        actual = failed or "exit code 0"
        return (
            Check(id="prepare", ok=failed is None, expected="exit code 0", actual=actual, evidence=_first(evidence)),
        )


def ready_check(recipe: Recipe, seen: str, *, ok: bool, evidence: Evidence) -> Check:
    """Whether it answered on the path that says so, and what was seen last."""
    expected = f"2xx from {recipe.ready} within {format_duration(recipe.within)}"
    return Check(id="ready", ok=ok, expected=expected, actual=seen, evidence=_first(evidence))


def exit_check(seen: str, *, ok: bool, evidence: Evidence) -> Check:
    """Whether its process goes on running."""
    return Check(id="exit", ok=ok, expected="it runs", actual=seen, evidence=_first(evidence))


def _first(evidence: Evidence) -> str | None:
    return next(iter(evidence), None)


def _plain(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}"
    return str(error)
