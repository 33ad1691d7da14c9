"""Paths, rules, templates and shapes: what is read out of an answer."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter, ValidationError

from bot.model import canonical
from bot.probes import templates
from bot.probes.matching import Expected, match, same
from bot.probes.paths import find, full_path
from bot.probes.registry import PROBES
from bot.probes.shapes import Shapes, is_data

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@given(st.text(min_size=1).filter(lambda key: not key.startswith("$") and key.isprintable()), scalars)
def test_a_plain_key_finds_its_value(key: str, value: JsonValue) -> None:
    assert find(key, {key: value, f"{key}x": 0}) == [value]


@pytest.mark.parametrize(
    ("path", "found"),
    [("$.a.b[1]", [2]), ("$.a.b[*]", [1, 2]), ("$.none", []), ("$['a']['c d']", ["x"]), ("$..b", [[1, 2]])],
)
def test_paths_find_what_rfc_9535_says(path: str, found: list[JsonValue]) -> None:
    assert list(find(path, {"a": {"b": [1, 2], "c d": "x"}})) == found


@given(values)
def test_a_value_matches_itself_and_its_json(value: JsonValue) -> None:
    assert same(value, json.loads(json.dumps(value)))
    assert match({"equals": value}, [value]).ok


@pytest.mark.parametrize(
    ("expected", "found", "ok"),
    [
        (1, [True], False),
        (1, [1.0], True),
        (None, [None], True),
        (None, [], False),
        ("a", ["a", "a"], False),
        ({"type": "string"}, ["x"], True),
        ({"type": "integer"}, [True], False),
        ({"type": "integer"}, [3.0], True),
        ({"type": "number"}, [3], True),
        ({"matches": "^a+$"}, ["aaa"], True),
        ({"matches": "^a+$"}, [1], False),
        ({"contains": "b"}, ["abc"], True),
        ({"contains": 2}, [[1, 2]], True),
        ({"min": 1, "max": 3}, [2], True),
        ({"min": 1, "max": 3}, [4], False),
        ({"min": 0}, [float("nan")], False),
        ({"length": 2}, [[1, 2]], True),
        ({"absent": True}, [], True),
        ({"absent": True}, [None], False),
        ({"absent": False}, [None], True),
        ({"min": 1}, [], False),
        ({"length": {"min": 1, "max": 2}}, ["ab"], True),
        ({"length": {"min": 3}}, ["ab"], False),
        ({"one_of": [1, "a"]}, ["a"], True),
        ({"one_of": [1, "a"]}, [True], False),
        ({"one_of": [None]}, [], False),
        ({"present": True}, [None], True),
        ({"present": True}, [], False),
        ({"present": False}, [], True),
        ({"present": False}, [1], False),
        ({"name": "x"}, [{"name": "x"}], True),
    ],
)
def test_rules_hold_or_do_not(expected: JsonValue, found: list[JsonValue], ok: bool) -> None:
    assert match(expected, found).ok is ok


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "int"},
        {"min": "1"},
        {"length": -1},
        {"length": {"min": -1}},
        {"length": {"least": 1}},
        {"length": {}},
        {"one_of": []},
        {"one_of": "abc"},
        {"matches": "("},
        {"absent": "yes"},
        {"present": "yes"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: JsonValue) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Expected).validate_python(rule)


@given(st.text(), values)
def test_a_template_puts_in_what_was_captured_and_nothing_else(around: str, value: JsonValue) -> None:
    assert templates.fill_all("{it}", {"it": value}) == value
    if "{it}" not in around and not around.endswith(("{", "$")):
        assert templates.fill(f"{around}{{it}}", {"it": "X"}) == f"{around}X"


@pytest.mark.parametrize("text", ["a{b}c", "a{{b", "}}", "${CHAT_PASSWORD}", "${it}", '{"it": 1}', "{it }"])
def test_braces_that_name_nothing_are_left_alone(text: str) -> None:
    assert templates.fill_all(text, {"it": "X"}) == text


@given(st.text())
def test_what_a_service_gave_stays_one_piece_of_a_path(value: str) -> None:
    filled = templates.fill_target("/threads/{id}", {"id": value})
    assert filled.count("/") == 2
    assert not set("?# \r\n") & set(filled)


def shaped(*data: JsonValue) -> dict[str, JsonValue]:
    shapes = Shapes()
    for each in data:
        shapes.add(each)
    return shapes.paths()


def test_a_shape_says_how_often_a_field_was_there() -> None:
    found = shaped({"items": [{"id": 1, "note": None}, {"id": 2}]})
    assert found["$.items[].id"] == {"types": ["integer"], "seen": 2, "of": 2, "objects": 0}
    assert found["$.items[].note"] == {"types": ["null"], "seen": 1, "of": 2, "objects": 0}
    assert found["$.items[]"] == {"types": ["object"], "seen": 2, "of": 2, "objects": 2}


def test_maps_keyed_by_ids_are_one_path() -> None:
    found = shaped({"threads": {str(uuid.uuid4()): {"title": "x"} for _ in range(300)}})
    assert set(found) == {"$", "$.threads", "$.threads.*", "$.threads.*.title"}
    words = {"".join(chr(97 + (number // 26**k) % 26) for k in range(4)): 1 for number in range(300)}
    assert set(shaped(words)) == {"$", "$.*"}


@pytest.mark.parametrize(
    "key", ["status", "sha256", "ipv4", "address_line", "createdAt", "x-revision", "facade", "oauth2"]
)
def test_names_are_no_data(key: str) -> None:
    assert not is_data(key)


@pytest.mark.parametrize(
    "key", ["7", "2026-01-02", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a@b.example"]
)
def test_ids_are_data(key: str) -> None:
    assert is_data(key)


@given(values)
def test_every_shape_is_bounded_and_plain_json(value: JsonValue) -> None:
    found = shaped(value, value)
    canonical(found)
    for path in found.values():
        assert isinstance(path, dict)
        assert path["types"]
        assert path["seen"] <= path["of"]  # type: ignore[operator]


def test_full_paths_are_stable_ids() -> None:
    assert full_path("it's") == "$['it\\'s']"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"http": "GET /{thread}"}, r"nothing is captured as \{thread\}"),
        ({"journey": [{"http": "GET /{thread}"}]}, r"step 1 uses \{thread\}, which no earlier step captures"),
        ({"journey": [{"http": "GET /a", "capture": {"thread": "id"}}, {"http": "GET /{thred}"}]}, "did you mean"),
        ({"journey": [{"websocket": "/a", "send": "{x1}"}, {"http": "GET /", "capture": {"x1": "a"}}]}, "no earlier"),
    ],
)
def test_a_name_that_nothing_captured_is_refused_when_the_spec_is_read(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PROBES[next(iter(fields))].model_validate(fields)


def test_a_password_may_hold_braces() -> None:
    PROBES["http"].model_validate({"http": "POST /in", "json": {"password": "s3{cret}{{x"}})
    PROBES["http"].model_validate({"http": "POST /in", "json": {"password": "${CHAT_PASSWORD}"}})


def test_messages_that_each_have_another_key_are_a_map_too() -> None:
    words = ["".join(chr(97 + (number // 26**k) % 26) for k in range(4)) for number in range(5000)]
    shapes = Shapes()
    for word in words:
        shapes.add({"type": "delta", "runs": {word: {"text": "x", "n": 1}}})
    assert not shapes.cut
    found = shapes.paths()
    assert set(found) == {"$", "$.type", "$.runs", "$.runs.*", "$.runs.*.text", "$.runs.*.n"}
    assert found["$.runs.*.text"] == {"types": ["string"], "seen": 5000, "of": 5000, "objects": 0}


def test_many_fields_that_are_always_there_are_no_map() -> None:
    names = ["".join(chr(97 + (number // 26**k) % 26) for k in range(4)) for number in range(80)]
    row: JsonValue = {name: (1 if index % 2 else "a") for index, name in enumerate(names)}
    assert len(shaped(*[row] * 5)) == 81
