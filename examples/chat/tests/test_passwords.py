"""Passwords are kept as salted hashes."""

from chat import passwords


def test_only_the_password_itself_is_accepted() -> None:
    stored = passwords.digest("correct horse")
    assert passwords.verify("correct horse", stored)
    assert not passwords.verify("correct horsf", stored)


def test_two_hashes_of_one_password_differ() -> None:
    assert passwords.digest("same") != passwords.digest("same")


def test_what_is_no_hash_is_no_password() -> None:
    for stored in ("", "plain", "md5$1$salt$hash", "pbkdf2_sha256$many$salt$hash"):
        assert not passwords.verify("plain", stored)


def test_a_hash_of_fewer_iterations_is_weak() -> None:
    assert passwords.is_weak(f"pbkdf2_sha256${passwords.ITERATIONS - 1}$salt$hash")
    assert not passwords.is_weak(passwords.digest("fresh"))
