"""Steps in order: what a journey does, and every step that has steps inside.

A step has a place: `2`, `2.1` for the first one inside it, `2.reader.1` in a branch that has a name. Places are what the
ids of checks begin with, so they depend on the spec alone, and not on what happened.
"""

from collections.abc import Iterator, Sequence

from bot.probes import templates
from bot.probes.steps.step import Result, Run, Step

Placed = tuple[str, Step]


def numbered(steps: Sequence[Step], within: str = "", branch: str = "") -> list[Placed]:
    """Steps with their places."""
    prefix = "".join(f"{part}." for part in (within, branch) if part)
    return [(f"{prefix}{number}", step) for number, step in enumerate(steps, 1)]


def everywhere(placed: Sequence[Placed]) -> Iterator[Placed]:
    """These steps, and those inside them, in the order of the spec."""
    for place, step in placed:
        yield place, step
        for branch, steps in step.inside().items():
            yield from everywhere(numbered(steps, place, branch))


def titled(place: str) -> str:
    """What the ids of a step's checks begin with."""
    return f"step {place}: "


def check_names(placed: Sequence[Placed], known: frozenset[str], every: frozenset[str]) -> frozenset[str]:
    """Hold the names in braces against what is captured before; what is captured after these steps.

    `every` is what is captured anywhere.

    Raises:
        ValueError: a name is used that no earlier step captures.
    """
    for place, step in placed:
        wanted = step.asks_for()
        wrong = templates.misspelt(wanted, every)
        lost = sorted((wanted & every - known) | (templates.names(step.target()) - known))
        if wrong is not None:
            raise ValueError(f"step {place} uses {{{wrong[0]}}}; did you mean {{{wrong[1]}}}?")
        if lost:
            capture = f"`capture: {{{lost[0]}: $.path}}`"
            raise ValueError(f"step {place} uses {{{lost[0]}}}, which no earlier step captures; add {capture} to one")
        # branches go on at the same time: none of them knows what another captures
        after = [check_names(numbered(steps, place, name), known, every) for name, steps in step.inside().items()]
        known = known.union(step.capture, *after)
        step.check_known(place, known)
    return known


async def in_order(placed: Sequence[Placed], run: Run) -> Result:
    """Go through steps until one fails. The result has theirs inside, and the failure says in which step it was."""
    whole = Result(located=True)
    for place, step in placed:
        run.place = place
        result = await step.run(run)
        whole.inner.append((place, result))
        whole.spent += result.spent
        whole.sent = result.sent if whole.sent is None else whole.sent
        if result.failure is not None:
            what = "" if result.located else f"step {place} ({step.what()}): "
            whole.failure, whole.reproduce = f"{what}{result.failure}", result.reproduce
            break
    return whole


def reached(placed: Sequence[Placed], result: Result) -> list[tuple[str, Step, Result]]:
    """The steps that were begun, wherever they are, each with its place and its result."""
    results = dict(_flat(result))
    return [(place, step, results[place]) for place, step in everywhere(placed) if place in results]


def _flat(result: Result) -> Iterator[tuple[str, Result]]:
    for place, inner in result.inner:
        yield place, inner
        yield from _flat(inner)
