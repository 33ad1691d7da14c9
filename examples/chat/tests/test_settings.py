"""The environment is read once, and completely."""

import pytest

from chat.settings import Settings, SettingsError


def test_a_password_is_needed() -> None:
    with pytest.raises(SettingsError, match="CHAT_PASSWORD"):
        Settings.from_environ({"CHAT_PASSWORD": ""})


def test_secrets_are_not_shown() -> None:
    settings = Settings.from_environ({"CHAT_PASSWORD": "hush", "CHAT_SECRET": "quiet"})
    assert "hush" not in repr(settings)
    assert "quiet" not in repr(settings)


def test_tokens_of_two_processes_differ_without_a_common_secret() -> None:
    assert Settings.from_environ({"CHAT_PASSWORD": "a"}).secret != Settings.from_environ({"CHAT_PASSWORD": "a"}).secret
