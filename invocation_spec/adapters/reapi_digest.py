"""How the Remote Execution API names bytes: by a digest, which is a hash and a size.

    {hash: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
     size_bytes: 1}

A message that has a digest has one encoding, and is refused in any other.
Source: remote_execution.proto (becdd8f9), at `Digest` and `DigestFunction`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from invocation_spec import protobuf
from invocation_spec.cid import CID, SHA2_256, SHA2_384, SHA2_512
from invocation_spec.errors import DocumentError
from invocation_spec.node import Node
from invocation_spec.reading import made

__all__ = ["FUNCTIONS", "Digest", "message"]

#: What the API tells hash functions apart by, where nothing else does: hex digits.
FUNCTIONS: Final = {
    64: ("sha256", SHA2_256),
    96: ("sha384", SHA2_384),
    128: ("sha512", SHA2_512),
}
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Digest:
    """The hash and size by which the API names bytes; `str` writes `HASH/SIZE`."""

    function: str
    hash: str
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.hash}/{self.size_bytes}"

    @classmethod
    def of(cls, data: bytes, function: str) -> Digest:
        """The digest of these bytes."""
        return cls(function, hashlib.new(function, data).hexdigest(), len(data))

    @classmethod
    def read(cls, node: Node, function: str | None = None) -> Digest:
        """The digest here; of `function`, where one is known already.

        Raises:
            DocumentError: absent, of a function that names no content here, or of
                another than the action's.
        """
        if node.is_null:
            raise node.refuse("a digest: hash and size_bytes")
        text = node.peek("hash").text()
        size = node.peek("size_bytes").number()
        found = FUNCTIONS.get(len(text))
        if found is None or not _HEX.issuperset(text):
            raise DocumentError(
                f"a hash of {len(text)} characters; expected SHA-256, SHA-384 or"
                " SHA-512 in lower-case hex: others are weak, or not checked here",
                at=node.at,
            )
        if function not in (None, found[0]):
            raise DocumentError(
                f"a digest of {found[0]}; that of the command is of {function}, and an"
                " action has one function",
                at=node.at,
            )
        digest = cls(found[0], text, size)
        if size < 0 or (size == 0) != (digest.hash == cls.of(b"", found[0]).hash):
            raise DocumentError(f"{size} bytes, which its hash is not of", at=node.at)
        return digest

    @property
    def cid(self) -> CID:
        """The same bytes as content: raw, by the same hash."""
        code = FUNCTIONS[len(self.hash)][1]
        return CID.of_digest(bytes.fromhex(self.hash), hash_code=code)

    def check(self, data: bytes, at: str) -> None:
        """Refuse bytes that this is not the digest of."""
        found = Digest.of(data, self.function)
        if found != self:
            raise DocumentError(
                f"not what its digest says: {self}, by {self.function}; found {found}",
                at=at,
            )


def message(name: str, data: bytes, at: str) -> Node:
    """A message as a place in the document; pointers go on inside it.

    Raises:
        DocumentError: not the one encoding of such a message.
    """
    return Node(made(at, protobuf.decode, name, data), at)
