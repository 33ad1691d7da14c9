"""Access tokens (JWT, short) and refresh tokens (random, kept by their digest, good for one use)."""

import hashlib
import secrets
from datetime import timedelta
from uuid import uuid4

import jwt
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from chat.models import RefreshToken, now
from chat.schemas import Tokens

ACCESS = timedelta(minutes=15)
REFRESH = timedelta(days=14)


class TokenError(Exception):
    """The token is not one of ours, is over, or was used before."""


def issue(session: Session, user_id: int, secret: str, family: str | None = None) -> Tokens:
    """New tokens for a user; the caller commits."""
    refresh = secrets.token_urlsafe(32)
    session.add(
        RefreshToken(
            digest=_digest(refresh), family=family or str(uuid4()), user_id=user_id, expires_at=now() + REFRESH
        )
    )
    access = jwt.encode(
        {"sub": str(user_id), "iat": now(), "exp": now() + ACCESS, "jti": secrets.token_hex(8)}, _key(secret), "HS256"
    )
    return Tokens(access_token=access, refresh_token=refresh, expires_in=int(ACCESS.total_seconds()))


def user_of(access: str, secret: str) -> int:
    """Whose access token this is.

    Raises:
        TokenError: it is not valid.
    """
    try:
        claims = jwt.decode(access, _key(secret), algorithms=["HS256"], options={"require": ["sub", "exp"]})
        return int(claims["sub"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise TokenError(str(error)) from None


def rotate(session: Session, refresh: str, secret: str) -> Tokens:
    """Exchange a refresh token. One that comes a second time was stolen from somebody: its whole family ends.

    Raises:
        TokenError: it is unknown, over, or was used before.
    """
    known = session.get(RefreshToken, _digest(refresh))
    if known is None or known.expires_at < now():
        raise TokenError("the refresh token is not valid")
    # in one statement, so that of two requests with the same token only one is the first
    first = session.execute(
        update(RefreshToken)
        .where(RefreshToken.digest == known.digest, RefreshToken.used_at.is_(None))
        .values(used_at=now())
        .returning(RefreshToken.digest)
    ).first()
    if first is None:
        session.execute(delete(RefreshToken).where(RefreshToken.family == known.family))
        session.commit()
        raise TokenError("the refresh token was used before")
    tokens = issue(session, known.user_id, secret, known.family)
    session.commit()
    return tokens


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
