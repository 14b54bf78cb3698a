"""From what a network reports to signed statements that somebody has.

    Seen .. -> judged -> a batch -> one signature -> the outbox -> delivered

A run that the outbox knows is not claimed again. The batch is chosen, signed and kept
under the lock of the key, so two harvests with one key never claim one run twice.
Source: ADR 20.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, TypeAlias

from invocation_spec.cid import CID
from invocation_spec.errors import OctostoreError
from octostore import car
from octostore.chain import Fresh
from octostore.claiming import Prepared, closure
from octostore.errors import ProofError
from octostore.harvest.observed import Known, Observed, Reached, Seen, Unclaimed, judged
from octostore.harvest.outbox import ClaimedRun, Outbox
from octostore.keyfile import KeyFile
from octostore.receipt import Receipt
from octostore.records import Link

__all__ = [
    "BATCH_BYTES_MAX",
    "BATCH_RECORDS",
    "Claimed",
    "Harvest",
    "Report",
    "Send",
]

#: Records under one signature: most often a delivery of less than a megabyte.
BATCH_RECORDS: Final = 1000

#: Bytes of the blocks under one signature, if more than one run has them: inputs and
#: evidence may have a megabyte each, stores keep so much evidence of a statement, and
#: servers take deliveries of sixteen times as much.
BATCH_BYTES_MAX: Final = 16 << 20

#: Takes a CAR with statements: a store, a server, a folder.
Send: TypeAlias = Callable[[BinaryIO], Receipt | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A run that was claimed now, and under which statement."""

    item: str
    at: str
    invocation: CID
    claim: CID
    statement: CID


@dataclass(slots=True)
class Report:
    """What became of all that was read; `known` were claimed by an earlier harvest.

    `statements` were acknowledged in this run, also those that had waited.
    """

    network: str
    read: int = 0
    known: int = 0
    claimed: list[Claimed] = field(default_factory=list)
    unclaimed: list[Unclaimed] = field(default_factory=list)
    statements: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Ready:
    seen: Observed
    prepared: Prepared
    links: tuple[Link, ...]


class Harvest:
    """Claims runs in batches, and delivers what was signed.

    `take` each thing that was read, `flush` when there is no more; what waited in
    the outbox goes first. Nothing is signed before it. Unless it `delivers`, batches
    stay in the outbox until `deliver` is called.
    """

    def __init__(
        self,
        network: str,
        key_file: KeyFile,
        outbox: Outbox,
        send: Send,
        clock: Callable[[], int],
        *,
        publishes_credentials: bool = False,
        delivers: bool = True,
    ) -> None:
        self.report = Report(network)
        self._key_file = key_file
        self._outbox = outbox
        self._send = send
        self._clock = clock
        self._publishes_credentials = publishes_credentials
        self._delivers = delivers
        self._ready: dict[str, _Ready] = {}
        self._records = 0
        self._blocks: set[CID] = set()
        self._bytes = 0
        self._reached: dict[str, str] = {}

    def take_all(self, seen: Iterable[Seen]) -> Report:
        """Deliver what waits, claim all of this, and say what became of it."""
        self.deliver()
        try:
            for item in seen:
                self.take(item)
        except OctostoreError:
            self.flush()  # the source broke off: what it gave is whole
            raise
        self.flush()
        return self.report

    def take(self, seen: Seen) -> None:
        """Claim one run with the next batch, or note why it has no claim."""
        if isinstance(seen, Reached):
            self._reached[seen.source] = seen.value
            return
        self.report.read += 1
        if isinstance(seen, Known):
            self.report.known += 1
            return
        if isinstance(seen, Observed):
            if not self._is_new(seen.item):
                self.report.known += 1
                return
            found = judged(seen, publishes_credentials=self._publishes_credentials)
        else:
            found = seen
        if isinstance(found, Unclaimed):
            self.report.unclaimed.append(found)
            return
        assert isinstance(seen, Observed)  # noqa: S101 - judged from it
        ready = _Ready(seen, *found)
        records, new = 1 + len(ready.links), self._new(ready)
        if (
            self._records + records > BATCH_RECORDS
            or self._bytes + sum(new.values()) > BATCH_BYTES_MAX
        ):
            self.flush()
            new = self._new(ready)
        self._ready[seen.item] = ready
        self._records += records
        self._bytes += sum(new.values())
        self._blocks.update(new)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be signed."""
        return not self._ready

    def flush(self) -> None:
        """Sign the batch, keep it, and deliver it.

        Raises:
            StoreError, RemoteError: it could not be kept or brought; what is signed
                waits in the outbox for the next time.
            ProofError: the other side does not take what was signed.
        """
        self.sign()
        if self._delivers:
            self.deliver()

    def sign(self) -> None:
        """Sign the batch and keep it, which is all that it needs: nothing leaves.

        Raises:
            StoreError: it could not be kept.
        """
        if self._ready:
            try:
                self._sign()
            except BaseException:
                self._reached.clear()  # the batch is lost: it has to be read again
                raise
        for source, value in self._reached.items():
            self._outbox.set_cursor(source, value)
        self._reached.clear()

    def deliver(self) -> None:
        """Bring what waits in the outbox; see `flush`."""
        for number, text in self._outbox.waiting():
            receipt = self._send(io.BytesIO(text))
            if receipt is not None:
                _check(receipt)
            self._outbox.delivered(number)
            self.report.statements += 1

    def _is_new(self, item: str) -> bool:
        if item in self._ready:
            return False
        return bool(self._outbox.unclaimed(self.report.network, [item]))

    def _new(self, ready: _Ready) -> dict[CID, int]:
        """The blocks that no run of this batch has brought yet, and their sizes."""
        return {
            cid: len(data)
            for cid, data in ready.prepared.blocks
            if cid not in self._blocks
        }

    def _sign(self) -> None:
        report, network = self.report, self.report.network
        with self._key_file.signing() as chain:
            if chain.fresh not in (None, Fresh.MISSING):
                report.notes.append(
                    f"{self._key_file.state_path} was {chain.fresh}; a new chain begins"
                )
            new = self._outbox.unclaimed(network, self._ready)
            report.known += len(self._ready) - len(new)
            batch = [ready for item, ready in self._ready.items() if item in new]
            self._ready, self._records, self._blocks, self._bytes = {}, 0, set(), 0
            if not batch:
                return
            # Two runs may say the very same; a record stands in a statement once.
            records: dict[CID, Prepared | Link] = {}
            for ready in batch:
                records[ready.prepared.claim.cid] = ready.prepared
                records.update({link.cid: link for link in ready.links})
            statement = chain.sign(list(records), self._clock())
            blocks = closure(statement, list(records.values()))
            self._outbox.keep(
                network,
                [ClaimedRun(item.seen.item, item.prepared.claim.cid) for item in batch],
                statement.cid,
                car.to_bytes([statement.envelope_cid], blocks.items()),
            )
        report.claimed += [
            Claimed(
                item=item.seen.item,
                at=item.seen.at,
                invocation=item.prepared.invocation.cid,
                claim=item.prepared.claim.cid,
                statement=statement.cid,
            )
            for item in batch
        ]


def _check(receipt: Receipt) -> None:
    """Return if our own statement was taken; nobody has reason to refuse it."""
    for item in receipt.quarantined:
        raise ProofError(f"not taken: {item.reason}", at=str(item.cid))
    if receipt.malformed is not None:
        raise ProofError(f"not taken: {receipt.malformed}")
    for cid in receipt.pending:
        raise ProofError("not taken: blocks are said to lack", at=str(cid))
