"""Signing in."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select

from chat import passwords, tokens
from chat.db import Database
from chat.models import User
from chat.schemas import Credentials, Me, Refresh, Tokens
from chat.settings import Settings

router = APIRouter(prefix="/auth", tags=["auth"])
bearer = HTTPBearer(auto_error=False, description="The access token of /auth/login.")


def unauthorized(detail: str) -> HTTPException:
    """The answer to somebody who is not signed in."""
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})


def current_user(
    request: Request,
    session: Database,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> User:
    """The user whose access token came with the request."""
    settings: Settings = request.app.state.settings
    if credentials is None:
        raise unauthorized("sign in first")
    try:
        user = session.get(User, tokens.user_of(credentials.credentials, settings.secret))
    except tokens.TokenError:
        user = None
    if user is None:
        raise unauthorized("the access token is not valid")
    return user


CurrentUser = Annotated[User, Depends(current_user)]


@router.post("/login")
def login(credentials: Credentials, request: Request, session: Database) -> Tokens:
    """Sign in with an address and a password."""
    settings: Settings = request.app.state.settings
    user = session.scalar(select(User).where(User.email == credentials.email))
    if not passwords.verify(credentials.password, user.password_hash if user else passwords.NOBODY) or user is None:
        raise unauthorized("wrong address or password")
    issued = tokens.issue(session, user.id, settings.secret)
    session.commit()
    return issued


@router.post("/refresh")
def refresh(body: Refresh, request: Request, session: Database) -> Tokens:
    """Exchange a refresh token for new tokens. It can be used once."""
    settings: Settings = request.app.state.settings
    try:
        return tokens.rotate(session, body.refresh_token, settings.secret)
    except tokens.TokenError as error:
        raise unauthorized(str(error)) from None


@router.get("/me")
def me(user: CurrentUser) -> Me:
    """Who is signed in."""
    return Me.model_validate(user)
