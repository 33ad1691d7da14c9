"""What is another than in the last verdict."""

from collections.abc import Iterable

from bot.judge import rules
from bot.model import Finding, Previous, Since
from bot.model.history import MOST_LETTERS


def the_last(previous: Previous | None, findings: Iterable[Finding]) -> Since | None:
    """What was fixed since the last verdict, and what is new; None where none is remembered.

    A finding that is not measured now is neither fixed nor new: nobody knows.
    """
    if previous is None:
        return None
    last, earlier = previous.told[-1], previous.told[-2::-1]
    if not previous.whole:
        return Since(last=last, compared=False, earlier=earlier)
    bad = {key for key, status in previous.findings.items() if status in rules.BAD}
    now = {each.id: each for each in findings}
    shown = {key[:MOST_LETTERS]: key for key in now}
    broken = [key for key, each in now.items() if each.waiver is None and each.status in rules.BAD]
    known = {key: now[shown[key]] for key in sorted(bad) if key in shown}
    return Since(
        last=last,
        fixed=tuple(shown[key] for key, each in known.items() if _holds(each)),
        new=tuple(key for key in broken if key[:MOST_LETTERS] not in bad),
        still=tuple(key for key in broken if key[:MOST_LETTERS] in bad),
        lost=tuple(key for key in sorted(bad) if key not in known or known[key].status in ("not measured", "gone")),
        earlier=earlier,
    )


def _holds(finding: Finding) -> bool:
    return finding.status in ("maintained", "improved", "new", "changed")
