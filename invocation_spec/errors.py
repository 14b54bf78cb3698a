"""The root error of Octostore and the faults of this package.

    OctostoreError
    ├─ CidError              this text or these bytes are no CID that we accept
    │  └─ MutableNameError   it names a key (IPNS), which names no content
    ├─ EncodingError         these bytes are not the one encoding of any value
    ├─ DidError              this text or these bytes are no key that we accept
    └─ DocumentError         a document is refused: malformed, or outside its form

A class says whose fault it is; `code` is its stable name in JSON and HTTP.
Exit codes and HTTP status live at the rim, one table each.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CidError",
    "DidError",
    "DocumentError",
    "EncodingError",
    "MutableNameError",
    "OctostoreError",
]


class OctostoreError(Exception):
    """What every error of Octostore is.

    `reason` is one line: what was found, what was expected, what to do.
    `at` says where: a JSON pointer, a path, a byte offset; absent if nowhere.
    """

    code: ClassVar[str] = "error"

    def __init__(self, reason: str, *, at: str | None = None) -> None:
        super().__init__(reason if at is None else f"{at}: {reason}")
        self.reason = reason
        self.at = at


class CidError(OctostoreError):
    """Text or bytes that are not a CID, or a CID of a kind we do not accept."""

    code = "not-a-cid"


class MutableNameError(CidError):
    """A libp2p-key CID: it names whoever holds a key, not content."""

    code = "mutable-name"


class EncodingError(OctostoreError):
    """Bytes that are not the canonical encoding of a value."""

    code = "encoding"


class DidError(OctostoreError):
    """A did:key or a public key that is malformed, weak or not canonical."""

    code = "did"


class DocumentError(OctostoreError):
    """A document that is refused; `at` is a JSON pointer into it."""

    code = "document"
