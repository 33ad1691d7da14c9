"""Passwords are kept as `pbkdf2_sha256$iterations$salt$hash`."""

import hashlib
import hmac
import secrets

ALGORITHM = "pbkdf2_sha256"
ITERATIONS = 20_000


def digest(password: str) -> str:
    """A new hash of the password, with a salt of its own."""
    salt = secrets.token_hex(16)
    return f"{ALGORITHM}${ITERATIONS}${salt}${_hash(password, salt, ITERATIONS)}"


def verify(password: str, stored: str) -> bool:
    """Whether this is the password; false for anything that is no hash of ours."""
    try:
        algorithm, iterations, salt, expected = stored.split("$")
        return algorithm == ALGORITHM and hmac.compare_digest(_hash(password, salt, int(iterations)), expected)
    except ValueError:
        return False


def is_weak(stored: str) -> bool:
    """Whether the hash was made with fewer iterations than a new one would be."""
    return int(stored.split("$")[1]) < ITERATIONS


def _hash(password: str, salt: str, iterations: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations).hex()


NOBODY = digest(secrets.token_hex(16))
"""What a sign-in with an unknown address is checked against, so that it takes as long as any other."""
