r"""The root of a bundle: what was asked, under which checkpoint, and where to look.

    {"octostore/bundle@1": {
        "asked": {"input": D1, "program": C1},          or {"invocation": CID}
        "log": "example.com/log+33d7b496+AeHT..",       the key of the log, as named
        "checkpoint": "example.com/log\n15\n..",        its signed note
        "head": [14, &MapHead],                         entry of the log, block
        "map": &MapProof,
        "statements": [[3, &Envelope], [9, &Envelope]], entries of the log
        "proof": [h'77..', h'c0..']}}                   that all of them are in it

    {"octostore/bundle@2": {.., "belief": &Belief}}     and what a policy makes of it

Reading one verifies nothing but its shape. Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, SHA2_256
from invocation_spec.dagcbor import BLOCK_BYTES_MAX, Ipld
from invocation_spec.errors import EncodingError
from octostore.errors import NoteError, ProofError
from octostore.log import KIND_MAP_HEAD, KIND_STATEMENT, Entry
from octostore.questions.answer import Asked
from octostore.tlog.merkle import SIZE_MAX, leaf_hash
from octostore.tlog.note import KeyType, VerifierKey

__all__ = ["BUNDLE_TAG", "BUNDLE_TAGS", "Bundle"]

BUNDLE_TAG: Final = "octostore/bundle@1"

#: With what a policy makes of the answer: one field more.
_BELIEVED_TAG: Final = "octostore/bundle@2"

BUNDLE_TAGS: Final = (BUNDLE_TAG, _BELIEVED_TAG)

_FIELDS: Final = {"asked", "checkpoint", "head", "log", "map", "proof", "statements"}
_QUESTIONS: Final = ({"input", "program"}, {"invocation"})
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Bundle:
    """What stands in the root; each is (place in the log, block).

    Raises:
        ProofError: a question that is none, places that do not ascend, or a key
            that is no log's.
    """

    asked: Asked
    log: VerifierKey
    checkpoint: str
    head: tuple[int, CID]
    map: CID
    statements: tuple[tuple[int, CID], ...]
    proof: tuple[bytes, ...]
    belief: CID | None = None

    def __post_init__(self) -> None:
        if self.asked.to_json().keys() not in _QUESTIONS:
            raise ProofError(
                "expected a program and an input, or an invocation", at="/asked"
            )
        if self.log.type != KeyType.ED25519:
            raise ProofError("the key of a witness, not of a log", at="/log")
        for index, block in (self.head, *self.statements):
            if not 0 <= index < SIZE_MAX:
                raise ProofError(f"{index} is no place in a log", at="/statements")
            _check_ours(block)
        _check_ours(self.map)
        if self.belief is not None:
            _check_ours(self.belief)
        if any(a[0] >= b[0] for a, b in pairwise(self.statements)):
            raise ProofError("places in the log do not ascend", at="/statements")

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """Read what `block` wrote.

        Raises:
            ProofError: anything else; `at` is a JSON pointer.
        """
        try:
            value = dagcbor.decode(block)
        except EncodingError as error:
            raise ProofError(f"no bundle: {error}") from error
        tagged = value if isinstance(value, dict) else {}
        root = tagged.get(BUNDLE_TAG)
        fields = _FIELDS
        if root is None:
            root, fields = tagged.get(_BELIEVED_TAG), _FIELDS | {"belief"}
        if len(tagged) != 1 or not isinstance(root, dict) or root.keys() != fields:
            raise ProofError(
                f"no bundle; expected {BUNDLE_TAG} with {', '.join(sorted(_FIELDS))}"
            )
        found = cls(
            asked=_asked(root["asked"]),
            log=_key(root["log"]),
            checkpoint=_text(root["checkpoint"], "/checkpoint"),
            head=_entry(root["head"], "/head"),
            map=_link(root["map"], "/map"),
            statements=tuple(
                _entry(item, f"/statements/{at}")
                for at, item in enumerate(_list(root["statements"], "/statements"))
            ),
            proof=tuple(_bytes(item) for item in _list(root["proof"], "/proof")),
            belief=_link(root["belief"], "/belief") if "belief" in root else None,
        )
        if found.block != block:
            raise ProofError("the same bundle is written otherwise")
        return found

    @property
    def block(self) -> bytes:
        """The root as DAG-CBOR.

        Raises:
            ProofError: it is larger than a block.
        """
        asked = {
            name: cid
            for name in ("input", "invocation", "program")
            if (cid := getattr(self.asked, name)) is not None
        }
        value: dict[str, Ipld] = {
            "asked": asked,
            "checkpoint": self.checkpoint,
            "head": list(self.head),
            "log": str(self.log),
            "map": self.map,
            "proof": list(self.proof),
            "statements": [list(item) for item in self.statements],
        }
        tag = BUNDLE_TAG
        if self.belief is not None:
            tag, value["belief"] = _BELIEVED_TAG, self.belief
        try:
            return dagcbor.encode({tag: value})
        except EncodingError as error:
            raise ProofError(
                f"the root of a bundle has at most {BLOCK_BYTES_MAX} bytes; ask for"
                " one invocation"
            ) from error

    @property
    def leaves(self) -> dict[int, bytes]:
        """Leaf hashes of the log: of each statement, and of the map head."""
        found = {
            index: leaf_hash(bytes(Entry(KIND_STATEMENT, block)))
            for index, block in self.statements
        }
        index, block = self.head
        if index in found:
            raise ProofError("a statement and the map head at one place", at="/head")
        return found | {index: leaf_hash(bytes(Entry(KIND_MAP_HEAD, block)))}


def _asked(value: Ipld) -> Asked:
    if not isinstance(value, Mapping) or value.keys() not in _QUESTIONS:
        raise ProofError(
            "expected a program and an input, or an invocation", at="/asked"
        )
    return Asked(**{name: _link(cid, f"/asked/{name}") for name, cid in value.items()})


def _key(value: Ipld) -> VerifierKey:
    try:
        return VerifierKey.parse(_text(value, "/log"))
    except NoteError as error:
        raise ProofError(error.reason, at="/log") from error


def _entry(value: Ipld, at: str) -> tuple[int, CID]:
    if not isinstance(value, list) or len(value) != _PAIR or type(value[0]) is not int:
        raise ProofError("expected a place in the log and a link", at=at)
    return value[0], _link(value[1], at)


def _link(value: Ipld, at: str) -> CID:
    if not isinstance(value, CID):
        raise ProofError("not a link", at=at)
    return value


def _list(value: Ipld, at: str) -> list[Ipld]:
    if not isinstance(value, list):
        raise ProofError("not a list", at=at)
    return value


def _text(value: Ipld, at: str) -> str:
    if not isinstance(value, str):
        raise ProofError("not text", at=at)
    return value


def _bytes(value: Ipld) -> bytes:
    if not isinstance(value, bytes):
        raise ProofError("not a hash", at="/proof")
    return value


def _check_ours(cid: CID) -> None:
    if cid.codec != DAG_CBOR or cid.hash_code != SHA2_256:
        raise ProofError(f"{cid} is not dag-cbor with sha2-256")
