"""The bodies of requests and answers."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Field(min_length=1, max_length=4000)


class Credentials(BaseModel):
    """Who wants to sign in."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=1024)


class Refresh(BaseModel):
    """A refresh token, to be exchanged for new tokens."""

    refresh_token: str = Field(max_length=256)


class Tokens(BaseModel):
    """What a sign-in gives."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds until the access token ends.")


class Me(BaseModel):
    """Who is signed in."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str


class NewThread(BaseModel):
    """A thread to begin."""

    title: str = Field(default="New thread", min_length=1, max_length=200)


class ThreadView(BaseModel):
    """A thread."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    created_at: datetime


class NewMessage(BaseModel):
    """A message to write."""

    text: str = Text


class MessageView(BaseModel):
    """A message."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    role: Literal["user", "assistant"]
    text: str
    created_at: datetime


class Welcome(BaseModel):
    """What a visitor of `/` reads."""

    service: str
    message: str
    docs: str


class Health(BaseModel):
    """The process answers."""

    status: Literal["healthy"] = "healthy"
    uptime_seconds: float


class Ready(BaseModel):
    """The database answers, too."""

    status: Literal["ready"] = "ready"
    migration: str


class Version(BaseModel):
    """Which version this is."""

    service: str
    version: str
    revision: str


class ExecuteAgent(BaseModel):
    """A client's wish, over the WebSocket, that the agent answer a text in a thread."""

    thread: str
    text: str = Text
