"""Facts: less than before is a regression, more is compatible, and what cannot be read is not measured."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from pydantic import JsonValue

from bot.model import Fact, Verdict
from tests.unit.judge.cases import beside, finding, stored, verdict
from tests.unit.samples import observation


def judged(kind: str, after: JsonValue, before: JsonValue) -> Verdict:
    new, old = (observation(facts=(Fact(id="it", kind=kind, value=value),)) for value in (after, before))
    return verdict(*beside([new], [old]))


def said(of: Verdict) -> dict[str, tuple[str, str]]:
    return {
        each.item.removeprefix("it").strip(): (each.status, each.severity)
        for each in of.findings
        if each.kind == "fact"
    }


def entry(*types: str, seen: int = 1, of: int = 1) -> JsonValue:
    return {"types": list(types), "seen": seen, "of": of, "objects": seen if "object" in types else 0}


def shape(cut: bool = False, **paths: JsonValue) -> JsonValue:
    named = {"$" if name == "root" else f"$.{name}": value for name, value in paths.items()}
    return {"status": 200, "media_type": "application/json", "paths": {"$": entry("object"), **named}, "cut": cut}


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (shape(a=entry("string")), shape(a=entry("string")), {"": ("maintained", "major")}),
        (shape(a=entry("string")), shape(), {"$.a": ("regressed", "major")}),
        (shape(a=entry("string", seen=1, of=3)), shape(), {"$.a": ("changed", "minor")}),
        (shape(), shape(a=entry("string")), {"$.a": ("changed", "info")}),
        (shape(a=entry("string")), shape(a=entry("integer")), {"$.a": ("regressed", "major")}),
        (shape(a=entry("string", "null")), shape(a=entry("string")), {"": ("maintained", "major")}),
        (shape(a=entry("string")), shape(a=entry("string", "null")), {"$.a": ("regressed", "major")}),
        (shape(a=entry("number")), shape(a=entry("integer")), {"": ("maintained", "major")}),
        (shape(a=entry("null")), shape(a=entry("string")), {"$.a": ("changed", "info")}),
        (shape(a=entry("string", seen=9, of=9)), shape(a=entry("string", seen=5, of=9)), {"$.a": ("regressed", "major")}),
        (shape(a=entry("object"), **{"a.b": entry("string")}), shape(), {"$.a": ("regressed", "major")}),
        (shape(a=entry("string")), shape(cut=True, a=entry("integer")), {
            "$.a": ("regressed", "major"), "(the rest)": ("not measured", "major")}),
        (shape(a=entry("object"), **{"a.ana": entry("string", of=2)}), shape(a=entry("object"), **{"a.*": entry("string")}),
            {"": ("maintained", "major")}),
        (shape(a=entry("object"), **{"a.*": entry("string")}), shape(a=entry("object"), **{"a.ana": entry("string")}),
            {"": ("maintained", "major")}),
        (shape(a=entry("string")), {"status": 200, "media_type": "application/json"}, {"$": ("regressed", "major")}),
        (shape(), {**dict(shape().items()), "media_type": "text/html"}, {"media type": ("regressed", "major")}),  # type: ignore[union-attr]
    ],
)  # fmt: skip
def test_the_shape_of_an_answer(before: JsonValue, after: JsonValue, status: dict[str, tuple[str, str]]) -> None:
    assert said(judged("json-shape", after, before)) == status


@pytest.mark.parametrize("value", [None, 3, "x", [], {"paths": 3}, {"paths": {"$": 1}}, {"paths": {"$": {"types": 1}}}])
@pytest.mark.parametrize("kind", ["json-shape", "protocol"])
def test_a_fact_that_cannot_be_read_is_never_green(kind: str, value: JsonValue) -> None:
    good = shape(a=entry("string")) if kind == "json-shape" else talk("a", "b")
    for after, before in ((value, good), (good, value)):
        assert judged(kind, after, before).verdict != "stable"


def talk(*events: str, code: int | None = 1000, by: str = "service", **more: JsonValue) -> JsonValue:
    names: Sequence[str] = ("(start)", *events, "(end)")
    pairs: list[JsonValue] = [[first, second, 1] for first, second in pairwise(names)]
    kept: dict[str, JsonValue] = {event: {"seen": 1, "paths": {}, "cut": False} for event in events}
    close: JsonValue = {"code": code, "by": by}
    return {"events": kept, "transitions": pairs, "close": close, "subprotocol": None, "extensions": [], **more}


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (talk("a", "b"), talk("a", "b"), {"": ("maintained", "major")}),
        (talk("a", "b"), talk("a"), {"event b": ("regressed", "major")}),
        (talk("a"), talk("a", "b"), {"event b": ("changed", "info"), "order a then (end)": ("regressed", "major")}),
        (talk("a", "b", "a"), talk("a", "a", "b"), {
            "order a then (end)": ("regressed", "major"), "order b then a": ("regressed", "major")}),
        (talk("a", "b", "a"), talk("a", "a", "b", pattern="(a | b)*"), {
            "order a then (end)": ("changed", "minor"), "order b then a": ("changed", "minor")}),
        (talk("a", close={"code": 1008, "by": "service", "reason": "run 1"}),
         talk("a", close={"code": 1008, "by": "service", "reason": "run 2"}), {"": ("maintained", "major")}),
        (talk("a", closes={"1000 by probe": 2}), talk("a", closes={"1000 by probe": 1, "1011 by service": 1}), {
            "closed with 1011 by service": ("regressed", "major")}),
        (talk("a", closes={"1000 by probe": 1, "1011 by service": 1}), talk("a", closes={"1000 by probe": 2}), {
            "closed with 1011 by service": ("changed", "info")}),
        (talk("a", times={"answer": 12.5}), talk("a", times={"answer": 13.5}), {"": ("maintained", "major")}),
        (talk("a"), talk("a", code=1011), {"close": ("regressed", "major")}),
        (talk("a", code=1011), talk("a"), {"close": ("changed", "minor")}),
        (talk("a"), talk("a", by="probe"), {"close": ("changed", "minor")}),
        (talk("a"), talk("a", close=None), {"close": ("regressed", "major")}),
        (talk("a", subprotocol="v2"), talk("a"), {"subprotocol": ("regressed", "major")}),
        (talk("a"), talk("a", extensions=["permessage-deflate"]), {"extensions": ("changed", "info")}),
    ],
)  # fmt: skip
def test_the_protocol_of_a_conversation(
    before: JsonValue, after: JsonValue, status: dict[str, tuple[str, str]]
) -> None:
    assert said(judged("protocol", after, before)) == status


def test_how_the_sockets_of_a_journey_ended_is_for_information() -> None:
    before, after = {"1000 by probe": 3}, {"1000 by probe": 2, "1011 by service": 1}
    assert said(judged("closes", dict(after), dict(before))) == {
        "closed with 1000 by probe": ("changed", "info"), "closed with 1011 by service": ("changed", "info")
    }  # fmt: skip
    assert judged("closes", 3, dict(before)).verdict != "stable"


def test_a_kind_that_nobody_knows_is_compared_as_a_whole() -> None:
    assert said(judged("colour", {"is": "red"}, {"is": "red"})) == {"": ("maintained", "major")}
    assert said(judged("colour", {"is": "red"}, {"is": "blue"})) == {"": ("changed", "minor")}


def test_of_very_many_differences_the_first_are_listed_and_the_rest_is_counted_on() -> None:
    many = judged("json-shape", shape(), shape(**{f"p{index}": entry("string") for index in range(80)}))
    facts = [each for each in many.findings if each.kind == "fact"]
    assert len(facts) == 51
    assert finding(many, "health/it and more").status == "regressed"


def test_a_fact_that_is_lost_is_not_measured_unless_the_spec_has_changed() -> None:
    old = observation(facts=(Fact(id="it", kind="json-shape", value=shape()),))
    assert verdict(*beside([observation()], [old])).verdict == "inconclusive"
    assert verdict(*stored([observation()], [old], spec="sha256:1")).verdict == "stable"


@pytest.mark.parametrize(
    ("state", "word"), [("broken", "stable"), ("not measured", "inconclusive"), ("measured", "inconclusive")]
)
def test_a_fact_without_one_to_compare_with_is_green_only_where_the_baseline_was_broken(state: str, word: str) -> None:
    new = observation(facts=(Fact(id="it", kind="json-shape", value=shape()),))
    old = observation(state=state, reason="why", checks=observation().checks if state == "measured" else ())
    assert verdict(*beside([new], [old])).verdict == word
