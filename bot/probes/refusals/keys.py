"""A public RSA key as PEM, out of its JWK: what a service that mixes up algorithms takes for a shared secret."""

import base64
import binascii
from collections.abc import Mapping

from pydantic import JsonValue

RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")
"""`AlgorithmIdentifier` of rsaEncryption with its NULL parameter (RFC 8017, appendix A.1)."""


def public_pem(key: Mapping[str, JsonValue]) -> bytes | None:
    """`SubjectPublicKeyInfo` (RFC 5280) as PEM; None for a key that is not RSA."""
    modulus, exponent = key.get("n"), key.get("e")
    if key.get("kty") != "RSA" or not isinstance(modulus, str) or not isinstance(exponent, str):
        return None
    try:
        numbers = _integer(_bytes(modulus)) + _integer(_bytes(exponent))
    except (ValueError, binascii.Error):
        return None
    info = _tagged(0x30, RSA_ENCRYPTION + _tagged(0x03, b"\0" + _tagged(0x30, numbers)))
    text = base64.b64encode(info).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n".encode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _integer(data: bytes) -> bytes:
    data = data.lstrip(b"\0") or b"\0"
    return _tagged(0x02, b"\0" + data if data[0] & 0x80 else data)  # a leading bit would be a sign


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
