"""Forged credentials are what they are named after: each is held against a service with just that hole."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bot.probes.refusals.forging import CONFUSED, OF_JWTS, Forged, LeftOut, forge
from bot.probes.refusals.keys import public_pem

SECRET = "k" * 32
HS = jwt.encode({"sub": "7", "exp": 4_000_000_000}, SECRET, "HS256")
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
JWK: dict[str, Any] = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "one"}
RS = jwt.encode({"sub": "ana"}, KEY, "RS256", headers={"kid": "one"})


def forged(token: str, scheme: str = "Bearer", keys: Any = ()) -> Mapping[str, Forged | LeftOut]:
    return {each.name: each for each in forge(token, scheme, keys, "no key")}


def token(name: str, of: str = HS, **more: Any) -> str:
    made = forged(of, **more)[name]
    assert isinstance(made, Forged)
    assert made.token is not None
    return made.token


def header(text: str) -> Any:
    return jwt.get_unverified_header(text)


def valid_with(text: str, key: bytes) -> bool:
    signed, _, signature = text.rpartition(".")
    expected = base64.urlsafe_b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).rstrip(b"=")
    return hmac.compare_digest(expected, signature.encode())


def test_a_sound_service_refuses_every_one_of_them() -> None:
    for each in forged(HS).values():
        if isinstance(each, Forged) and each.token is not None and each.scheme is None:
            with pytest.raises(jwt.InvalidTokenError):
                jwt.decode(each.token, SECRET, ["HS256"])
    jwt.decode(HS, SECRET, ["HS256"])


def test_what_is_altered_is_a_token_of_somebody_else_or_of_later() -> None:
    unchecked = {"verify_signature": False}
    assert jwt.decode(token("altered payload"), options=unchecked)["sub"] == "8"
    assert jwt.decode(token("altered payload", RS), options=unchecked)["sub"] == "ana-other"
    assert jwt.decode(token("expiry put off"), options=unchecked)["exp"] > 4_000_000_000
    assert token("altered payload").rpartition(".")[2] == HS.rpartition(".")[2]
    assert jwt.decode(token("altered signature"), options=unchecked) == jwt.decode(HS, SECRET, ["HS256"])


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
def test_no_algorithm_is_named_in_every_spelling(name: str) -> None:
    made = token(f"alg {name}")
    assert json.loads(base64.urlsafe_b64decode(made.split(".")[0] + "=="))["alg"] == name
    assert made.endswith(".")


def test_weak_and_smuggled_keys_are_what_they_are_signed_with() -> None:
    assert valid_with(token("signed with 'secret'"), b"secret")
    assert valid_with(token("signed with ''"), b"")
    assert valid_with(token("kid traversal"), b"")
    assert header(token("kid traversal"))["kid"].endswith("../dev/null")
    own = token("key in its own header")
    key = header(own)["jwk"]["k"]
    assert valid_with(own, base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))


def test_a_public_key_becomes_a_secret() -> None:
    assert public_pem(JWK) == PEM
    made = token(CONFUSED[0], RS, keys=[{"kty": "EC"}, JWK])
    assert header(made)["alg"] == "HS256"
    assert valid_with(made, PEM)
    assert valid_with(token(CONFUSED[1], RS, keys=[JWK]), PEM.strip())


@given(st.integers(1, 2**64), st.integers(1, 2**17))
def test_any_rsa_key_is_encoded_as_it_should_be(modulus: int, exponent: int) -> None:
    def text(number: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes(-(-number.bit_length() // 8), "big")).decode().rstrip("=")

    pem = public_pem({"kty": "RSA", "n": text(modulus), "e": text(exponent)})
    assert pem is not None
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    # sequence, algorithm (15 bytes), bit string, its unused bits, sequence: all shorter than 128 bytes here
    assert der[0] == 0x30
    assert der[1] == len(der) - 2
    body = der[2 + 15 + 3 + 2 :]
    size = body[1]
    assert int.from_bytes(body[2 : 2 + size], "big", signed=True) == modulus
    assert int.from_bytes(body[4 + size :], "big", signed=True) == exponent


def test_what_cannot_be_made_says_why() -> None:
    opaque = forged("an-opaque-token")
    assert {name for name, each in opaque.items() if isinstance(each, LeftOut)} == {*OF_JWTS, *CONFUSED}
    assert opaque["alg none"].reason == "the token is no JWT"  # type: ignore[union-attr]
    assert forged(HS)[CONFUSED[0]] == LeftOut(CONFUSED[0], "the token is signed with HS256, not with RSA")
    assert forged(RS)[CONFUSED[0]] == LeftOut(CONFUSED[0], "no key")
    assert isinstance(forged("x", scheme="")["wrong scheme"], LeftOut)


@given(st.text(max_size=60))
def test_whatever_a_service_gives_none_of_them_is_the_token_itself(text: str) -> None:
    for each in forge(text, "", (), ""):
        assert not (isinstance(each, Forged) and text and each.token == text)
