"""Evidence that comes with statements: kept when a valid claim names it, never missed.

    claim {.., "evidence": [bafkrei.., bafyrei..]}     receipts, agreements, signatures

Such blocks are no part of a closure: a statement is whole without them, and what they
say is judged by whoever reads. They may be of any codec; a store finds blocks by the
sha2-256 of their bytes, so a CID with another hash names something that it cannot keep.
Source: FORMATS 6; docs/spec/log.md, Evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore.car import Damaged
from octostore.closure import Closure, is_kept
from octostore.draft import Draft
from octostore.receipt import Skipped
from octostore.spool import Spool

__all__ = ["EVIDENCE_BYTES_MAX", "EVIDENCE_STAGED_BYTES_MAX", "Attached"]

#: Evidence that is kept of one statement, each block once: 256 receipts of 64 KiB. Of
#: more the first are kept, in the order of records and of what each names.
EVIDENCE_BYTES_MAX: Final = 16 << 20

#: Blocks of other codecs than ours that are laid down of one delivery, since they may
#: be evidence: of sixteen statements all. Those after that are ignored.
EVIDENCE_STAGED_BYTES_MAX: Final = 256 << 20

#: The field of a claim, as DAG-CBOR writes its name; who has it not has no evidence.
_FIELD: Final = b"\x68evidence"

_Item: TypeAlias = tuple[CID, bytes] | Damaged


class Attached:
    """The evidence in one delivery."""

    def __init__(self, draft: Draft, spool: Spool, closure: Closure) -> None:
        self._draft = draft
        self._spool = spool
        self._closure = closure
        self._staged_bytes = 0

    def lay_down(self, cid: CID, item: _Item) -> None:
        """Spool a sound block of another codec: a claim may name it."""
        if isinstance(item, Damaged) or not is_kept(cid):
            return
        block = item[1]
        size = self._staged_bytes + len(block)
        if len(block) > BLOCK_BYTES_MAX or size > EVIDENCE_STAGED_BYTES_MAX:
            return
        if cid.matches(block):
            self._staged_bytes = size
            self._spool.add(cid.digest, block)

    def keep(self, records: Iterable[bytes], skipped: Iterable[Skipped]) -> None:
        """Keep what came of the evidence that these records name, but for the skipped.

        Nothing is committed, so that it stands in the batch of the statement's entry.
        """
        self._keep(self._named(records, skipped), 0)

    def lacks(self, records: Iterable[bytes]) -> bool:
        """Whether these records name evidence that has not come, and may yet."""
        for record in records:
            block = self._spool.find(record)
            if block is not None and _FIELD not in block:
                continue  # one that did not come is in the store
            for cid in self._closure.evidence(record):
                if (
                    self._spool.find(cid.digest) is None
                    and self._draft.find_no(cid.digest) is None
                ):
                    return True
        return False

    def keep_late(self, records: tuple[bytes, ...]) -> None:
        """Keep what comes with a statement that was logged without it."""
        came = map(self._spool.find, records)
        if any(block is not None and _FIELD in block for block in came):
            facts = self._closure.facts(records)
            skipped = [fact for fact in facts if isinstance(fact, Skipped)]
            named = self._named(records, skipped)
            # Else a sender could bring a statement's evidence piece by piece, for ever.
            self._keep(*self._not_here(named))

    def _named(
        self, records: Iterable[bytes], skipped: Iterable[Skipped]
    ) -> dict[bytes, None]:
        """The digests of what the valid of these records name, in order, each once."""
        invalid = {item.record.digest for item in skipped}
        return {
            cid.digest: None
            for record in records
            if record not in invalid
            for cid in self._closure.evidence(record)
        }

    def _not_here(self, named: Iterable[bytes]) -> tuple[list[bytes], int]:
        """What the store has not of these, and bytes that it has, at least."""
        found, size = [], 0
        for digest in named:
            block = self._draft.view.find_digest(digest)
            if block is None:
                found.append(digest)
                continue
            size += len(block)
            if size > EVIDENCE_BYTES_MAX:
                break
        return found, size

    def _keep(self, digests: Iterable[bytes], size: int) -> None:
        """Keep what came of these, `size` bytes being kept before."""
        for digest in digests:
            block = self._spool.find(digest)
            if block is None:
                continue
            size += len(block)
            if size > EVIDENCE_BYTES_MAX:
                return
            self._draft.add(digest, block)
