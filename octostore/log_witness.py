"""Asking a witness to sign the newest checkpoint of a store's log.

A witness that signed another size last says which; then it is asked again, with the
proof that leads from there. Source: C2SP tlog-witness.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from octostore.errors import NoteError, ProofError, WitnessConflictError
from octostore.log_key import LogKey
from octostore.store import Octostore
from octostore.tlog.checkpoint import SignedCheckpoint
from octostore.tlog.merkle import consistency_proof
from octostore.tlog.note import NoteSignature, VerifierKey
from octostore.tlog.witness import AddCheckpoint

__all__ = ["ASKED_MAX", "Ask", "witnessed"]

#: Times a witness is asked for one checkpoint: once to learn what it knows, once
#: with the proof, and again if somebody else was faster.
ASKED_MAX: Final = 4

#: Sends a request; raises WitnessConflictError if the witness knows another size.
Ask: TypeAlias = Callable[[AddCheckpoint], tuple[NoteSignature, ...]]


def witnessed(
    store: Octostore, key: LogKey, witness: VerifierKey, ask: Ask
) -> SignedCheckpoint:
    """The newest checkpoint with the signature of this witness, which is kept.

    Raises:
        NoteError: the witness signed something else, or nothing.
        ProofError: the witness has seen more of this log than there is.
        WitnessConflictError: it knows another size each time.
        LogStateError: the log may not sign.
    """
    signed = key.checkpoint(store)
    size = signed.checkpoint.size
    known = 0
    for _ in range(ASKED_MAX - 1):
        try:
            lines = ask(_request(store, signed, known))
            break
        except WitnessConflictError as error:
            known = error.size
        if known > size:
            raise ProofError(
                f"the witness has signed {known} entries of this log, which has {size}:"
                " the store was restored from an older copy, or two logs have one key",
                at=witness.name,
            )
    else:
        lines = ask(_request(store, signed, known))
    kept = signed.with_signatures(lines, [witness])
    if not kept.cosigned:
        raise NoteError(
            f"no signature of {witness.name} with key {witness.id.hex()} in its answer"
        )
    key.add_cosignatures(size, lines, [witness])
    return kept


def _request(store: Octostore, signed: SignedCheckpoint, old: int) -> AddCheckpoint:
    with store.view() as view:
        path = consistency_proof(view.node, old, signed.checkpoint.size)
    return AddCheckpoint(old, path, bytes(signed))
