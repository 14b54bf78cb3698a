"""What can be read of a block without a store: by the writer, or by another process.

    ("statement", *Verified)             the signature of this envelope holds
    ("refused", reason)                  it begins as an envelope does, and is none
    ("claim", invocation, result)        a usual claim (usual.py), as digests
    ("input", fields, data)              a usual input
    ("result", outputs)                  a usual result

Of any other block nothing is said. All is bytes, text and tuples, so that it passes
between processes as it is; what it means there is said in ADR 21.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self, TypeAlias

from invocation_spec.errors import EncodingError
from octostore.errors import StatementError
from octostore.statement import ReceivedStatement, Statement
from octostore.usual import usual_claim, usual_input, usual_result

__all__ = [
    "CLAIM",
    "ENVELOPE_HEAD",
    "INPUT",
    "REFUSED",
    "RESULT",
    "STATEMENT",
    "Read",
    "Told",
    "Verified",
    "read",
    "verified",
]

STATEMENT: Final = "statement"
REFUSED: Final = "refused"
CLAIM: Final = "claim"
INPUT: Final = "input"
RESULT: Final = "result"

#: One of the tuples above; its first item says which.
Read: TypeAlias = tuple[object, ...]

#: What was read of blocks, by digest.
Told: TypeAlias = dict[bytes, Read]

#: An array of two whose first element is 64 bytes: only envelopes begin so.
ENVELOPE_HEAD: Final = b"\x82\x58\x40"

#: The first key of a block, after the head of a map of one to three: by it the forms
#: of inputs and results are told apart from those of which nothing is said.
_INPUT_KEYS: Final = (b"\x64args", b"\x64argv", b"\x65files")
_RESULT_KEYS: Final = (b"\x64exit", b"\x67outputs")


class Verified(NamedTuple):
    """What an index needs of a statement whose signature holds, as plain values.

    Made of a `Statement` alone, here or in the process beside the writer. `part` and
    `envelope` are the digests of its two blocks, `records` those of its records.
    """

    part: bytes
    envelope: bytes
    issuer: bytes
    chain: bytes
    seq: int
    iat: int
    records: tuple[bytes, ...]

    @classmethod
    def of(cls, statement: Statement) -> Self:
        """The same of a statement that was verified."""
        part = statement.part
        return cls(
            statement.cid.digest,
            statement.envelope_cid.digest,
            part.iss.key.raw,
            part.chain,
            part.seq,
            part.iat,
            part.digests,
        )


def read(block: bytes) -> Read | None:
    """What can be said of a block, or None."""
    if block.startswith(ENVELOPE_HEAD):
        try:
            return STATEMENT, *verified(block)
        except (EncodingError, StatementError) as error:
            return REFUSED, str(error)
    if block.startswith(_INPUT_KEYS, 1):
        given = usual_input(block)
        return None if given is None else (INPUT, tuple(given.fields), given.data)
    if block.startswith(_RESULT_KEYS, 1):
        outputs = usual_result(block)
        return None if outputs is None else (RESULT, outputs)
    claim = usual_claim(block)
    return None if claim is None else (CLAIM, *claim)


def verified(envelope: bytes) -> Verified:
    """What an index needs of the statement in this envelope, verified here.

    Raises:
        EncodingError: the bytes are not canonical DAG-CBOR, or too large.
        StatementError: they are no statement, or the signature does not hold.
    """
    return Verified.of(ReceivedStatement.from_block(envelope).verify())
