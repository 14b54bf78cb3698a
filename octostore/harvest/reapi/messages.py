"""Messages of an action, fetched by digest: what its digest says, or not had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from invocation_spec import Outcome
from invocation_spec.adapters.reapi_digest import Digest
from invocation_spec.adapters.reapi_tree import TREE_ENTRIES_MAX
from invocation_spec.document import DOCUMENT_BYTES_MAX
from invocation_spec.node import Node
from invocation_spec.protobuf import decode
from octostore.harvest.reapi.cache import Cache

__all__ = ["NotWholeError", "blob_of", "directories_of"]


class NotWholeError(Exception):
    """What is in the cache gives no claim; `reason` says why."""

    def __init__(self, reason: str, outcome: Outcome | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


def blob_of(cache: Cache, digest: Digest, what: str) -> bytes:
    """The bytes of a digest that is needed; `what` is what they are, for people.

    Raises:
        NotWholeError: the cache does not have them, or has others.
    """
    data = cache.blob(digest)
    if data is None:
        raise NotWholeError(f"the cache does not have its {what}, {digest}")
    if Digest.of(data, digest.function) != digest:
        raise NotWholeError(f"the cache has other bytes for its {what}, {digest}")
    return data


def directories_of(
    cache: Cache, root: Digest, known: Mapping[Digest, bytes]
) -> Iterator[bytes]:
    """The tree below a digest as far as it can be had, each directory once.

    Raises:
        NotWholeError: other bytes under a digest, or too many of them.
        EncodingError, DocumentError: a directory that is none.
    """
    seen: set[Digest] = set()
    open_, size = [root], 0
    while open_:
        digest = open_.pop()
        if digest in seen or not digest.size_bytes:
            continue
        seen.add(digest)
        data = known.get(digest)
        if data is None:
            data = cache.blob(digest)
        if data is None:
            continue  # a finding: the document lacks it
        if Digest.of(data, digest.function) != digest:
            raise NotWholeError(f"the cache has other bytes for a directory, {digest}")
        size += len(data)
        if len(seen) > TREE_ENTRIES_MAX or size > DOCUMENT_BYTES_MAX:
            raise NotWholeError(
                f"its tree has more than {TREE_ENTRIES_MAX} directories, or they have"
                f" more than {DOCUMENT_BYTES_MAX} bytes"
            )
        yield data
        below = decode("Directory", data)["directories"]
        open_ += [Digest.read(Node(item["digest"])) for item in below]
