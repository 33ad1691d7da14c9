"""Alembic runs this for each migration; `chat.db.migrate` gives the connection."""

from alembic import context
from sqlalchemy import Connection, text

from chat.models import Base

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        # of two instances that start at the same time, the second waits and finds the work done
        connection.execute(text("SELECT pg_advisory_xact_lock(20263)"))
    context.run_migrations()
