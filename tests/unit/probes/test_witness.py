"""Who answered a probe, where not every answer says so."""

from typing import Any

import pytest

from bot.model import Subject
from bot.probes.identity import Identity, Witness
from bot.safety.http import Answer

SUBJECT = Subject(service="shop", environment="test", revision="shop-2", url="http://127.0.0.1:9")
HEADER = Identity.model_validate({"header": "x-revision"})
ROUTE = Identity.model_validate({"http": "GET /version"})


def answer(name: str | None, status: int = 200) -> Answer:
    """An answer with the header, or without."""
    headers = (("x-revision", name),) if name else ()
    given: dict[str, Any] = {"status": status, "reason": "", "headers": headers, "body": b"", "seconds": 0.01}
    return Answer(**given)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([answer("shop-2")] * 3, None),
        ([answer("shop-2"), answer(None)], "of 2 answers only 1 has the header x-revision"),
        ([answer(None)], "of 1 answers none has the header x-revision"),
        ([answer("shop-2"), answer(None, 502)], None),  # a page of an error is often made by something in front
        ([answer(None, 502)], "of 1 answers none has the header x-revision"),
    ],
)
def test_an_answer_without_a_name_may_be_another_revisions(answers: list[Answer], said: str | None) -> None:
    witness = Witness(HEADER, SUBJECT)
    for each in answers:
        witness.answer("home", each)

    assert (witness.nameless("home") or "").removeprefix("which revision answered is not known: ") == (said or "")


@pytest.mark.parametrize(("answered", "known"), [(True, False), (False, True)])
def test_a_route_that_did_not_answer_once_is_not_one_that_names_nobody(answered: bool, known: bool) -> None:
    witness = Witness(ROUTE, SUBJECT)
    witness.named("home", "shop-2")
    witness.named("home", None, answered=answered)

    assert (witness.nameless("home") is None) == known


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("c" * 40, True),
        ("c" * 7, True),
        ("c" * 6, False),  # too short to tell two commits apart
        ("shop-2", True),
        ("shop-22", False),
        ("d" * 40, False),
    ],
)
def test_a_commit_goes_by_its_beginning_as_well_but_not_by_any(name: str, ours: bool) -> None:
    assert Witness(HEADER, SUBJECT.model_copy(update={"commit": "c" * 40})).is_ours(name) == ours
