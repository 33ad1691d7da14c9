"""Credentials that no service may accept, made out of one that it gave. Pure: nothing is sent here.

Nothing but base64, JSON and HMAC is needed: what is forged is never signed with a key that is not ours, or public.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from bot.probes.login import claims, decoded
from bot.probes.refusals.keys import public_pem

GARBAGE = "stability-proof.is.no-token"
ALGORITHMS = ("none", "None", "NONE", "nOnE")
WEAK = ("secret", "changeme", "")
TEN_YEARS = 10 * 365 * 24 * 3600
NO_JWT = "the token is no JWT"
OF_JWTS = (
    "altered payload",
    "expiry put off",
    "altered signature",
    "stripped signature",
    "stripped signature, dot kept",
    *(f"alg {each}" for each in ALGORITHMS),
    "alg none, signature kept",
    *(f"signed with {each!r}" for each in WEAK),
    "kid traversal",
    "key in its own header",
)
"""What can be made of a JWT alone (RFC 8725 has the attacks)."""
CONFUSED = ("public key as HMAC secret", "public key as HMAC secret, no newline")


class Forged(NamedTuple):
    """One credential that has to be refused. Without a `token` nothing is shown; `scheme` is a wrong word before it."""

    name: str
    token: str | None
    scheme: str | None = None


class LeftOut(NamedTuple):
    """One that could not be made, and why."""

    name: str
    reason: str


def forge(token: str, scheme: str, keys: Sequence[Mapping[str, JsonValue]], no_keys: str) -> Iterator[Forged | LeftOut]:
    """Everything that can be made of a token; `no_keys` says why no public key is known, if none is."""
    yield Forged("no credential", None)
    yield Forged("garbage", GARBAGE)
    if scheme:
        yield Forged("wrong scheme", token, "Bearer" if scheme.lower() == "basic" else "Basic")
    else:
        yield LeftOut("wrong scheme", "the token is sent without a scheme")
    if claims(token) is None:
        yield Forged("altered token", _altered(token, len(token) // 2))
        yield from (LeftOut(name, NO_JWT) for name in (*OF_JWTS, *CONFUSED))
        return
    yield from (Forged(name, made) for name, made in zip(OF_JWTS, _of_jwt(token), strict=True))
    yield from _confused(token, keys, no_keys)


def _of_jwt(token: str) -> Iterator[str]:
    head, body, signature = token.split(".")
    header, known = decoded(head) or {}, dict(claims(token) or {})
    yield f"{head}.{_part(_another_subject(known))}.{signature}"
    expires = known.get("exp")
    late = (expires if isinstance(expires, int | float) else 4_000_000_000) + TEN_YEARS
    yield f"{head}.{_part({**known, 'exp': late})}.{signature}"
    yield f"{head}.{body}.{_altered(signature, 0)}"
    yield f"{head}.{body}"
    yield f"{head}.{body}."
    for name in ALGORITHMS:
        yield f"{_part({**header, 'alg': name})}.{body}."
    yield f"{_part({**header, 'alg': 'none'})}.{body}.{signature}"
    for weak in WEAK:
        yield _signed(header, body, weak.encode())
    yield _signed({**header, "kid": "../" * 12 + "dev/null"}, body, b"")
    own = b"a key that the token itself brings along"
    yield _signed({**header, "jwk": {"kty": "oct", "k": _base64(own)}}, body, own)


def _confused(token: str, keys: Sequence[Mapping[str, JsonValue]], no_keys: str) -> Iterator[Forged | LeftOut]:
    """An asymmetric token, signed as if it were symmetric, with the key that everybody has."""
    head, body, _ = token.split(".")
    header = decoded(head) or {}
    algorithm = str(header.get("alg"))
    if not algorithm.startswith(("RS", "PS")):
        yield from (LeftOut(name, f"the token is signed with {algorithm}, not with RSA") for name in CONFUSED)
        return
    fitting = [each for each in keys if each.get("kid") == header.get("kid")] or keys
    pem = next((found for each in fitting if (found := public_pem(each)) is not None), None)
    if pem is None:
        yield from (LeftOut(name, "none of the keys is an RSA key" if keys else no_keys) for name in CONFUSED)
        return
    yield Forged(CONFUSED[0], _signed(header, body, pem))
    yield Forged(CONFUSED[1], _signed(header, body, pem.rstrip(b"\n")))


def _another_subject(known: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    subject = known.get("sub")
    if isinstance(subject, str) and subject.isdigit():
        return {**known, "sub": str(int(subject) + 1)}
    return {**known, "sub": f"{subject}-other", "admin": True}


def _signed(header: Mapping[str, JsonValue], body: str, key: bytes) -> str:
    text = f"{_part({**header, 'alg': 'HS256'})}.{body}"
    return f"{text}.{_base64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def _part(data: Mapping[str, JsonValue]) -> str:
    return _base64(json.dumps(data, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _altered(text: str, at: int) -> str:
    # its first letter, of a signature: the last one has bits that mean nothing
    return f"{text[:at]}{'B' if text[at : at + 1] == 'A' else 'A'}{text[at + 1 :]}"
