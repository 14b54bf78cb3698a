from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from octostore_server.settings import DEFAULT_PORT, Settings


def test_the_server_listens_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    settings = Settings(path=tmp_path)
    assert (settings.host, settings.port) == ("127.0.0.1", DEFAULT_PORT)
    assert not settings.readonly


def test_the_environment_says_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OCTOSTORE_PATH", str(tmp_path))
    monkeypatch.setenv("OCTOSTORE_PORT", "0")
    monkeypatch.setenv("OCTOSTORE_READONLY", "true")
    monkeypatch.setenv("OCTOSTORE_SERVER", "http://elsewhere")
    settings = Settings()
    assert settings.path == tmp_path
    assert (settings.port, settings.readonly) == (0, True)


def test_arguments_win_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OCTOSTORE_PORT", "1")
    assert Settings(path=tmp_path, port=2).port == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("DELIVERY_BYTES_MAX", "0"),
        ("DOCUMENT_BYTES_MAX", str(1 << 40)),
        ("LOG_LEVEL", "loud"),
        ("READONLY", "perhaps"),
    ],
)
def test_a_setting_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv(f"OCTOSTORE_{name}", value)
    with pytest.raises(ValidationError):
        Settings(path=tmp_path)


def test_there_is_no_server_without_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCTOSTORE_PATH", raising=False)
    with pytest.raises(ValidationError):
        Settings()
