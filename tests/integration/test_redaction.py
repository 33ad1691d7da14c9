"""Secrets at random places of URLs, headers, bodies, frames and error texts: nothing of them reaches file or report.

The probes are the real ones. The service sends back all that it was sent, in another form each time, and breaks off.
"""

import asyncio
import base64
import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from bot import spec
from bot.judge.judging import judge
from bot.model import Subject
from bot.probes.session import Plan, Session
from bot.report import plain
from bot.report.html import html
from bot.report.machine import junit, sarif
from bot.report.markdown import comment
from bot.safety.redact import Redactor
from tests.integration.servers import Asked, of_json, service
from tests.integration.servers import plain as text_answer

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
SECRETS = st.one_of(
    PRINTABLE,
    st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="\u2028\u2029"), min_size=8, max_size=24),
    st.sampled_from(
        ["sk-live_9f8d7c6b5a", "p@ss:w/rd?x=1&y#z%20", "tok\"en\\with'quotes`", "a b c d e f g h", "<b>&amp;&lt;s"]
    ),
)
BREAKS = st.sampled_from(["", "status", "json", "body", "header"])
VARIABLE = "${PASSWORD}"
FORMS = ("plain", "json", "json in json", "percent", "base64", "header", "reason")


class Case(NamedTuple):
    """A password and the token that it buys, where they are put, in which form they come back, what is expected."""

    password: str
    token: str
    form: str
    breaks: str
    before: str
    place: str


CASES = st.builds(
    Case,
    password=SECRETS,
    token=st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/", min_size=12, max_size=60),
    form=st.sampled_from(FORMS),
    breaks=BREAKS,
    before=st.sampled_from(["", "x", "key=", "é ", '{"a": "', "Bearer "]),
    place=st.sampled_from(["path", "query", "header", "json", "form"]),
)


def echoed(form: str, before: str, said: list[str]) -> bytes:
    """All that was said, in one of the ways in which services repeat things."""
    whole = before + " ".join(said)
    if form == "json":
        return of_json({"detail": whole, "list": said})
    if form == "json in json":
        return of_json({"detail": json.dumps({"message": whole})})
    if form == "percent":
        return text_answer(200, quote(whole, safe="").encode())
    if form == "base64":
        return text_answer(200, base64.b64encode(whole.encode()))
    if form == "header":
        return text_answer(200, b"ok", extra=f"x-echo: {quote(whole)}\r\n")
    if form == "reason":
        line = f"HTTP/1.1 500 {quote(whole, safe=' ')}\r\ncontent-length: 0\r\n\r\n"
        return line.encode()
    return text_answer(200, whole.encode())


def probes(case: Case) -> Mapping[str, Any]:
    fields: dict[str, Any] = {"http": "POST /it", "login": "user", "timed": False}
    if case.place == "path":
        fields["http"] = "POST /it/" + quote(case.password, safe="")
    elif case.place == "query":
        fields["query"] = {"q": VARIABLE}
    elif case.place == "header":
        fields["headers"] = {"x-thing": quote(case.password)}
    elif case.place == "json":
        fields["json"] = {"a": [VARIABLE]}
    else:
        fields["form"] = {"a": VARIABLE}
    expect = {
        "": {},
        "status": {"status": 204},
        "json": {"json": {"$.detail": "other", "$.list": {"length": 99}}},
        "body": {"body": {"contains": "never there"}},
        "header": {"headers": {"x-echo": "other"}},
    }[case.breaks]
    step = {"http": "GET /token", "login": "user", "capture": {"session_token": "$.detail"}}
    follow = {"http": "GET /again", "headers": {"x-again": "{session_token}"}, "expect": {"status": 299}}
    socket = {"websocket": "/ws", "login": "user", "token_in": "query:t", "send": VARIABLE, "events": "a b"}
    return {
        "request": {**fields, "expect": expect},
        "chain": {"journey": [step, follow]},
        "socket": {"journey": [{**socket, "within": "200ms"}]},
        "forged": {"refuses": {"http": "GET /it"}, "login": "user"},
    }


async def everything(case: Case, folder: Path) -> Mapping[str, bytes]:
    """Observe, judge and report; every file and every report by its name."""

    async def echo(asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        if asked.target == "/login":
            return of_json({"given": case.token, "echo": asked.body.decode()})
        body = asked.body.decode()
        said = [
            unquote(asked.target),
            asked.headers.get("authorization", ""),
            unquote(asked.headers.get("x-thing", "")),
        ]
        return echoed(case.form, case.before, [*said, body, unquote(body)])

    async def talk(connection: ServerConnection) -> None:
        message = await connection.recv()
        assert connection.request is not None
        await connection.send(json.dumps({"type": "a", "you": message, "path": unquote(connection.request.path)}))
        await connection.send(f"{case.before}{message}")
        await connection.close(1011, (case.token + str(message))[:40].encode()[:100].decode("utf-8", "ignore"))

    text = json.dumps(
        {
            "version": 1,
            "service": "echo",
            "login": {"user": {"http": "POST /login", "json": {"password": VARIABLE}, "token": "$.given"}},
            "probes": probes(case),
        }
    )
    loaded = spec.parse(text.encode(), "spec.yml", {"PASSWORD": case.password})
    redactor = Redactor(loaded.secrets)
    async with service({"*": echo}) as up, serve(talk, "127.0.0.1", 0) as socket:
        port = next(iter(socket.sockets)).getsockname()[1]
        found: dict[str, bytes] = {}
        for url, names in ((up.url, ["request", "chain", "forged"]), (f"http://127.0.0.1:{port}", ["socket"])):
            plan = Plan(
                {name: loaded.probes[name] for name in names},
                loaded.logins,
                None,
                redactor,
                loaded.digest,
                "here",
                1,
                1.0,
            )
            session = Session(plan, Subject(service="echo", environment="t", revision="r", url=url), None, folder)
            if names == ["socket"]:
                context = session._sides[0].context
                context.url = up.url
                await context.credential("user", 5.0)
                await context.release()
                context.url = url
            await session.correctness(only=names)
            run = session.runs()[0]
            verdict = judge(run, None, loaded.policy, loaded.digest)
            found |= {
                f"run of {names}": run.to_json(),
                f"verdict of {names}": verdict.to_json(),
                f"comment of {names}": comment(verdict).encode(),
                f"text of {names}": plain.text(verdict).encode(),
                f"page of {names}": html(verdict, run, None).encode(),
                f"junit of {names}": junit(verdict).encode(),
                f"sarif of {names}": sarif(verdict).encode(),
            }
    return found | {str(path.name): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def travelling(secret: str) -> set[bytes]:
    """The forms in which a secret would be readable, or could be read back."""
    raw = secret.encode()
    once = json.dumps(secret)[1:-1]
    forms = {secret, once, json.dumps(once)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {quote(secret, safe=""), quote(secret), base64.b64encode(raw).decode().rstrip("=")}
    return {form.encode() for form in forms if len(form) >= 8}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=CASES)
def test_no_secret_reaches_a_file_a_log_or_a_report(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    folder = Path(tempfile.mkdtemp())
    try:
        found = asyncio.run(everything(case, folder))
    finally:
        shutil.rmtree(folder)
    # the secret is no part of what is written anyway, whoever holds it
    usual = json.dumps(probes(case._replace(password="", token=""))).encode()
    for secret in (case.password, case.token):
        for form in travelling(secret):
            if form in usual:
                continue
            for name, data in found.items():
                assert form not in data, (secret, name)
    assert len(found) > 14
