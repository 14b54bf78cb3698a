"""An answer that `who --out` wrote, verified for people: what it shows, what not.

answer: its claims, computed again from the statements beside it
..
verified here: signatures, contents, and what the claims say together
proven: nothing was left out of the first 4 entries of the log (map head: entry 4)
not proven: the places in the log
not proven: which log it is, for none signed this; `octostore bundle` writes ..
"""

from __future__ import annotations

import json
from typing import BinaryIO, Final

from invocation_spec.cid import CID
from invocation_spec.errors import CidError, DocumentError
from octostore.cli.answers import answer_lines
from octostore.cli.rim import print_json, say
from octostore.errors import ProofError
from octostore.proven import verify_answer
from octostore.questions.answer import Asked
from octostore.told import RemoteError

__all__ = ["HEAD_BYTES", "is_answer", "verify_answer_file"]

#: Enough for the header of the CAR and the question, which begins the answer.
HEAD_BYTES: Final = 1024

#: One root, of raw bytes by sha2-256, and how the bytes begin.
_ROOT: Final = b"\x65roots\x81\xd8\x2a\x58\x25\x00\x01\x55\x12\x20"
_BEGIN: Final = b'{"asked":'

_UNSIGNED: Final = (
    "not proven: which log it is, for none signed this; `octostore bundle` writes an"
    " answer that a log signed"
)


def is_answer(head: bytes) -> bool:
    """Whether a file that begins so is an answer with its statements."""
    return _ROOT in head and _BEGIN in head


def verify_answer_file(stream: BinaryIO, head: bytes, *, as_json: bool) -> None:
    """Verify an answer to the question that it says it answers, and say what holds.

    Raises:
        DocumentError: it does not say which question that is.
        CarError: no CAR, or it breaks off.
        StatementError: a statement in it does not verify.
        ProofError: it says what its statements do not say, or hides what one says.
    """
    asked = _asked(head)
    try:
        found = verify_answer(stream, asked, is_page=False)
    except RemoteError as error:
        raise ProofError(f"no answer: {error.reason}") from error
    notes = [*found.notes, _UNSIGNED]
    if as_json:
        what = {"holds": True, "proof": "answer", "whole": found.whole is not None}
        print_json({**what, "answer": found.answer.to_json(), "notes": notes})
        return
    say("answer: its claims, computed again from the statements beside it")
    for line in (*answer_lines(found.answer), *notes):
        say(line)


def _asked(head: bytes) -> Asked:
    """The question, which stands first; the verifier compares it with the rest."""
    text = head.partition(_BEGIN)[2].decode("utf-8", "replace")
    try:
        named, _ = json.JSONDecoder().raw_decode(text)
        return Asked(**{name: CID.parse(cid) for name, cid in named.items()})
    except (ValueError, TypeError, AttributeError, CidError) as error:
        raise DocumentError("an answer that does not say to which question") from error
