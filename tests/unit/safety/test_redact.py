"""Secrets do not survive the redactor, wherever they stand and however they are encoded."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.safety.redact import MASKS, SHORTEST, Redactor, secretive

secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST, max_size=40).filter(
    lambda text: len(text.strip()) >= SHORTEST and "\n" not in text
)
anything = st.text(max_size=200)
plain = st.text("abcdefghij KLMNOP,.;:/=&?\"'{}\n", max_size=80)


@given(before=anything, secret=secrets, after=anything)
def test_a_learned_secret_placed_anywhere_never_survives(before: str, secret: str, after: str) -> None:
    assert secret not in Redactor([secret]).text(before + secret + after)


@given(st.lists(secrets, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=6), plain)
def test_several_secrets_side_by_side_never_survive(known: list[str], order: list[int], between: str) -> None:
    text = between.join(known[index % len(known)] for index in order)
    found = Redactor(known).text(text)
    assert not any(secret in found for secret in known)


@given(before=plain, secret=secrets, after=plain)
def test_the_forms_in_which_a_secret_travels_do_not_survive(before: str, secret: str, after: str) -> None:
    redactor = Redactor([secret])
    for form in (
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        json.dumps(json.dumps(secret, ensure_ascii=False), ensure_ascii=False)[3:-3],
    ):
        assert form not in redactor.text(before + form + after)


@given(user=st.text("abc:", max_size=9), secret=st.text(min_size=12, max_size=40), after=st.text("xyz", max_size=5))
def test_base64_of_something_around_a_secret_does_not_give_it_away(user: str, secret: str, after: str) -> None:
    assume(len(secret.strip()) >= 12)
    encoded = base64.b64encode((user + secret + after).encode("utf-8", "surrogatepass")).decode()
    found = Redactor([secret]).text(f"value {encoded} end")
    assert encoded not in found
    assert any(mask in found for mask in MASKS)


@given(before=st.binary(max_size=60), secret=secrets, after=st.binary(max_size=60))
def test_bytes_that_are_no_utf8_do_not_hide_a_secret(before: bytes, secret: str, after: bytes) -> None:
    assert secret.encode() not in Redactor([secret]).data(before + secret.encode() + after)


@given(st.binary(max_size=200))
def test_bytes_without_secrets_come_back_unchanged(data: bytes) -> None:
    assume(not set(data) & set(b"=:/.-"))
    assert Redactor().data(data) == data


@given(secret=st.text("abcdefgh0123", min_size=12, max_size=30), kept=st.integers(SHORTEST, 11))
def test_a_secret_torn_by_a_cut_leaves_nothing(secret: str, kept: int) -> None:
    found = Redactor([secret]).text("a body: " + secret[:kept], cut=True)
    assert secret[:kept] not in found


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    ("text", "hidden", "kept"),
    [
        ("> authorization: Bearer abcdef123456\r\n> accept: */*", "abcdef123456", "accept: */*"),
        ("Authorization: token s3cr3t-value", "s3cr3t-value", "Authorization: "),
        ("Set-Cookie: sid=deadbeef; HttpOnly\nx: 1", "deadbeef", "x: 1"),
        ("cookie: a=1; b=supersecret", "supersecret", "cookie: "),
        (f"curl -H 'Authorization: Bearer {JWT}' https://x", JWT, "https://x"),
        (f"here is {JWT}, take it", JWT, "[redacted jwt], take it"),
        (f"unsigned {JWT.rsplit('.', 1)[0]}.", JWT.split(".")[1], "[redacted jwt]"),
        ("sent Bearer abcdefgh12345678 along", "abcdefgh12345678", "along"),
        ("postgres://ana:hunter2@db:5432/chat", "hunter2", "@db:5432/chat"),
        ("GET /ws?token=tok123&x=1", "tok123", "&x=1"),
        ("GET /b?X-Amz-Signature=beef&X-Amz-Date=2026", "beef", "X-Amz-Date=2026"),
        ("GET /b?sv=1&sig=a%2Fb&se=2", "a%2Fb", "&se=2"),
        ("/cb?code=oauth-code&state=1", "oauth-code", "state=1"),
        ("password=hunter2&user=ana", "hunter2", "user=ana"),
        ('{"password": "hunter2", "user": "ana"}', "hunter2", '"user": "ana"'),
        ('{"access_token":"opaque","token_type":"bearer"}', "opaque", '"token_type":"bearer"'),
        ('{"refreshToken":"with \\" quote opaque"}', "opaque", "refreshToken"),
        ("{'client_secret': 'pyrepr'}", "pyrepr", "client_secret"),
        ('{"body": "{\\"password\\": \\"nested\\", \\"user\\": \\"ana\\"}"}', "nested", "ana"),
        (json.dumps({"body": json.dumps({"password": 'with " quote opaque', "user": "ana"})}), "opaque", "ana"),
        ('{"api_key": 1234567}', "1234567", "api_key"),
        ('{"password": "cut off in the mid', "cut off", "password"),
    ],
)
def test_shapes_that_are_always_secret_are_removed(text: str, hidden: str, kept: str) -> None:
    found = Redactor().text(text)
    assert hidden not in found
    assert kept in found


@given(st.dictionaries(st.sampled_from(["password", "access_token", "refresh_token", "secret"]), secrets, min_size=1))
def test_json_fields_of_secret_names_keep_the_json_readable(fields: dict[str, str]) -> None:
    found = json.loads(Redactor().text(json.dumps({**fields, "kept": "plain"})))
    assert found == {**dict.fromkeys(fields, MASKS[0]), "kept": "plain"}


@given(anything)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redactor = Redactor(["a-secret"])
    assert redactor.text(redactor.text(text)) == redactor.text(text)


def test_short_and_absent_secrets_are_not_learned() -> None:
    redactor = Redactor(["", "   ", "abc"])
    redactor.learn(None)
    assert redactor.masks() == ()
    assert redactor.text("abc") == "abc"


def test_masks_hold_every_line_of_a_key_in_several_lines() -> None:
    redactor = Redactor(["-----BEGIN-----\nAAAABBBB\n-----END-----\n"])
    assert {"AAAABBBB", "-----BEGIN-----"} <= set(redactor.masks())
    assert "AAAABBBB" not in redactor.text("line AAAABBBB alone")


def test_ordinary_text_is_left_alone() -> None:
    text = (
        'GET /threads?limit=5 HTTP/1.1\n{"id": 7, "title": "a token is due", "max_tokens": 5}\nhttps://example.com/a@b'
    )
    assert Redactor(["hunter2"]).text(text) == text


@pytest.mark.parametrize(
    "text", ["eyJ" * 30_000, "a" * 90_000, "://" * 30_000, '"' * 90_000, '\\"' * 45_000, "x=" * 45_000]
)
@pytest.mark.timeout(10)
def test_hostile_text_does_not_take_quadratic_time(text: str) -> None:
    Redactor(["hunter2"]).text(text)


def test_names_that_hold_secrets_are_known() -> None:
    assert all(map(secretive, ["password", "X-Auth-Token", "refreshToken", "client_secret", "Set-Cookie"]))
    assert not any(map(secretive, ["token_type", "max_tokens", "tokens", "author", "secretary"]))
    assert Redactor().field("password", "x") == MASKS[0]
