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

import re
from typing import ClassVar, Final

__all__ = [
    "REASON_MAX",
    "CidError",
    "DidError",
    "DocumentError",
    "EncodingError",
    "MutableNameError",
    "OctostoreError",
]


#: Characters of a reason. What was found may be as long as a document; a refusal
#: that repeats it would fill terminals, logs and answers.
REASON_MAX: Final = 800

#: Breaks of lines, what steers a terminal, and halves of characters: documents may
#: hold them, an error that quotes a document shows them as escapes.
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class OctostoreError(Exception):
    """What every error of Octostore is.

    `reason` is one line: what was found, what was expected, what to do. Control
    characters become escapes. A reason that is longer than `REASON_MAX` loses its
    middle, for what to do stands at its end.
    `at` says where: a JSON pointer, a path, a byte offset; absent if nowhere.
    """

    code: ClassVar[str] = "error"

    def __init__(self, reason: str, *, at: str | None = None) -> None:
        reason = _one_line(reason)
        super().__init__(reason if at is None else f"{_one_line(at)}: {reason}")
        self.reason = reason
        self.at = at


def _one_line(text: str) -> str:
    text = _NOT_IN_A_LINE.sub(
        lambda found: found[0].encode("unicode_escape").decode(), text
    )
    if len(text) <= REASON_MAX:
        return text
    kept = REASON_MAX // 2 - 25
    left_out = f" ... {len(text) - 2 * kept} characters left out ... "
    return text[:kept] + left_out + text[-kept:]


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
