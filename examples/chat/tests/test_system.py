"""What visitors and operators ask of the service itself."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine

from chat import db
from chat.models import Base


def test_the_process_is_healthy(visitor: httpx.Client) -> None:
    answer = visitor.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"


def test_it_is_ready_when_its_tables_are_there(visitor: httpx.Client) -> None:
    assert visitor.get("/ready").json() == {"status": "ready", "migration": "0002"}


def test_a_visitor_is_welcome(visitor: httpx.Client) -> None:
    assert visitor.get("/").json() == {"service": "chat", "message": "Welcome to chat.", "docs": "/docs"}


def test_it_documents_itself(visitor: httpx.Client) -> None:
    assert "text/html" in visitor.get("/docs").headers["content-type"]
    assert {"/auth/login", "/threads", "/threads/{thread_id}/messages"} <= set(
        visitor.get("/openapi.json").json()["paths"]
    )


@pytest.mark.parametrize("path", ["/version", "/docs", "/threads", "/nowhere"])
def test_every_answer_says_which_revision_gave_it(visitor: httpx.Client, path: str) -> None:
    assert visitor.get(path).headers["x-revision"] == "chat-test"


def test_the_version_names_the_revision(visitor: httpx.Client) -> None:
    assert visitor.get("/version").json()["revision"] == "chat-test"


def test_each_line_of_the_log_is_json(visitor: httpx.Client, service: Any) -> None:
    visitor.get("/health")
    events = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {"started", "request"} <= {event["event"] for event in events}


def test_the_migrations_make_the_tables_of_the_models(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    engine = create_engine(f"sqlite:///{tmp_path / 'chat.db'}")
    db.migrate(engine)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert differences == []
