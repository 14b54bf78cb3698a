"""Proofs that a log is not what it says: files that anybody can verify alone.

    two-histories     it signed two trees that contradict each other
    bad-entry         it committed to what can be no entry
    false-map-head    it committed to an index that its entries do not make
    withheld          it committed to an entry, and somebody did not get it

Each is a module that reads and writes one kind, a CAR whose root says which it is.
That an issuer contradicts itself is `octostore.equivocation`.
Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, Final

from invocation_spec import dagcbor
from octostore.car import Block, CarReader
from octostore.errors import ProofError
from octostore.fraud import entry, head, histories, withheld
from octostore.fraud.entry import BadEntry
from octostore.fraud.head import FalseMapHead
from octostore.fraud.histories import TwoHistories
from octostore.fraud.parts import LoggedEntry, Proof
from octostore.fraud.withheld import Withheld

__all__ = [
    "TAGS",
    "BadEntry",
    "FalseMapHead",
    "LoggedEntry",
    "Proof",
    "TwoHistories",
    "Withheld",
    "read_fraud",
]

_KINDS: Final[Mapping[str, type[TwoHistories | BadEntry | FalseMapHead | Withheld]]] = {
    histories.TAG: TwoHistories,
    entry.TAG: BadEntry,
    head.TAG: FalseMapHead,
    withheld.TAG: Withheld,
}

#: What the root of such a proof is a map of.
TAGS: Final = frozenset(_KINDS)


def read_fraud(stream: BinaryIO) -> Proof:
    """Read and verify a proof against a log.

    Raises:
        CarError: not a CAR, or it breaks off.
        EncodingError: its root is not canonical.
        NoteError: a checkpoint is not signed by the log that it names.
        ProofError: no such proof, or it shows nothing.
    """
    reader = CarReader(stream)
    rest = iter(reader)
    root = next(rest, None)
    if not isinstance(root, Block) or reader.roots != (root.cid,):
        raise ProofError("no proof against a log: its root does not stand first")
    value = dagcbor.decode(root.data)
    if isinstance(value, Mapping) and len(value) == 1:
        tag, fields = next(iter(value.items()))
        if tag in _KINDS and isinstance(fields, Mapping):
            return _KINDS[tag].read(fields, rest)
    raise ProofError(f"no proof against a log; known: {', '.join(sorted(_KINDS))}")
