"""Every way of signing in, against a service that knows them all: the token is had, used, renewed, and in no file."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bot.model import Observation
from bot.probes.logins.registry import AnyLogin
from bot.probes.session import Session
from bot.safety.redact import Redactor
from tests.finding import pick
from tests.integration.issuers import CLIENT, CLIENT_SECRET, PASSWORD, REDIRECT, Issuer
from tests.integration.servers import Service, answers, of_json, plain, service
from tests.integration.test_probes import failed, plan, subject

LOGIN = TypeAdapter(AnyLogin)
FORM = {"user": "ana", "password": PASSWORD}
SESSION = {
    "session": "POST /login",
    "form": FORM,
    "cookie": "sessionid",
    "before": "GET /login",
    "csrf": {"cookie": "csrftoken", "header": "X-CSRFToken"},
}
RENEWAL = {"http": "POST /auth/refresh", "json": {"refresh_token": "{refresh_token}"}}
WAYS: dict[str, dict[str, Any]] = {
    "password": {"http": "POST /auth/login", "json": {"password": PASSWORD}, "token": "$.access_token"},
    "password that is refreshed": {
        "http": "POST /auth/login",
        "json": {"password": PASSWORD},
        "token": "$.access_token",
        "refresh": RENEWAL,
    },
    "session": SESSION,
    "client": {"client_credentials": "/token", "client_id": CLIENT, "client_secret": CLIENT_SECRET, "scope": "read"},
    "client in the form": {
        "client_credentials": "/token",
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "client_auth": "post",
    },
    "client of a discovered issuer": {
        "client_credentials": "discovered",
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
    },
}


@contextlib.asynccontextmanager
async def issuer(**how: Any) -> AsyncIterator[tuple[Service, Issuer]]:
    made = Issuer(**how)
    routes = dict(made.routes())
    async with service(routes) as up:
        up.routes = {**routes, "GET /.well-known/openid-configuration": answers(of_json(discovery(up.url)))}
        yield up, made


def discovery(url: str) -> dict[str, str]:
    return {"issuer": url, "token_endpoint": f"{url}/token", "authorization_endpoint": f"{url}/authorize"}


async def asked(
    tmp_path: Path, url: str, login: Mapping[str, Any], *secrets: str, times: int = 1
) -> tuple[Observation, bytes]:
    """GET /me with this login; what was observed, and everything that was written."""
    made = plan(
        {"it": {"http": "GET /me", "login": "user"}},
        logins={"user": LOGIN.validate_python(login)},
        redactor=Redactor(secrets),
    )
    session = Session(made, subject(url), None, tmp_path)
    for _ in range(times):
        await session.correctness(only=["it"])
    run, _ = session.runs()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + run.to_json()
    return run.observations[0], kept


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_of_signing_in_gets_in_and_leaves_no_secret_behind(tmp_path: Path, way: str) -> None:
    async with issuer() as (up, made):
        found, kept = await asked(tmp_path, up.url, WAYS[way], PASSWORD, CLIENT_SECRET, times=2)
        tries = [each for each in up.asked if each.method == "POST"]
    assert (found.state, found.reason) == ("measured", None)
    assert len(tries) == 1
    assert made.given
    for secret in [*made.given, PASSWORD, CLIENT_SECRET]:
        assert secret.encode() not in kept


async def test_a_token_that_was_given_is_sent_as_the_spec_says(tmp_path: Path) -> None:
    async with issuer() as (up, made):
        made.valid.add("given-token-7")
        found, kept = await asked(tmp_path, up.url, {"token": "given-token-7"})
        assert found.state == "measured"
        await asked(tmp_path, up.url, {"token": "given-token-7", "header": "X-Key", "scheme": ""})
        assert up.asked[-1].headers["x-key"] == "given-token-7"
        await asked(tmp_path, up.url, {"token": "given-token-7", "scheme": "token"})
        assert up.asked[-1].headers["authorization"] == "token given-token-7"
    assert b"given-token-7" not in kept


async def test_cookies_go_only_where_they_were_meant_for(tmp_path: Path) -> None:
    async with issuer() as (up, _):
        await asked(tmp_path, up.url, SESSION)
        sent = pick(up.asked, lambda each: each.target == "/me").headers
    assert "sessionid=" in sent["cookie"]
    assert "other=" not in sent["cookie"]
    assert sent["x-csrftoken"] == "csrf-value-1"


@pytest.mark.parametrize("way", ["password that is refreshed", "client"])
async def test_a_token_is_renewed_before_it_expires_by_a_refresh_token_that_rotates(tmp_path: Path, way: str) -> None:
    async with issuer(lifetime=0) as (up, made):
        login = WAYS[way]
        if way.startswith("password"):
            # its lifetime is in no answer: a JWT would say it
            made.tokens = lambda: of_jwt(made)  # type: ignore[method-assign]
        found, kept = await asked(tmp_path, up.url, login, PASSWORD, CLIENT_SECRET, times=3)
        posts = [each for each in up.asked if each.method == "POST"]
    assert found.state == "measured"
    assert len(posts) == 3
    refreshes = [each for each in posts if b"refresh_token" in each.body]
    assert len(refreshes) == 2
    assert refreshes[0].body != refreshes[1].body
    for secret in made.given:
        assert secret.encode() not in kept


def of_jwt(made: Issuer) -> dict[str, Any]:
    import jwt

    given = Issuer.tokens(made)
    token = jwt.encode({"sub": "ana", "iat": 1000, "exp": 1000, "jti": given["access_token"]}, "k" * 32)
    made.valid.add(token)
    made.given.append(token)
    return {"access_token": token, "refresh_token": given["refresh_token"]}


async def test_a_refresh_token_that_is_refused_breaks_the_probe(tmp_path: Path) -> None:
    async with issuer(lifetime=0) as (up, made):
        made.rotates = False
        session = Session(
            plan({"it": {"http": "GET /me", "login": "user"}}, logins={"user": LOGIN.validate_python(WAYS["client"])}),
            subject(up.url),
            None,
            tmp_path,
        )
        await session.correctness(only=["it"])
        made.refresh.clear()
        await session.correctness(only=["it"])
        observation = session._sides[0].context
        renewed = await observation.credential("user", 5.0)
    assert renewed.failure == "the refresh token was not taken: 400 X: invalid_grant"
    assert renewed.status == 400


async def test_a_long_lived_token_is_fetched_once_and_a_brief_one_is_used_while_it_lasts(tmp_path: Path) -> None:
    for lifetime in (900, 12):
        async with issuer(lifetime=lifetime) as (up, _):
            await asked(tmp_path, up.url, WAYS["client"], times=3)
            assert sum(each.method == "POST" for each in up.asked) == 1


CODE = {
    "authorization_code": "/authorize",
    "token_endpoint": "/token",
    "client_id": CLIENT,
    "redirect_uri": REDIRECT,
    "first": {
        "http": "POST /login",
        "form": FORM,
        "headers": {"X-CSRFToken": "csrf-value-1", "Cookie": "csrftoken=csrf-value-1"},
    },
}


@pytest.mark.parametrize("where", ["/authorize", "discovered"])
async def test_an_authorization_code_is_had_without_a_browser(tmp_path: Path, where: str) -> None:
    async with issuer() as (up, made):
        found, kept = await asked(tmp_path, up.url, CODE | {"authorization_code": where}, PASSWORD)
    assert (found.state, found.reason) == ("measured", None)
    assert len(made.asked_for[0]["code_verifier"]) >= 43
    for secret in [*made.given, PASSWORD, made.asked_for[0]["code_verifier"]]:
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (plain(200, b"<form>"), "no redirect with a code: a browser would be needed"),
        (plain(302, b"", extra="location: /consent\r\n"), "redirected elsewhere than to `redirect_uri`"),
        (plain(302, b"", extra=f"location: {REDIRECT}?error=access_denied\r\n"), "no code: access_denied"),
        (plain(302, b"", extra=f"location: {REDIRECT}?code=abcdef&state=stolen\r\n"), "does not carry our `state`"),
        (plain(302, b"", extra=f"location: {REDIRECT}.evil.invalid/?code=abcdef\r\n"), "redirected elsewhere"),
    ],
)
async def test_a_code_that_cannot_be_had_says_why(tmp_path: Path, answer: bytes, said: str) -> None:
    async with issuer() as (up, _):
        up.routes = {**up.routes, "GET /authorize": answers(answer)}
        found, _kept = await asked(tmp_path, up.url, CODE)
    assert said in failed(found)["sign-in"]


@pytest.mark.parametrize(
    ("login", "said"),
    [
        (WAYS["client"] | {"client_secret": "wrong-secret"}, "401 X: invalid_client"),
        (SESSION | {"form": {"password": "wrong"}}, "200 X, without the cookie sessionid"),
        (SESSION | {"csrf": None}, "403 X"),
        (WAYS["password that is refreshed"] | {"refresh_token": "$.elsewhere"}, "no refresh token at $.elsewhere"),
    ],
)
async def test_a_sign_in_that_fails_says_why(tmp_path: Path, login: dict[str, Any], said: str) -> None:
    async with issuer() as (up, _):
        found, _kept = await asked(tmp_path, up.url, login)
    assert found.state == "broken"
    assert said in failed(found)["sign-in"]


async def test_secrets_go_to_no_host_that_only_a_discovery_document_names(tmp_path: Path) -> None:
    async with issuer() as (up, _), issuer() as (other, elsewhere):
        here = {"GET /.well-known/openid-configuration": answers(of_json(discovery(other.url) | {"issuer": up.url}))}
        up.routes = {**up.routes, **here}
        found, _kept = await asked(tmp_path, up.url, WAYS["client of a discovered issuer"])
        assert found.state == "not measured"
        assert f"{other.url}, which the spec does not name" in (found.reason or "")
        assert "`hosts:`" in (found.remedy or "")
        assert not other.asked
        assert not elsewhere.asked_for


async def test_an_issuer_elsewhere_is_asked_when_the_spec_names_it_and_is_who_it_says(tmp_path: Path) -> None:
    async with issuer() as (other, made), service({"GET /me": made.me}) as up:
        login = WAYS["client of a discovered issuer"] | {"issuer": other.url}
        assert (await asked(tmp_path, up.url, login))[0].state == "measured"
        document = answers(of_json(discovery(other.url) | {"issuer": "https://else.invalid"}))
        other.routes = {**other.routes, "GET /.well-known/openid-configuration": document}
        found, _kept = await asked(tmp_path, up.url, login)
    assert failed(found)["sign-in"] == "the discovery document is of another issuer than the spec names"


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ({}, "a login needs one of: http, session, client_credentials, authorization_code, token"),
        ({"http": "POST /a", "session": "POST /b"}, "has http and session"),
        ({"token": "$.access_token"}, "add `http: POST /login`"),
        ({"token": " "}, "the token is empty"),
        ({"client_credentials": "token", "client_id": "x"}, "is no endpoint"),
        ({"client_credentials": "/token", "client_id": "x", "issuer": "https://id.invalid"}, "`issuer` is used only"),
        ({"client_credentials": "//evil.invalid/token", "client_id": "x"}, "is no endpoint"),
        (
            {"client_credentials": "discovered", "client_id": "x", "issuer": "https://a:b@id.invalid"},
            "a user or a password",
        ),
        ({"http": "POST /a", "token": "$.t", "refresh": {"http": "POST /r"}}, "sends {refresh_token} nowhere"),
    ],
)
def test_a_login_that_makes_no_sense_is_an_error_of_the_spec(login: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match="(?s)" + said.replace("{", r"\{").replace("}", r"\}")):
        LOGIN.validate_python(login)


async def test_what_is_secret_is_in_no_repr(tmp_path: Path) -> None:
    async with issuer() as (up, made):
        made_plan = plan({}, logins={"user": LOGIN.validate_python(WAYS["client"])})
        context = Session(made_plan, subject(up.url), None, tmp_path)._sides[0].context
        credential = await context.credential("user", 5.0)
        await context.release()
    assert credential.token in made.valid
    assert not any(secret in repr(credential) for secret in made.given)
