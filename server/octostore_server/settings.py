"""What an operator may set: `OCTOSTORE_` and the name of a field, in capitals.

    OCTOSTORE_PATH=/srv/octostore OCTOSTORE_PORT=8460 python -m octostore_server

This is the only place of the server that reads the environment. Limits here are
those of one node at its door; limits of validity are constants of the protocol.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from invocation_spec.document import DOCUMENT_BYTES_MAX

__all__ = ["DEFAULT_PORT", "Settings"]

DEFAULT_PORT: Final = 8460

#: Statements of a batch come in one CAR; larger collections come in several.
_DELIVERY_BYTES_MAX: Final = 256 << 20


class Settings(BaseSettings):
    """The settings of one server; nothing else changes how it behaves."""

    model_config = SettingsConfigDict(
        env_prefix="OCTOSTORE_", extra="ignore", frozen=True
    )

    path: Path = Field(description="Folder of the store.")
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Whoever reaches it may read and deliver.",
    )
    port: int = Field(
        default=DEFAULT_PORT, ge=0, le=65535, description="0 takes any free port."
    )
    readonly: bool = Field(default=False, description="Answer only, take nothing.")
    writers_file: Path | None = Field(
        default=None,
        description="File of the issuers whose statements are taken, a DID in a line;"
        " without it those of all.",
    )
    tokens_file: Path | None = Field(
        default=None,
        description="File of the tokens that a delivery needs one of: in each line a"
        " name and the sha2-256 of the token, in hex.",
    )
    deliveries_per_minute: int = Field(
        default=0,
        ge=0,
        description="Deliveries that are taken from one address, or by one token if"
        " there are any; 0 is no limit.",
    )
    delivery_bytes_max: int = Field(
        default=_DELIVERY_BYTES_MAX, ge=1, description="Largest CAR that is taken."
    )
    document_bytes_max: int = Field(
        default=DOCUMENT_BYTES_MAX,
        ge=1,
        le=DOCUMENT_BYTES_MAX,
        description="Largest document that is canonicalized.",
    )
    spool_memory_bytes: int = Field(
        default=1 << 20,
        ge=1,
        description="A delivery up to this size stays in memory, a larger one goes"
        " to a temporary file.",
    )
    deliveries_max: int = Field(
        default=16, ge=1, description="Deliveries that are received or wait at once."
    )
    body_seconds_max: float = Field(
        default=300.0, gt=0, description="Longest time that a body may take to come."
    )
    streams_max: int = Field(
        default=1000, ge=0, description="Streams at once; more are told to wait."
    )
    stream_stall_seconds: float = Field(
        default=30.0,
        gt=0,
        description="A stream is ended whose reader takes nothing for so long.",
    )
    connections_max: int = Field(
        default=2048, ge=1, description="Connections at once; more are told to wait."
    )
    shutdown_seconds: int = Field(
        default=10, ge=0, description="Time that open requests get when it stops."
    )
    map_seconds: float = Field(
        default=3.0,
        ge=0,
        description="Updates of the map begin so far apart, 0 for none.",
    )
    witness_key: Path | None = Field(
        default=None,
        description="Key file of a witness; the server then signs checkpoints of the"
        " logs in `witness_logs`.",
    )
    witness_logs: Path | None = Field(
        default=None,
        description="File of the logs that are witnessed, the vkey of each in a line.",
    )
    free_bytes_min: int = Field(
        default=256 << 20,
        ge=0,
        description="With less free on its disk the node says that it is not ready.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="json: each line of the log is an object."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
