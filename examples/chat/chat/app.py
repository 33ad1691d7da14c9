"""The application, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.orm import sessionmaker
from starlette.types import ASGIApp

from chat import VERSION, auth, db, logs, system, threads, websocket
from chat.middleware import RequestLog, RevisionHeader
from chat.settings import Settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Migrate and seed the database before the first request, and close it after the last."""
    settings: Settings = app.state.settings
    engine = db.connect(settings.database_url)
    db.migrate(engine)
    db.seed(engine, settings)
    app.state.sessions = sessionmaker(engine, expire_on_commit=False)
    logs.write("started", revision=settings.revision, database=engine.dialect.name)
    yield
    engine.dispose()
    logs.write("stopped", revision=settings.revision)


def create_app(settings: Settings) -> ASGIApp:
    """The application for these settings."""
    app = FastAPI(title="chat", version=VERSION, lifespan=lifespan)
    app.state.settings = settings
    for part in (system, auth, threads, websocket):
        app.include_router(part.router)
    # outside of FastAPI, so that the answer to an unhandled error has the header and the log line, too
    return RevisionHeader(RequestLog(app), settings.revision)
