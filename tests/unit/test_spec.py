"""The spec: one meaning a key, and errors that say where and what was meant."""

import contextlib
import functools
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot import spec
from bot.model.errors import SpecError, StabilityProofError
from bot.schema import schema

ROOT = Path(__file__).parents[2]
GOOD = """version: 1
service: chat
deploy:
  process: {command: "run {port}"}
login:
  user: {http: POST /login, json: {password: "${PW}"}, token: $.token}
probes:
  health: {http: GET /health, login: user}
judge: {budget: {latency: 10%}}
"""


@functools.cache
def described() -> jsonschema.Draft202012Validator:
    """The schema, which is one itself."""
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def error(text: str, **environ: str) -> str:
    with pytest.raises(SpecError) as caught:
        spec.parse(text.encode(), "x.yml", {"PW": "secret", **environ})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_spec_is_read() -> None:
    loaded = spec.parse(GOOD.encode(), "x.yml", {"PW": "secret"})

    assert (loaded.service, loaded.environment, list(loaded.probes)) == ("chat", "production", ["health"])
    assert loaded.policy.budget_for("health", "latency") == pytest.approx(0.1)
    assert loaded.secrets == ("secret",)
    assert loaded.text == GOOD.encode()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("login: user}", "logon: user}", "x.yml:8:31: unknown key 'logon'; did you mean 'login'?"),
        ("login: user}", "login: usr}", "x.yml:8:38: there is no login 'usr'; did you mean 'user'?"),
        ("{http: GET", "{htpp: GET", "x.yml:8:12: unknown key 'htpp'; did you mean 'http'?"),
        ("process:", "proces:", "x.yml:4:3: unknown key 'proces'; did you mean 'process'?"),
        ("probes:", "probe:", "x.yml:7:1: unknown key 'probe'; did you mean 'probes'?"),
        ("version: 1", "version: 2", "x.yml:1:10: version:"),
        ("service: chat\n", "", "x.yml:1:1: the key 'service' is missing"),
        ("10%", "ten", "x.yml:9:27: judge.budget.latency:"),
        ("health:", "rollback:", "x.yml:8:3: 'rollback' cannot name a probe"),
        ("health:", "suite:", "x.yml:8:3: 'suite' cannot name a probe"),
        ("${PW}", "${NOPE}", "x.yml:6:46: the environment has no NOPE"),
        ("service: chat", "service: chat\nservice: talk", "x.yml:3:1: the key 'service' is here twice"),
        ("judge: {budget", "judge: {probes: {}, budget", "x.yml:9:9: unknown key 'probes'"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str) -> None:
    assert old in GOOD
    assert error(GOOD.replace(old, new)).startswith(message)


@pytest.mark.parametrize("text", ["", "- a\n", "version: 1\nservice: a\nprobes: {}\n", "probes: [\n"])
def test_what_is_no_spec_is_one_message(text: str) -> None:
    assert error(text).startswith("x.yml")


def test_a_variable_can_be_meant_as_it_stands() -> None:
    loaded = spec.parse(GOOD.replace("${PW}", "$${PW}").encode(), "x.yml", {})

    assert "'${PW}'" in str(loaded.logins["user"])
    assert loaded.secrets == ()


def test_without_an_environment_nothing_is_expanded_and_nothing_is_missing() -> None:
    assert spec.parse(GOOD.encode(), "x.yml").secrets == ()


def test_a_secret_is_in_no_error() -> None:
    text = GOOD.replace("{http: POST /login, json", "{http: POST /login, jsn").replace("GET /health", "${PW}")

    assert "hunter2hunter2" not in error(text, PW="hunter2hunter2")


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("\x00{}[]:,'\"|>&*!%@` \n\tax1é"))
def test_no_change_of_one_character_is_a_crash(at: int, character: str) -> None:
    text = GOOD[:at] + character + GOOD[at + 1 :]
    with contextlib.suppress(StabilityProofError):
        spec.parse(text.encode(), "x.yml", {"PW": "secret"})


@pytest.mark.parametrize("name", ["examples/chat/stability.yml", ".github/stability.yml"])
def test_the_schema_takes_our_own_specs(name: str) -> None:
    described().validate(yaml.safe_load((ROOT / name).read_text()))


@pytest.mark.parametrize(
    ("old", "new"), [("login: user}", "logon: user}"), ("probes:", "probe:"), ("process:", "proces:")]
)
def test_the_schema_refuses_what_the_spec_refuses(old: str, new: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        described().validate(yaml.safe_load(GOOD.replace(old, new)))


def test_the_docstring_below_a_field_is_what_an_editor_shows_of_its_key() -> None:
    judge = described().schema["properties"]["judge"]["properties"]
    assert (
        judge["margin"]["description"] == "A series has regressed when it is shown to be worse by more than this (2%)."
    )
    # what is said of a key goes before what is said of its type, and one with an alias is found by that
    answer = described().schema["$defs"]["ExpectAnswer"]["properties"]
    assert answer["body"]["description"].startswith("The body as text: all of it")
    assert answer["json"]["description"].startswith("Values in the JSON body, by path")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{repeat: 2, steps: [{http: GET /, expct: {}}]}", "x.yml:5:49: unknown key 'expct'; did you mean 'expect'?"),
        ("{parallel: {a: [{wait: soon}], b: [{wait: 1s}]}}", "x.yml:5:38: probes.it.journey.0.parallel.a.0.wait: "),
        ("{wait: {until: {http: GET /, login: usr}}}", "x.yml:5:51: there is no login 'usr'"),
        ("{http: GET /, capture: {login: id}, multipart: {login: me}}", ""),
    ],
)
def test_an_error_in_a_step_inside_a_step_has_its_own_place(step: str, message: str) -> None:
    text = f"version: 1\nservice: chat\nprobes:\n  it:\n    journey: [{step}]\n"
    if not message:
        assert set(spec.parse(text.encode(), "x.yml").probes) == {"it"}
        return
    assert error(text).startswith(message)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("{promote: [50, 10]}", "x.yml:3:55: deploy.strategy.promote: the shares rise from 1 at least to 100 at last"),
        ("{shadwo: true}", "x.yml:3:46: unknown key 'shadwo'; did you mean 'shadow'?"),
        ("{watch: {sokets: 3}}", "x.yml:3:54: unknown key 'sokets'; did you mean 'sockets'?"),
        ("{watch: {websocket: /ws, login: usr}}", "x.yml:3:77: there is no login 'usr'"),
        ("{watch: {http: POST /orders}}", "x.yml:3:60: deploy.strategy.watch.http: it is sent all the time, so it may"),
        ("indirect", "x.yml:3:45: deploy.strategy: "),
    ],
)
def test_a_mistake_in_the_strategy_has_its_place(strategy: str, message: str) -> None:
    text = f"version: 1\nservice: chat\ndeploy: {{url: 'http://127.0.0.1', strategy: {strategy}}}\n"
    with pytest.raises(SpecError) as refused:
        spec.parse(f"{text}probes: {{health: {{http: GET /health}}}}\n".encode(), "x.yml")
    assert message in str(refused.value)


@pytest.mark.parametrize("strategy", ["direct", {"promote": [10, 100], "rollback": "drill", "watch": {"sockets": 0}}])
def test_the_schema_takes_a_strategy(strategy: object) -> None:
    whole = {"version": 1, "service": "chat", "probes": {"health": {"http": "GET /health"}}}
    described().validate({**whole, "deploy": {"url": "http://127.0.0.1", "strategy": strategy}})
