"""What operators and visitors ask about the service itself."""

import time

from fastapi import APIRouter, HTTPException, Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from chat import VERSION, logs
from chat.db import Database
from chat.schemas import Health, Ready, Version, Welcome
from chat.settings import Settings

router = APIRouter(tags=["system"])
started = time.monotonic()


@router.get("/")
def welcome() -> Welcome:
    """Say hello."""
    return Welcome(service="chat", message="Welcome to chat.", docs="/docs")


@router.get("/health")
def health() -> Health:
    """Whether the process answers."""
    return Health(uptime_seconds=round(time.monotonic() - started, 3))


@router.get("/ready")
def ready(session: Database) -> Ready:
    """Whether the service can work: the database answers, and its tables are there."""
    try:
        return Ready(migration=session.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    except SQLAlchemyError as error:
        logs.write("database_unavailable", level="error", reason=type(error).__name__)
        raise HTTPException(503, "the database does not answer") from None


@router.get("/version")
def version(request: Request) -> Version:
    """Which version this is."""
    settings: Settings = request.app.state.settings
    return Version(service="chat", version=VERSION, revision=settings.revision)
