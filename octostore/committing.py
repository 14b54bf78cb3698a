"""What stays secret between a commitment and the claim that opens it.

    {"commitment": "bafyrei..", "salt": "<64 hex digits>"}

Whoever reads the file before the claim is out can try results against the hash, so it
has mode 0600. It is on the disk before the commitment leaves: without the salt nobody
opens it. Source: FORMATS 6.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from invocation_spec.cid import CID
from invocation_spec.errors import CidError
from octostore.durable import write_new
from octostore.errors import FileError, StoreError
from octostore.keys import Did
from octostore.records import Commitment
from octostore.records.commitment import SALT_BYTES, Reveal

__all__ = ["SECRET_BYTES_MAX", "Secret", "read_secret", "write_secret"]

#: Two hundred bytes; more is another file.
SECRET_BYTES_MAX: Final = 4096

_SALT: Final = re.compile(rf"[0-9a-f]{{{2 * SALT_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Secret:
    """What opens a commitment."""

    reveal: Reveal

    @classmethod
    def of(cls, commitment: Commitment, salt: bytes) -> Self:
        """The secret of a commitment that was just made."""
        return cls(Reveal(commitment.cid, salt))

    def opens(self, issuer: Did, invocation: CID, result: CID) -> bool:
        """Whether what was committed to is this result of this issuer."""
        made = Commitment.to(issuer, invocation, result, self.reveal.salt)
        return made.cid == self.reveal.commitment


def write_secret(path: Path, secret: Secret) -> None:
    """Write it into a new file, for its owner alone, and sync it.

    Raises:
        FileError: the file exists.
        StoreError: it cannot be written.
    """
    said = {
        "commitment": str(secret.reveal.commitment),
        "salt": secret.reveal.salt.hex(),
    }
    text = json.dumps(said, indent=2).encode() + b"\n"
    try:
        write_new(path, lambda _: text)
    except FileExistsError as error:
        raise FileError(
            "exists; a secret is never overwritten", at=str(path)
        ) from error
    except OSError as error:
        raise StoreError(f"not written: {error.strerror}", at=str(path)) from error


def read_secret(path: Path) -> Secret:
    """The secret in a file.

    Raises:
        FileError: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}", at=str(path)) from error
    try:
        said = json.loads(text[:SECRET_BYTES_MAX])
        salt = said["salt"]
        if len(text) > SECRET_BYTES_MAX or not _SALT.fullmatch(salt):
            raise ValueError("no salt")
        return Secret(Reveal(CID.parse(said["commitment"]), bytes.fromhex(salt)))
    except (ValueError, TypeError, KeyError, RecursionError, CidError) as error:
        raise FileError(
            'not what `octostore commit` wrote; expected {"commitment", "salt"}',
            at=str(path),
        ) from error
