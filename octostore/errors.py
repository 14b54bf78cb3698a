"""The faults of a database of results, each class saying whose it is.

    OctostoreError              (invocation_spec.errors)
    ├─ RecordError              their record breaks the rules of its type
    │  └─ ResultError           their result breaks the rules of results
    ├─ StatementError           their statement is malformed
    │  ├─ SignatureError        the signature does not hold for these bytes
    │  └─ ChainError            seq and prev contradict each other
    ├─ CarError                 their file is no CAR, or it breaks off
    ├─ BlockMismatchError       their bytes do not hash to the CID they came under
    ├─ ProofError               their proof does not lead to the root it names
    ├─ NoteError                their signed note is none, or a signature fails
    ├─ WitnessConflictError     a witness signed another size of this log last
    ├─ FileError                a file of the user's cannot be taken as it is
    │  └─ KeyFileError          the key file or its state cannot be used as it is
    ├─ AddressError             this host and port cannot be listened on
    ├─ NotFoundError            what an identifier names is not there
    └─ StoreError               our disk
       ├─ StoreLockedError      another process writes to this store
       ├─ StoreFullError        no space left; nothing acknowledged was lost
       ├─ StoreCorruptError     what we wrote is not what we read
       ├─ LogStateError         our log has signed what this store does not have
       └─ StoreVersionError     written by another version of the layout

`CidError`, `EncodingError`, `DidError` and `DocumentError` come from
`invocation_spec`; `DidError` is named here too, because keys are Octostore's. A
`PolicyError` is a `DocumentError`: a reader's policy is refused.
"""

from __future__ import annotations

from invocation_spec.errors import DidError, DocumentError, OctostoreError

__all__ = [
    "AddressError",
    "BlockMismatchError",
    "CarError",
    "ChainError",
    "DidError",
    "FileError",
    "KeyFileError",
    "LogStateError",
    "NotFoundError",
    "NoteError",
    "PolicyError",
    "ProofError",
    "RecordError",
    "ResultError",
    "SignatureError",
    "StatementError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "StoreVersionError",
    "WitnessConflictError",
]


class RecordError(OctostoreError):
    """A record that breaks the rules of its type; `at` is a JSON pointer into it."""

    code = "record"


class ResultError(RecordError):
    """A result that breaks its rules; a claim of it is as invalid as the result."""

    code = "result"


class PolicyError(DocumentError):
    """A policy that is refused; `at` is a JSON pointer into it."""

    code = "policy"


class StatementError(OctostoreError):
    """A block that is no statement: shape, limits, header, issuer."""

    code = "statement"


class SignatureError(StatementError):
    """A well-formed statement whose signature does not hold."""

    code = "signature"


class ChainError(StatementError):
    """A statement that is no link of any chain: seq and prev contradict."""

    code = "chain"


class CarError(OctostoreError):
    """A file that is no CAR v1; `at` is the byte offset, as `byte 123`."""

    code = "car"


class BlockMismatchError(OctostoreError):
    """Bytes that do not hash to the CID they came under; `at` is that CID."""

    code = "block-mismatch"


class ProofError(OctostoreError):
    """A proof of inclusion, consistency or presence that does not hold."""

    code = "proof"


class NoteError(OctostoreError):
    """A signed note, checkpoint, proof text or key of a log that does not hold."""

    code = "note"


class WitnessConflictError(OctostoreError):
    """A witness signed another size of a log last than it was asked to go on from."""

    code = "witness-conflict"

    def __init__(self, size: int, *, origin: str | None = None) -> None:
        super().__init__(
            f"the witness signed {size} entries of this log last; ask again with the"
            " proof from there",
            at=origin,
        )
        self.size = size


class FileError(OctostoreError):
    """A file or folder of the user's that cannot be taken; `at` is its path."""

    code = "file"


class KeyFileError(FileError):
    """A key file or its state that cannot be used; `at` is its path."""

    code = "key-file"


class AddressError(OctostoreError):
    """A host and port that cannot be listened on; `at` is them."""

    code = "address"


class NotFoundError(OctostoreError):
    """A block, statement or issuer that is not there; `at` is its identifier."""

    code = "not-found"


class StoreError(OctostoreError):
    """Our disk: what the store could not read or write."""

    code = "store"


class StoreLockedError(StoreError):
    """Another process holds the one place of a writer."""

    code = "store-locked"


class StoreFullError(StoreError):
    """No space is left; what was acknowledged is kept, the last batch is not."""

    code = "store-full"


class StoreCorruptError(StoreError):
    """The store contradicts itself: bytes, index or log."""

    code = "store-corrupt"


class LogStateError(StoreError):
    """The log has signed a tree that this store does not have, or nobody knows which.

    Nothing is signed until that is settled: two trees that contradict each other
    prove a log untrue, for ever.
    """

    code = "log-state"


class StoreVersionError(StoreError):
    """A layout that this version does not read."""

    code = "store-version"
