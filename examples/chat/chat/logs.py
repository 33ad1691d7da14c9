"""Structured logs: one JSON object a line on standard output."""

import json
import logging
import sys
from datetime import UTC, datetime


def write(event: str, *, level: str = "info", **fields: object) -> None:
    """Log one event with its fields.

    Raises:
        TypeError: a field is not JSON.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": time, "level": level, "event": event, **fields}, ensure_ascii=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class JsonHandler(logging.Handler):
    """Takes the records of libraries (uvicorn, Alembic) into the same stream."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        fields = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        write("library", level=record.levelname.lower(), **fields)


def configure() -> None:
    """Send every logger of the process to standard output."""
    logging.basicConfig(level=logging.INFO, handlers=[JsonHandler()], force=True)
