"""What an action says to its runner: commands on standard output, and the files that the runner reads back."""

import secrets
from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024 - 1024
"""The runner drops a summary of more than 1 MiB."""


def escape_data(text: str) -> str:
    """The data of a workflow command (actions/toolkit, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def error(message: str) -> str:
    """An error annotation."""
    return f"::error::{escape_data(message)}\n"


def warning(message: str) -> str:
    """A warning annotation."""
    return f"::warning::{escape_data(message)}\n"


def mask(secret: str) -> str:
    """Keep a secret out of the runner's log from now on."""
    return f"::add-mask::{escape_data(secret)}\n"


def quoted(text: str) -> str:
    """Text of others for the log: between these lines the runner obeys nothing. `##[` is broken up as well."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text.replace('##[', '## [')}\n::{token}::\n"


def assign(file: Path | None, values: dict[str, str]) -> None:
    """Set outputs or state. Each value has a delimiter of its own that it cannot hold."""
    if file is None:
        return
    with file.open("a", encoding="utf-8") as written:
        for name, value in values.items():
            delimiter = f"end_{secrets.token_hex(16)}"
            written.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def summarise(file: Path | None, markdown: str) -> None:
    """Append to the step summary, within the runner's limit."""
    if file is None:
        return
    data = markdown.encode()
    room = SUMMARY_LIMIT - (file.stat().st_size if file.exists() else 0)
    with file.open("ab") as written:
        written.write(data if len(data) <= room else data[: max(0, room)].decode(errors="ignore").encode())
