"""A witness for the logs that the operator names, as C2SP tlog-witness has it.

    POST /add-checkpoint                  lines of signatures, or 409 and a size
    GET  /{sha256 of the origin}/checkpoint   the newest that was signed

It is an application of its own, mounted below `/witness` where a key is set: its
refusals are plain text with the status that the protocol gives them.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from octostore.errors import (
    FileError,
    NoteError,
    ProofError,
    StoreError,
    WitnessConflictError,
)
from octostore.tlog.checkpoint import LogCheckpoint, SignedCheckpoint
from octostore.tlog.note import KeyType, Note, VerifierKey
from octostore.tlog.witness import REQUEST_BYTES_MAX, AddCheckpoint
from octostore.witness import Witness

__all__ = ["LOGS_BYTES_MAX", "create_witness", "read_logs"]

#: The file of logs; some thousands of them.
LOGS_BYTES_MAX: Final = 1 << 20

_LOG: Final = logging.getLogger("octostore.server")

_SIZE_TYPE: Final = "text/x.tlog.size"


def read_logs(path: Path) -> tuple[VerifierKey, ...]:
    """The logs in a file: the vkey of each in a line; empty lines and `#` are skipped.

    Raises:
        FileError: it cannot be read, is too large, names a log twice, or a witness.
        NoteError: a line is no vkey.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LOGS_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    if len(raw) > LOGS_BYTES_MAX:
        raise FileError(f"more than {LOGS_BYTES_MAX} bytes", at=str(path))
    lines = (line.strip() for line in raw.decode("utf-8", "replace").splitlines())
    logs = [VerifierKey.parse(line) for line in lines if line and line[0] != "#"]
    if any(log.type != KeyType.ED25519 for log in logs):
        raise FileError("names the key of a witness, not that of a log", at=str(path))
    if len({log.name for log in logs}) != len(logs):
        raise FileError("names a log twice", at=str(path))
    return tuple(logs)


def create_witness(witness: Witness, logs: Sequence[VerifierKey]) -> Starlette:
    """The application of a witness for these logs."""
    known = {log.name: log for log in logs}
    hashed = {hashlib.sha256(log.name.encode()).hexdigest(): log for log in logs}

    async def add(request: Request) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > REQUEST_BYTES_MAX:
                return _refused(413, f"more than {REQUEST_BYTES_MAX} bytes")
        return await run_in_threadpool(_add, witness, known, bytes(body))

    def newest(request: Request) -> Response:
        log = hashed.get(request.path_params["origin"])
        try:
            signed = witness.newest(log) if log is not None else None
        except StoreError as error:
            return _fault(error)
        if signed is None:
            return _refused(404, "never signed here")
        headers = {"cache-control": "no-store"}
        return PlainTextResponse(bytes(signed), headers=headers)

    return Starlette(
        routes=[
            Route("/add-checkpoint", add, methods=["POST"]),
            Route("/{origin}/checkpoint", newest),
        ]
    )


def _add(witness: Witness, known: Mapping[str, VerifierKey], body: bytes) -> Response:
    try:
        asked = AddCheckpoint.from_bytes(body)
        note = Note.from_bytes(asked.checkpoint)
        tree = LogCheckpoint.parse(note.text)
    except NoteError as error:
        return _refused(400, error.reason)
    log = known.get(tree.origin)
    if log is None:
        return _refused(404, "a log that is not known here")
    try:
        SignedCheckpoint.open(asked.checkpoint, log)
    except NoteError as error:
        return _refused(403, error.reason)
    if asked.old > tree.size:
        return _refused(400, f"old size {asked.old} of {tree.size} entries")
    try:
        line = witness.cosign(log, asked, int(time.time()))
    except NoteError as error:
        return _refused(403, error.reason)
    except WitnessConflictError as error:
        headers = {"content-type": _SIZE_TYPE}  # exactly: no charset
        return Response(f"{error.size}\n", status_code=409, headers=headers)
    except ProofError as error:
        return _refused(422, error.reason)
    except StoreError as error:
        return _fault(error)
    return PlainTextResponse(f"{line}\n")


def _fault(error: StoreError) -> Response:
    """What is wrong on our disk is told in the log, and not to strangers."""
    _LOG.error("witness: %s", error)
    return _refused(500, "a fault of the witness, told in its log")


def _refused(status: int, reason: str) -> Response:
    return PlainTextResponse(f"{reason}\n", status_code=status)
