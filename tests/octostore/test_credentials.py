"""Which environment values `claim` does not publish unasked."""

from __future__ import annotations

import pytest

from invocation_spec.model import Input
from octostore.claiming import credentials


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "GITHUB_TOKEN", "TOKEN",
        "AUTHTOKEN", "accessToken", "DB_PASSWORD", "dbPassword", "PGPASSWORD",
        "MYSQL_PWD", "PASSPHRASE", "API_KEY", "apiKey", "APIKEY", "SECRETKEY",
        "PRIVATE_KEY", "CLIENT_SECRET", "CREDENTIALS", "WALLET_MNEMONIC",
    ],
)  # fmt: skip
def test_a_name_of_a_secret_is_one(name: str) -> None:
    assert credentials(Input(args=(), env={name: "x"})) == [name]
    assert credentials(Input(args=(), env={name: ""})) == []


@pytest.mark.parametrize(
    "value",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "AKIA" + "A" * 16,
        "ghp_" + "a" * 36,
        "github_pat_" + "a" * 40,
        "glpat-" + "a" * 20,
        "AIza" + "a" * 35,
        "sk-proj-" + "a" * 40,
        "sk_live_" + "a" * 24,
        "hf_" + "a" * 34,
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.x",
        "Basic dXNlcjpwYXNz",
        "postgres://user:pass@host/db",
        "redis://:pass@host/0",
    ],
)
def test_a_value_that_says_it_is_a_secret_is_one(value: str) -> None:
    assert credentials(Input(args=(), env={"X": value})) == ["X"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "false"),
        ("MAX_TOKENS", "100"),
        ("TOKEN_LIMIT", "5"),
        ("PWD", "/home"),
        ("KEY", "name"),
        ("SORT_KEY", "name"),
        ("MONKEY", "1"),
        ("COMPASS", "N"),
        ("URL", "https://example.org:8080/a:b@c"),
        ("TASK", "task-of-a-name-that-is-rather-long"),
        ("CID", "bafkreidsbrhyps2mrugcfzljqozpb3w6xhi6vaplr3svvxx5qwhn5ihz5a"),
    ],
)
def test_what_only_sounds_alike_is_published(name: str, value: str) -> None:
    assert credentials(Input(args=(), env={name: value})) == []
