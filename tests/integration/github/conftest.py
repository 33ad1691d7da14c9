"""What the tests of this folder share."""

import pytest

from bot.github import client as clients


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks GitHub again waits hardly at all."""
    monkeypatch.setattr(clients, "PAUSES", (0.01, 0.01, 0.01))
