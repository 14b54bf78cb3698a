"""The portable proof that a key signed two statements for one place of one chain.

    CAR v1 with two roots, the two envelopes, and no other block

Anybody can verify it alone: both signatures hold, by one key, over two different
signed parts with one chain and seq. The envelope whose signed part has the lesser
CID comes first, so that one pair has one proof. Source: FORMATS 7; docs/spec/log.md.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, Final, Self

from octostore import car
from octostore.car import Block, CarReader
from octostore.errors import ProofError
from octostore.statement import ReceivedStatement, Statement

__all__ = ["Equivocation"]

_BOTH: Final = 2


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two verified statements that stand at one place of one chain.

    Raises:
        ProofError: they prove nothing, or stand in the wrong order.
    """

    first: Statement
    second: Statement

    def __post_init__(self) -> None:
        one, two = self.first.part, self.second.part
        if one.iss != two.iss:
            raise ProofError(f"signed by two keys, {one.iss} and {two.iss}")
        if (one.chain, one.seq) != (two.chain, two.seq):
            raise ProofError(
                f"two places: chain {one.chain.hex()} seq {one.seq}, and chain"
                f" {two.chain.hex()} seq {two.seq}"
            )
        if self.first.cid == self.second.cid:
            raise ProofError("one statement twice; two different ones are a proof")
        if self.first.cid.raw > self.second.cid.raw:
            raise ProofError("the roots stand in the wrong order")

    @classmethod
    def of(cls, one: Statement, two: Statement) -> Self:
        """The proof that these two make, in the order a proof has.

        Raises:
            ProofError: they make none.
        """
        first, second = sorted((one, two), key=lambda statement: statement.cid.raw)
        return cls(first, second)

    @classmethod
    def from_car(cls, stream: BinaryIO) -> Self:
        """Read and verify a proof.

        Raises:
            CarError: not a CAR, or it breaks off.
            EncodingError: an envelope is not canonical.
            StatementError: an envelope is none, or its signature does not hold.
            ProofError: not two envelopes, or they prove nothing.
        """
        reader = CarReader(stream)
        blocks: list[Block] = []
        for item in reader:
            if not isinstance(item, Block):
                raise ProofError(f"{item.text}: {item.error.reason}")
            blocks.append(item)
            if len(blocks) > _BOTH:
                break
        if [block.cid for block in blocks] != list(reader.roots):
            raise ProofError(
                f"a CAR of {len(reader.roots)} roots and other blocks; this proof has"
                " two roots, the envelopes, and holds nothing else"
            )
        if len(blocks) != _BOTH:
            raise ProofError(f"{len(blocks)} envelopes; a proof has two")
        return cls(
            *(ReceivedStatement.from_block(block.data).verify() for block in blocks)
        )

    def to_car(self) -> bytes:
        """The proof as a file."""
        stream = io.BytesIO()
        both = (self.first, self.second)
        car.write(
            stream,
            [statement.envelope_cid for statement in both],
            [(statement.envelope_cid, statement.envelope) for statement in both],
        )
        return stream.getvalue()

    def to_json(self) -> dict[str, object]:
        """`{issuer, chain, seq, statements: [CID, CID]}`."""
        part = self.first.part
        return {
            "issuer": str(part.iss),
            "chain": part.chain.hex(),
            "seq": part.seq,
            "statements": [str(self.first.cid), str(self.second.cid)],
        }
