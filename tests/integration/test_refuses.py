"""The probe `refuses` against services with one hole each, and against one that has none."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from bot.model import Observation
from bot.probes.logins.registry import AnyLogin
from bot.probes.refuses import RefusesProbe
from bot.probes.session import Plan, Session
from bot.safety.redact import Redactor
from tests.finding import pick
from tests.integration import servers
from tests.integration.issuers import PASSWORD, Issuer
from tests.integration.servers import answers, of_json, service, sockets
from tests.integration.test_logins import RENEWAL
from tests.integration.test_probes import failed, subject

SECRET = "k" * 32
TOKEN = jwt.encode({"sub": "7", "exp": 4_000_000_000}, SECRET, "HS256")
LOGIN = {"token": TOKEN}
GET = {"refuses": {"http": "GET /me"}, "login": "user"}
Says = Callable[[str | None], int]


def sound(shown: str | None) -> int:
    """Bearer, and signed as it should be."""
    try:
        jwt.decode((shown or "").removeprefix("Bearer "), SECRET, ["HS256"])
    except jwt.InvalidTokenError:
        return 401
    return 200


def header(shown: str | None) -> dict[str, Any]:
    part = (shown or "").removeprefix("Bearer ").split(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def with_hole(hole: Callable[[str], bool], status: int = 200) -> Says:
    return lambda shown: status if shown is not None and hole(shown) else sound(shown)


def signed_with(key: bytes) -> Callable[[str], bool]:
    def hole(shown: str) -> bool:
        text, _, signature = shown.removeprefix("Bearer ").rpartition(".")
        return (
            base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()[:43] == signature
        )

    return hole


def route(says: Says) -> servers.Route:
    async def answer(asked: servers.Asked, _writer: asyncio.StreamWriter) -> bytes:
        return of_json({"you": asked.headers.get("authorization")}, says(asked.headers.get("authorization")))

    return answer


async def observed(
    tmp_path: Path, url: str, fields: dict[str, Any] = GET, login: dict[str, Any] = LOGIN, **logins: dict[str, Any]
) -> tuple[Observation, bytes]:
    adapter = TypeAdapter(AnyLogin)
    plan = Plan(
        probes={"it": RefusesProbe.model_validate(fields)},
        logins={name: adapter.validate_python(each) for name, each in {"user": login, **logins}.items()},
        identity=None,
        redactor=Redactor([PASSWORD]),
        spec="sha256:0",
        vantage="here",
        seed=1,
        time=1.0,
    )
    session = Session(plan, subject(url), None, tmp_path)
    await session.correctness(only=["it"])
    run, _ = session.runs()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + run.to_json()
    return run.observations[0], kept


async def test_a_sound_service_refuses_all_but_the_real_one(tmp_path: Path) -> None:
    async with service({"GET /me": route(sound)}) as up:
        found, kept = await observed(tmp_path, up.url)
        asked = [each.headers.get("authorization") for each in up.asked]
    assert (found.state, found.reason) == ("measured", None)
    assert [check.id for check in found.checks][:4] == ["real credential", "no credential", "garbage", "wrong scheme"]
    assert len(found.checks) == len(asked) == len(set(asked)) == 19
    assert asked.count(None) == 1
    value = found.facts[0].value
    assert isinstance(value, dict)
    assert "reused refresh token" in value["left out"]  # type: ignore[operator]
    for each in asked:
        assert each is None or each.partition(" ")[2].encode() not in kept.replace(b"stability-proof.is.no-token", b"")


@pytest.mark.parametrize(
    ("hole", "names"),
    [
        (
            lambda shown: str(header(shown).get("alg")).lower() == "none",
            {"alg none", "alg nOnE", "alg None", "alg NONE"},
        ),
        (lambda shown: header(shown).get("alg") == "none", {"alg none", "alg none, signature kept"}),
        (lambda shown: shown.count(".") == 1, {"stripped signature"}),
        (lambda shown: len(shown.split(".")[-1]) == 43, {"altered payload", "expiry put off", "altered signature"}),
        (lambda shown: shown.startswith("Basic "), {"wrong scheme"}),
        (signed_with(b"secret"), {"signed with 'secret'"}),
        (lambda shown: "dev/null" in str(header(shown).get("kid")), {"kid traversal"}),
        (lambda shown: "jwk" in header(shown), {"key in its own header"}),
        (lambda shown: "no-token" in shown, {"garbage"}),
    ],
)
async def test_each_hole_is_named_and_is_critical(tmp_path: Path, hole: Callable[[str], bool], names: set[str]) -> None:
    async with service({"GET /me": route(with_hole(hole))}) as up:
        found, _kept = await observed(tmp_path, up.url)
    bad = {check.id: check for check in found.checks if not check.ok}
    assert names <= set(bad)
    assert {check.severity for check in bad.values()} == {"critical"}
    assert {check.actual for check in bad.values()} == {"accepted: 200 OK"}
    assert found.state == "broken"


async def test_a_service_that_breaks_over_a_token_is_major(tmp_path: Path) -> None:
    async with service({"GET /me": route(with_hole(lambda shown: shown.count(".") == 1, 500))}) as up:
        found, _kept = await observed(tmp_path, up.url)
    assert failed(found) == {"stripped signature": "500 Internal Server Error"}
    assert pick(found.checks, lambda check: not check.ok).severity == "major"


async def test_a_route_that_is_open_to_everybody_is_critical(tmp_path: Path) -> None:
    async with service({"GET /me": route(lambda _: 200)}) as up:
        found, _kept = await observed(tmp_path, up.url)
    assert failed(found)["no credential"] == "accepted: 200 OK"
    assert found.reason == "no credential: expected a refusal, got accepted: 200 OK; and 17 more"


async def test_a_route_that_refuses_everybody_says_nothing(tmp_path: Path) -> None:
    async with service({"GET /me": route(lambda _: 403)}) as up:
        found, _kept = await observed(tmp_path, up.url)
    assert found.state == "not measured"
    assert found.reason == "the route refuses everybody: the real credential got 403 Forbidden"


async def test_what_is_no_declared_refusal_is_none(tmp_path: Path) -> None:
    async with service({"GET /me": route(lambda shown: 404 if sound(shown) == 401 else 200)}) as up:
        found, _kept = await observed(tmp_path, up.url)
        assert failed(found)["garbage"] == "neither refused nor accepted: 404 Not Found"
        found, _kept = await observed(tmp_path, up.url, {**GET, "with": [404]})
        assert found.state == "measured"


async def test_a_public_key_that_is_taken_for_a_secret_is_found(tmp_path: Path) -> None:
    from tests.unit.probes.test_forging import JWK, KEY, PEM, RS

    def confused(shown: str | None) -> int:
        token = (shown or "").removeprefix("Bearer ")
        try:
            jwt.decode(token, KEY.public_key(), ["RS256"])
        except jwt.InvalidTokenError:
            return 200 if shown and signed_with(PEM)(shown) else 401
        return 200

    routes = {"GET /me": route(confused), "GET /jwks.json": answers(of_json({"keys": [JWK]}))}
    async with service(routes) as up:
        found, _kept = await observed(tmp_path, up.url, {**GET, "jwks": "/jwks.json"}, {"token": RS})
    assert failed(found) == {"public key as HMAC secret": "accepted: 200 OK"}


async def test_tokens_that_only_the_spec_can_give_are_shown_too(tmp_path: Path) -> None:
    old = jwt.encode({"sub": "7", "exp": 1}, SECRET, "HS256")
    other = jwt.encode({"sub": "7", "aud": "others"}, SECRET, "HS256")

    def careless(shown: str | None) -> int:
        try:
            options: Any = {"verify_exp": False, "verify_aud": False}
            jwt.decode((shown or "").removeprefix("Bearer "), SECRET, ["HS256"], options=options)
        except jwt.InvalidTokenError:
            return 401
        return 200

    fields = {**GET, "expired": old, "other_audience": "elsewhere"}
    async with service({"GET /me": route(sound)}) as up:
        assert (await observed(tmp_path, up.url, fields, elsewhere={"token": other}))[0].state == "measured"
    async with service({"GET /me": route(careless)}) as up:
        found, kept = await observed(tmp_path, up.url, fields, elsewhere={"token": other})
    assert set(failed(found)) == {"expired", "other audience"}
    assert old.encode() not in kept


@pytest.mark.parametrize("careless", [False, True])
async def test_a_refresh_token_is_good_for_one_use(tmp_path: Path, careless: bool) -> None:
    made = Issuer()
    login = {"http": "POST /auth/login", "json": {"password": PASSWORD}, "token": "$.access_token", "refresh": RENEWAL}
    if careless:
        made._exchanged = lambda _refresh: of_json(made.tokens())  # type: ignore[method-assign]
    async with service(made.routes()) as up:
        found, kept = await observed(tmp_path, up.url, GET, login)
        sign_ins = sum(each.target == "/auth/login" for each in up.asked)
    assert failed(found) == ({"reused refresh token": "accepted: new tokens"} if careless else {})
    assert sign_ins >= 2
    assert "reused refresh token" in [check.id for check in found.checks]
    for secret in made.given:
        assert secret.encode() not in kept


async def test_a_session_cookie_is_forged_too(tmp_path: Path) -> None:
    from tests.integration.test_logins import SESSION

    made = Issuer()
    async with service(made.routes()) as up:
        found, _kept = await observed(tmp_path, up.url, GET, SESSION)
        shown = [each.headers.get("cookie") for each in up.asked if each.target == "/me"]
    assert found.state == "measured"
    assert "sessionid=stability-proof.is.no-token" in shown
    assert len(shown) == 4


async def test_forged_credentials_go_to_no_host_that_the_spec_does_not_name(tmp_path: Path) -> None:
    found, _kept = await observed(tmp_path, "http://service.invalid")
    assert found.state == "not measured"
    assert found.remedy == "add `hosts: [service.invalid]` to the probe, if that host is yours"
    for hosts in (["service.invalid"], ["serv*.invalid"]):
        found, _kept = await observed(tmp_path, "http://service.invalid", {**GET, "hosts": hosts})
        assert "cannot be resolved" in (found.reason or "")
    found, _kept = await observed(tmp_path, "http://a.b.invalid", {**GET, "hosts": ["a*.invalid"]})
    assert "forged credentials go only to" in (found.reason or "")


SOCKET: dict[str, Any] = {
    "refuses": {"websocket": "/ws", "token_in": "query:token", "within": "300ms"},
    "login": "user",
}


def token_of(connection: ServerConnection) -> str | None:
    assert connection.request is not None
    _, _, token = connection.request.path.partition("token=")
    return f"Bearer {token}" if token else None


async def stays(connection: ServerConnection) -> None:
    await connection.wait_closed()


def closing(code: int, *messages: str) -> servers.Talk:
    async def talk(connection: ServerConnection) -> None:
        if sound(token_of(connection)) == 200:
            await connection.send('{"type": "welcome"}')
            await connection.wait_closed()
        for message in messages:
            await connection.send(message)
        if code == 1005:
            await connection.close(1000)
        elif code:
            await connection.close(code, "no")
        await connection.wait_closed()

    return talk


async def test_a_socket_may_refuse_in_the_handshake(tmp_path: Path) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        _, _, token = request.path.partition("token=")
        return None if sound(f"Bearer {token}") == 200 else connection.respond(403, "no")

    async with sockets(stays, refuse) as url:
        found, kept = await observed(tmp_path, url, SOCKET)
    assert (found.state, found.reason) == ("measured", None)
    assert "403 Forbidden" in found.checks[1].actual
    assert TOKEN.encode() not in kept


@pytest.mark.parametrize(
    ("talk", "more", "said"),
    [
        (closing(1008), {}, None),
        (closing(4401), {}, "neither refused nor accepted: closed by the service with 4401"),
        (closing(4401), {"with": [4401]}, None),
        (closing(1011), {}, "closed by the service with 1011 (internal error): no"),
        (closing(0), {}, "accepted: it stayed open"),
        (closing(0, '{"type": "hello"}'), {}, 'accepted: it stayed open, and sent {"type": "hello"}'),
        (closing(0, '{"type": "error"}'), {"message": {"type": "error"}}, None),
        (closing(1000, '{"type": "error"}'), {"message": {"type": "error"}}, None),
    ],
)
async def test_a_socket_may_refuse_by_closing_or_by_a_message(
    tmp_path: Path, talk: servers.Talk, more: dict[str, Any], said: str | None
) -> None:
    route = {**SOCKET["refuses"], **{name: each for name, each in more.items() if name == "message"}}
    rest = {name: each for name, each in more.items() if name != "message"}
    async with sockets(talk) as url:
        found, _kept = await observed(tmp_path, url, {**SOCKET, **rest, "refuses": route})
    if said is None:
        assert (found.state, found.reason) == ("measured", None)
    else:
        assert failed(found)["garbage"].startswith(said)
        severity = pick(found.checks, lambda check: not check.ok).severity
        assert severity == ("critical" if said.startswith("accepted:") else "major")


async def test_a_credential_may_go_in_the_first_message(tmp_path: Path) -> None:
    async def talk(connection: ServerConnection) -> None:
        ok = sound(f"Bearer {json.loads(await connection.recv())['auth']}") == 200
        await connection.close(*((1008, "no") if not ok else ())) if not ok else await connection.wait_closed()

    route = {"websocket": "/ws", "token_in": "message", "send": {"auth": "{token}"}, "within": "300ms"}
    async with sockets(talk) as url:
        found, kept = await observed(tmp_path, url, {**SOCKET, "refuses": route})
    assert (found.state, found.reason) == ("measured", None)
    assert TOKEN.encode() not in kept


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"refuses": {"http": "GET /me", "websocket": "/ws"}}, "one route"),
        ({"refuses": {"http": "GET /me"}, "with": [200]}, "cannot be a refusal"),
        ({"refuses": {"http": "GET /me", "accepts": [404]}, "with": [404]}, "cannot be a refusal"),
        ({"refuses": {"http": "GET /me"}, "hosts": ["*"]}, "is no host"),
        ({"refuses": {"http": "GET /me"}, "hosts": ["https://a.b"]}, "is no host"),
        ({"refuses": {"http": "GET /me"}, "timed": True}, "is not timed"),
        ({"refuses": {"websocket": "/ws", "token_in": "message"}}, "put {token} into `send`"),
    ],
)
def test_a_probe_that_makes_no_sense_is_an_error_of_the_spec(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RefusesProbe.model_validate({"login": "user", **fields})
    assert said in str(caught.value)
