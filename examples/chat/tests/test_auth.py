"""Signing in, and staying signed in."""

import httpx
import pytest

SIGN_IN = {"email": "ana@example.com", "password": "only for tests"}


def test_a_sign_in_gives_a_token_that_says_who_one_is(visitor: httpx.Client) -> None:
    tokens = visitor.post("/auth/login", json=SIGN_IN).json()
    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 900
    me = visitor.get("/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert me.json()["email"] == "ana@example.com"


@pytest.mark.parametrize("wrong", [{"password": "guess"}, {"email": "nobody@example.com"}])
def test_a_wrong_sign_in_is_refused(visitor: httpx.Client, wrong: dict[str, str]) -> None:
    answer = visitor.post("/auth/login", json=SIGN_IN | wrong)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "wrong address or password"}


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer forged"}, {"Authorization": "Basic YTpi"}])
def test_without_a_token_there_is_nothing_to_see(visitor: httpx.Client, header: dict[str, str]) -> None:
    answer = visitor.get("/threads", headers=header)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_refresh_token_is_good_for_one_use_and_takes_its_family_with_it(visitor: httpx.Client) -> None:
    first = visitor.post("/auth/login", json=SIGN_IN).json()
    second = visitor.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert visitor.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401
    assert visitor.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401
