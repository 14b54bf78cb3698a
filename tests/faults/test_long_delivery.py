"""A delivery of two gigabytes through a pipe: memory does not grow with its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from octostore import car
from octostore.spool import SPOOL_BLOCKS_MAX
from tests.faults.conftest import FULL, Faults
from tests.octostore.test_limits_door import ingest
from tests.octostore.world import Blocks, Issuer, Ran, result

GIGABYTES = 2.0 if FULL else 0.05

#: What a block of a collection of claims may have.
BLOCK_BYTES = 2100

#: The command itself, what of a delivery stays in memory, and 200 bytes a block.
MEMORY_BYTES = 500 << 20


def others(count: int) -> Iterator[tuple[CID, bytes]]:
    """Blocks that nothing reaches; nobody can know that before the end."""
    for n in range(count):
        block = dagcbor.encode({"n": n, "rest": bytes(BLOCK_BYTES - 20)})
        yield CID.of_block(block), block


def delivery(count: int) -> Iterator[tuple[CID, bytes]]:
    """The envelope last, the blocks it needs before the others."""
    statement, blocks = Issuer("last").claims(Ran(), result())
    needed: Blocks = blocks[1:]
    yield from needed
    yield from others(count)
    yield statement.envelope_cid, statement.envelope


def test_memory_does_not_grow_with_the_bytes_of_a_delivery(
    tmp_path: Path, faults: Faults
) -> None:
    count = int(GIGABYTES * 1e9 / BLOCK_BYTES)
    assert count + 10 < SPOOL_BLOCKS_MAX
    root = Issuer("last").claims(Ran(), result())[0].envelope_cid
    took = ingest(
        tmp_path,
        car.chunks([root], delivery(count)),
        piped=True,
        seconds=1800,
        memory_bytes=MEMORY_BYTES,
    )
    assert (took.code, len(took.receipt["accepted"])) == (0, 1)
    faults.add(
        f"{GIGABYTES} GB through a pipe",
        megabytes_of_memory=took.memory_bytes >> 20,
        seconds=int(took.seconds),
    )
