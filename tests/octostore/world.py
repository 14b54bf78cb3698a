"""A small world for tests: issuers that sign claims about programs and inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from invocation_spec.cid import CID
from invocation_spec.model import Block, Input, Invocation, Program, WasiProgram
from octostore.keys import SecretKey
from octostore.records import Claim, Failure, Profile, Record
from octostore.result import Result
from octostore.statement import SignedPart, Statement, sign

Blocks = list[tuple[CID, bytes]]


def data(name: str) -> CID:
    """A CID of bytes that nobody sends along."""
    return CID.of_bytes(name.encode())


C1, D1, R1, R2 = data("C1"), data("D1"), data("R1"), data("R2")


def block_of(value: Block) -> tuple[CID, bytes]:
    return value.cid, value.block


@dataclass
class Ran:
    """An invocation with its two blocks."""

    program: Program = field(default_factory=lambda: WasiProgram(C1))
    input: Input = field(default_factory=lambda: Input(files={"/d": D1}))

    @property
    def invocation(self) -> Invocation:
        return Invocation(self.program.cid, self.input.cid)

    @property
    def cid(self) -> CID:
        return self.invocation.cid

    @property
    def blocks(self) -> Blocks:
        return [block_of(item) for item in (self.invocation, self.program, self.input)]


def result(value: CID = R1, *, name: str = "/r.csv", exit: int | None = 0) -> Result:
    return Result({name: value}, exit)


def claim(ran: Ran, got: Result | Failure, **more: object) -> Claim:
    fields: dict[str, object] = {"invocation": ran.cid, "network": "bacalhau"}
    if isinstance(got, Result):
        fields["result"] = got.cid
    else:
        fields["failure"] = got
    return Claim(**(fields | more))  # type: ignore[arg-type] # a test says which


@dataclass
class Issuer:
    """Signs one chain, deterministically."""

    name: str
    chain: bytes = bytes(16)
    seq: int = 0
    prev: CID | None = None

    @property
    def key(self) -> SecretKey:
        return SecretKey.from_seed(hashlib.sha256(self.name.encode()).digest())

    def sign(self, records: Iterable[Record | CID]) -> Statement:
        statement = sign(
            SignedPart(
                iss=self.key.public.did,
                chain=self.chain,
                seq=self.seq,
                prev=self.prev,
                iat=1_669_000_000 + self.seq,
                records=tuple(
                    item if isinstance(item, CID) else item.cid for item in records
                ),
            ),
            self.key,
        )
        self.seq, self.prev = self.seq + 1, statement.cid
        return statement

    def state(
        self, records: Sequence[Record], blocks: Iterable[tuple[CID, bytes]] = ()
    ) -> tuple[Statement, Blocks]:
        """A statement, and all blocks of its delivery, the envelope first."""
        statement = self.sign(records)
        return statement, [
            (statement.envelope_cid, statement.envelope),
            *(block_of(record) for record in records),
            *blocks,
        ]

    def claims(
        self, ran: Ran, got: Result | Failure, **more: object
    ) -> tuple[Statement, Blocks]:
        """A statement of one claim with its closure."""
        blocks = list(ran.blocks)
        if isinstance(got, Result):
            blocks.append(block_of(got))
        return self.state([claim(ran, got, **more)], blocks)

    def says(self, name: str, **executors: tuple[str, ...]) -> tuple[Statement, Blocks]:
        """A statement of one profile."""
        return self.state([Profile(name=name, executors=executors)])
