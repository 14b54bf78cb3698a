"""The map head: what the map was over the first `size` entries of the log.

    {"octostore/map-head@1": {root: h'..', size: 128, time: 1669000000,
                              rules: "octostore/map@1"}}

An entry of kind 1 of the log names this block, so checkpoints and cosignatures
cover it. It is computed, not signed: whoever replays the log finds whether it is
true. Source: FORMATS 7; docs/spec/map.md.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final, Self

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.errors import EncodingError
from octostore.errors import ProofError
from octostore.map.trie import HASH_BYTES

__all__ = ["INTEGER_MAX", "RULES", "MapHead"]

#: Which keys the map has and how it is hashed; other rules have another name.
RULES: Final = "octostore/map@1"

#: Largest size and time: every JSON reader keeps it exactly.
INTEGER_MAX: Final = 2**53 - 1

_TAG: Final = "octostore/map-head@1"
_FIELDS: Final = {"root", "size", "time", "rules"}


@dataclass(frozen=True, slots=True)
class MapHead:
    """`root` over the statements among the first `size` entries, at `time_s`.

    Raises:
        ProofError: a root that is none, or an integer outside 0 .. 2^53 - 1.
    """

    size: int
    root: bytes
    time_s: int

    def __post_init__(self) -> None:
        if len(self.root) != HASH_BYTES:
            raise ProofError(
                f"a root of {len(self.root)} bytes; it has {HASH_BYTES}", at="/root"
            )
        for name, value in (("size", self.size), ("time", self.time_s)):
            if not 0 <= value <= INTEGER_MAX:
                raise ProofError(
                    f"{value} is outside 0 .. {INTEGER_MAX}", at=f"/{name}"
                )

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """Read what `block` wrote.

        Raises:
            ProofError: anything but the one encoding of a map head, or other rules.
        """
        try:
            value = dagcbor.decode(block)
        except EncodingError as error:
            raise ProofError(f"no map head: {error}") from error
        head = value.get(_TAG) if isinstance(value, dict) and len(value) == 1 else None
        if not isinstance(head, dict) or head.keys() != _FIELDS:
            raise ProofError(
                f"no map head; expected {_TAG} with root, size, time, rules"
            )
        size, root, time_s = head["size"], head["root"], head["time"]
        if head["rules"] != RULES:
            raise ProofError(
                f"a map by the rules {head['rules']!r}; this version knows {RULES}",
                at="/rules",
            )
        if type(size) is not int or type(time_s) is not int:
            raise ProofError("size and time are to be integers")
        if not isinstance(root, bytes):
            raise ProofError("a root is to be bytes", at="/root")
        return cls(size, root, time_s)

    @property
    def block(self) -> bytes:
        """The head as DAG-CBOR."""
        return dagcbor.encode(
            {
                _TAG: {
                    "root": self.root,
                    "size": self.size,
                    "time": self.time_s,
                    "rules": RULES,
                }
            }
        )

    @property
    def cid(self) -> CID:
        """What the entry of the log names."""
        return CID.of_block(self.block)

    def to_json(self) -> dict[str, object]:
        """`{size, root, time}`, the root in base64 as a checkpoint writes it."""
        root = base64.b64encode(self.root).decode()
        return {"size": self.size, "root": root, "time": self.time_s}
