"""The validator of the stand-ins remembers what fitted, and nothing else."""

from typing import Any

import pytest

from tests.schemas import remembering

SCHEMA: dict[str, Any] = {
    "$ref": "#/$defs/issue",
    "$defs": {
        "issue": {"properties": {"user": {"$ref": "#/$defs/user"}, "count": {"$ref": "#/$defs/count"}}},
        "user": {"type": "object", "required": ["login"], "properties": {"login": {"type": "string"}}},
        "count": {"type": "integer"},
    },
}


def test_what_does_not_fit_is_told_each_time_and_what_fits_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    from tests import schemas

    look = schemas._look
    monkeypatch.setattr(schemas, "_look", lambda *words: looked.append(words[2]) or look(*words))
    validator = remembering()(SCHEMA)
    good, bad = {"user": {"login": "ana"}}, {"user": {"login": 7}}

    assert [validator.is_valid(each) for each in (good, bad, good, bad)] == [True, False, True, False]
    assert looked == [good, good["user"], bad, bad["user"], bad, bad["user"]]
    assert [error.message for error in validator.iter_errors(bad)] == ["7 is not of type 'string'"]


def test_the_same_text_under_another_definition_and_another_type_are_other_things() -> None:
    validator = remembering()(SCHEMA)
    assert validator.is_valid({"count": 1})
    assert not validator.is_valid({"count": "1"})
    assert not validator.is_valid({"count": True})
    assert not validator.is_valid({"user": 1})
