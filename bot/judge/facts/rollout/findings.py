"""What is found in a watch as a whole, and what was to be looked at while traffic moved and was not."""

from collections.abc import Iterator

from pydantic import ValidationError

from bot.judge.basis import Basis
from bot.judge.facts.rollout.form import Seen
from bot.judge.facts.rollout.requests import requests
from bot.judge.facts.rollout.sockets import sockets
from bot.judge.facts.rollout.traffic import traffic
from bot.model import Fact, Finding

NO_WORDS = {"reason": "it was not observed", "remedy": "run it again"}


def findings(basis: Basis, fact: Fact) -> Iterator[Finding]:
    """What is found in one watch."""
    try:
        seen = Seen.model_validate(fact.value)
    except ValidationError:
        reason, remedy = "it is not in the form that this version reads", "watch with this version"
        yield basis.finding(fact.id, "fact", "not measured", severity="major", reason=reason, remedy=remedy)
        return
    evidence = (fact.evidence,) if fact.evidence else ()
    for each in (*requests(basis, seen), *traffic(basis, seen), *sockets(basis, seen)):
        item = f"{fact.id}: {each.item}"
        named = {"id": f"{basis.name}/{item}", "item": item, "title": f"{basis.expected.title}: {item}"}
        yield each.model_copy(update={"evidence": evidence, **named})


def unseen(basis: Basis, fact: Fact) -> Iterator[Finding]:
    """`unseen`: what was to be looked at once users were on the candidate, and was not: by law 1 it is no green."""
    value = fact.value if isinstance(fact.value, dict) else {}
    reason, remedy = (str(value.get(key) or other) for key, other in NO_WORDS.items())
    yield basis.finding(fact.id, "fact", "not measured", severity="critical", reason=reason, remedy=remedy)
