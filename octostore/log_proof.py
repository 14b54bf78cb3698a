"""That a statement is in a log: a `tlog-proof` text, made and checked.

    extra   base64 of a kind byte and the block of the entry: the envelope of a
            statement (0), or a map head (1)

The block comes along, so that the text is all that a reader needs beside the key
of the log: kind and CID of the block are the entry, its hash is the leaf.
Source: C2SP tlog-proof; FORMATS 7; docs/spec/log.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from invocation_spec.cid import CID
from octostore.errors import NoteError, NotFoundError, StoreCorruptError
from octostore.log import KIND_STATEMENT, Entry
from octostore.statement import ReceivedStatement, Statement
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import inclusion_proof, leaf_hash
from octostore.tlog.note import VerifierKey
from octostore.tlog.proof import TlogProof
from octostore.view import View

__all__ = ["ProvenEntry", "index_of", "prove", "verify_proof"]


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry that is in a log. `statement` is None of a map head."""

    index: int
    entry: Entry
    statement: Statement | None
    signed: SignedCheckpoint


def index_of(view: View, cid: CID) -> int:
    """The place in the log of a statement, by its signed part or its envelope.

    Raises:
        NotFoundError: it is not in the log.
    """
    index = view.index(cid)
    block = view.find_block(cid) if index is None else None
    if block is not None:
        index = view.index(ReceivedStatement.from_block(block).cid)
    if index is None:
        raise NotFoundError("no such statement in the log", at=str(cid))
    return index


def prove(view: View, index: int, signed: SignedCheckpoint) -> TlogProof:
    """The proof that the entry is in the tree of a checkpoint of this log.

    Raises:
        NotFoundError: the tree is smaller.
    """
    size = signed.checkpoint.size
    entry = view.entry(index)
    if index >= size:
        raise NotFoundError(f"not in the tree of {size} entries", at=f"entry {index}")
    block = view.find_block(entry.block)
    if block is None:
        raise StoreCorruptError("its block is not there", at=f"entry {index}")
    return TlogProof(
        index=index,
        path=inclusion_proof(view.node, index, size),
        checkpoint=bytes(signed),
        extra=bytes((entry.kind,)) + block,
    )


def verify_proof(
    proof: TlogProof, log: VerifierKey, witnesses: Sequence[VerifierKey] = ()
) -> ProvenEntry:
    """What a proof shows; the signature of a statement in it is verified too.

    Raises:
        NoteError: no block comes along; the checkpoint is none of this log's.
        ProofError: the path does not lead to the root.
        StatementError: the block is no statement, or its signature does not hold.
    """
    if not proof.extra:
        raise NoteError("no extra data; expected the kind and the block of the entry")
    kind, block = proof.extra[0], proof.extra[1:]
    entry = Entry(kind, CID.of_block(block))
    signed = proof.verify(leaf_hash(bytes(entry)), log, witnesses)
    statement = None
    if kind == KIND_STATEMENT:
        statement = ReceivedStatement.from_block(block).verify()
    return ProvenEntry(proof.index, entry, statement, signed)
