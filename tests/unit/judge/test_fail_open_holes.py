"""Ways in which other tools turn green on nothing: each must not be possible here.

One test a hole; the names say what happens elsewhere. What belongs to probing, deploying or publishing is tested there.
"""

import json
import math
from itertools import pairwise

import pytest
from pydantic import ValidationError

from bot.judge.policy import Policy
from bot.model import Fact, Observation, Provenance, Run, Verdict
from bot.model.errors import FormatError
from tests.unit.judge.cases import FEW, GREEN, beside, finding, latencies, policy, timed, verdict
from tests.unit.samples import TIME, check, observation, run, series, subject


def beside_a_sound_one(seen: Observation | None, *, compared: bool = False) -> Verdict:
    """The verdict on a probe `it` beside one that is as it should be: nothing but `it` keeps this from being green."""
    sound = observation("sound")
    new = run(sound, *([seen] if seen else []))
    judged = verdict(new, run(sound, *([seen] if seen else [])) if compared else None, policy("sound", "it"))
    assert verdict(run(sound), None, policy("sound")).verdict in GREEN
    return judged


@pytest.mark.parametrize("compared", [False, True])
def test_01_no_conditions_is_not_a_success(compared: bool) -> None:
    judged = beside_a_sound_one(observation("it", checks=()), compared=compared)
    assert (finding(judged, "it/probe").status, judged.verdict) == ("not measured", "inconclusive")
    assert verdict(run(observation(checks=()))).verdict == "inconclusive"


def test_02_ended_before_any_measurement_is_not_a_success() -> None:
    """Not even where what was done until then held."""
    for checks in ((), (check(),)):
        seen = observation("it", state="not measured", reason="interrupted before it was observed", checks=checks)
        judged = beside_a_sound_one(seen)
        assert (finding(judged, "it/probe").status, judged.verdict) == ("not measured", "inconclusive")
        assert "interrupted" in str(finding(judged, "it/probe").reason)


@pytest.mark.parametrize(
    ("count", "status"), [(1, "not measured"), (3, "regressed"), (10, "regressed"), (100, "regressed")]
)
def test_03_every_measurement_failing_is_not_a_success(count: int, status: str) -> None:
    """Neither the times nor the failures may pass, each by itself."""
    failing, fine = timed([None] * count), timed(latencies(1, count))
    for old, word in ((fine, status), (failing, "broken" if count >= 3 else "not measured")):
        judged = verdict(*beside([failing], [old]), policy(timed=True, **FEW))
        assert finding(judged, "health/latency").status == "not measured"
        assert finding(judged, "health/latency failures").status == word
        assert judged.verdict not in GREEN
    alone = verdict(run(failing), None, policy(timed=True, **FEW))
    assert finding(alone, "health/latency").status == "not measured"
    assert finding(alone, "health/latency failures").status in ("broken", "not measured")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_04_nan_does_not_pass_a_comparison(number: str) -> None:
    text = run(timed([1.5])).to_json().decode().replace("1.5", number)
    assert number in text
    with pytest.raises(FormatError, match="not a JSON number"):
        Run.from_json(text)
    with pytest.raises(ValidationError):
        series([math.nan])


def test_05_a_side_without_data_does_not_pass() -> None:
    full, empty = timed(latencies(1, 100)), timed([])
    for sides in ((empty, full), (full, empty), (empty, empty)):
        assert verdict(*beside([sides[0]], [sides[1]]), policy(timed=True, **FEW)).verdict == "inconclusive"


def test_06_a_group_without_any_data_is_not_full_marks() -> None:
    names = [f"p{index}" for index in range(5)]
    seen = [observation(name, state="not measured", reason="no data", checks=()) for name in names]
    assert verdict(run(*seen), run(*(observation(name) for name in names)), policy(*names)).verdict == "inconclusive"


def test_07_one_of_many_without_data_is_not_tolerated() -> None:
    names = [f"p{index}" for index in range(20)]
    seen = [observation(name) for name in names[1:]]
    old = [observation(name) for name in names]
    assert verdict(*beside(seen, old), policy(*names)).verdict == "inconclusive"


@pytest.mark.parametrize("failed", [5, 9, 20])
def test_08_errors_that_only_the_candidate_has_are_not_lost_among_zeros(failed: int) -> None:
    """Half the windows, then ever fewer of them, with errors where the baseline has none at all."""
    after = [None if index < failed else value for index, value in enumerate(latencies(1, 100))]
    judged = verdict(*beside([timed(after)], [timed(latencies(2, 100))]), policy(timed=True))
    assert finding(judged, "health/latency failures").status in ("regressed", "not measured")
    assert judged.verdict not in GREEN
    assert failed < 9 or judged.verdict == "unstable"


def test_09_nothing_to_judge_by_is_not_a_pass() -> None:
    for baseline in (None, run()):
        assert verdict(run(), baseline, Policy()).verdict == "inconclusive"
        assert verdict(run().model_copy(update={"observations": ()}), baseline, Policy()).verdict == "inconclusive"


def test_10_a_first_run_is_not_called_stable() -> None:
    judged = verdict(run(timed(latencies(1, 60))), None, policy(timed=True, **FEW))
    assert judged.verdict == "first run"
    assert finding(judged, "health/latency").status == "new"


def test_10_a_lost_baseline_is_no_first_run() -> None:
    new, old = timed(latencies(1, 60)), timed(latencies(2, 60))
    rows = tuple((row[0], row[1], row[0] % 2, True) for row in new.series[0].samples if isinstance(row[0], int))
    new = new.model_copy(update={"series": (new.series[0].model_copy(update={"samples": rows}),)})
    candidate, baseline = beside([new], [old])
    assert verdict(candidate, baseline, policy(timed=True, **FEW)).verdict == "stable"
    assert verdict(candidate, None, policy(timed=True, **FEW)).verdict == "inconclusive"
    told = observation("baseline", state="not measured", reason="the store did not answer", checks=())
    assert verdict(run(observation(), told)).verdict == "inconclusive"


def test_11_a_failed_run_is_no_measure_of_the_next() -> None:
    broken = observation(state="broken", checks=(check(ok=False),))
    kept = Provenance(reference="last", verdict="unstable", stored=TIME, digest="sha256:0")
    judged = verdict(run(broken), run(broken, provenance=kept))
    assert judged.verdict == "unstable"
    assert any("not stable itself" in rule for rule in judged.rules)


def test_12_no_objectives_is_not_a_pass() -> None:
    """A spec that asks for nothing has nothing to pass, however sound what was seen is on both sides."""
    judged = verdict(run(observation("other")), run(observation("other")), Policy())
    assert judged.verdict == "inconclusive"
    assert "nothing was measured" in judged.rules[0]


def test_13_a_deadline_before_the_first_sample_is_not_a_success() -> None:
    judged = verdict(*beside([observation()], [observation()]), policy(timed=True))
    assert judged.verdict == "inconclusive"
    assert finding(judged, "health/timing").remedy


def test_14_a_value_that_is_no_number_does_not_pass() -> None:
    rows = tuple((index, "NaN", 0, True) for index in range(100))
    new = observation(series=(series([]).model_copy(update={"samples": rows}),))
    steady = [timed(latencies(1, 100, noise=0.02))]  # any number near 40 in their place would be fine
    assert verdict(*beside([timed([40.0] * 100)], steady), policy(timed=True, **FEW)).verdict == "stable"
    assert verdict(*beside([new], steady), policy(timed=True, **FEW)).verdict not in GREEN


def test_15_one_point_does_not_stand_for_the_series() -> None:
    after = [20.0, *latencies(1, 60, ratio=20)]
    judged = verdict(*beside([timed(after)], [timed([20.0, *latencies(2, 60)])]), policy(timed=True))
    assert finding(judged, "health/latency").status == "regressed"
    allowed = policy(timed=True, failures={"default": "99%"})  # five requests show nothing of failures either
    for short in ([20.0], [20.0] * 5):
        assert verdict(*beside([timed(short)], [timed(short)]), allowed).verdict == "inconclusive"


def test_16_quick_errors_are_not_quick_answers() -> None:
    """Every request answers 500, in no time: a load command would say that it ran."""
    rows = tuple((index, 1.0, 0, False) for index in range(60))
    new = observation(series=(series([]).model_copy(update={"samples": rows}),))
    judged = verdict(*beside([new], [timed(latencies(1, 60))]), policy(timed=True))
    assert judged.verdict == "unstable"
    assert finding(judged, "health/latency failures").after == "60 of 60"


def test_17_something_out_of_reach_is_not_a_pass() -> None:
    gate = observation("gate", state="not measured", reason="503 from the platform", checks=())
    judged = verdict(run(observation(), gate), run())
    assert judged.verdict == "inconclusive"


def test_18_no_tests_is_not_a_pass() -> None:
    judged = beside_a_sound_one(None)
    assert (finding(judged, "it/probe").status, judged.verdict) == ("not measured", "inconclusive")
    assert verdict(run().model_copy(update={"observations": ()})).verdict == "inconclusive"


def test_19_nothing_that_matched_is_not_a_pass() -> None:
    assert verdict(run(observation("other"))).verdict == "inconclusive"


def test_20_a_field_that_is_gone_is_not_zero() -> None:
    def shape(*keys: str) -> Fact:
        paths = {f"$.{key}": {"types": ["integer"], "seen": 1, "of": 1, "objects": 0} for key in keys}
        paths["$"] = {"types": ["object"], "seen": 1, "of": 1, "objects": 1}
        return Fact(id="response", kind="json-shape", value=json.loads(json.dumps({"status": 200, "paths": paths})))

    new, old = observation(facts=(shape("id"),)), observation(facts=(shape("id", "errors"),))
    judged = verdict(*beside([new], [old]))
    assert finding(judged, "health/response $.errors").status == "regressed"
    assert judged.verdict == "unstable"


def test_21_a_conversation_that_lost_an_event_is_not_a_success() -> None:
    def talk(*events: str) -> Fact:
        names = ["(start)", *events, "(end)"]
        value = {
            "events": {event: {"seen": 1, "paths": {}, "cut": False} for event in events},
            "transitions": [[a, b, 1] for a, b in pairwise(names)],
            "close": {"code": 1000, "by": "service"},
        }
        return Fact(id="protocol", kind="protocol", value=json.loads(json.dumps(value)))

    new, old = observation(facts=(talk("started", "done"),)), observation(facts=(talk("started", "tool", "done"),))
    judged = verdict(*beside([new], [old]))
    assert finding(judged, "health/protocol event tool").status == "regressed"
    assert judged.verdict == "unstable"


def test_22_a_revision_that_nobody_can_name_is_not_a_success() -> None:
    silent = run(subject=subject(identity={"reason": "no answer named its revision by the header x-revision"}))
    judged = verdict(silent, run(), policy(identified=True))
    assert finding(judged, "deploy/identity").status == "not measured"
    assert judged.verdict == "inconclusive"
    named = run(subject=subject(identity={"answered_by": {"chat-2": 14}}))
    assert verdict(named, run(), policy(identified=True)).verdict == "stable"
