"""The claims that the benchmarks bring in: the same ones each time, incompressible.

    for delivery in deliveries(Shape(claims=100_000)):
        store.ingest_car(io.BytesIO(delivery.car))

A quarter of the claims run something new; the others are on any invocation before
them, each equally likely, so that nothing is near anything else. One in twenty
disagrees. There are 100 issuers, 1,000 programs and 2,000 data CIDs. A claim has
291 bytes, a result 116, an invocation 97, an input 139, a program 56. Digests,
executors and jobs are hashes: they do not compress.

A full delivery holds every block that its records reach; a thin one only what was
never sent before. Anything is made from its number, so that ten million claims
need no more memory than ten thousand.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from octostore import car
from octostore.keys import SecretKey
from octostore.statement import SignedPart, Statement, sign

ISSUERS = 100
PROGRAMS = 1_000
DATA = 2_000

#: One claim in so many is on a new invocation, one in so many disagrees.
NEW_IN = 4
DISAGREES_IN = 20

_BEGIN_S = 1_669_000_000

#: Encoded invocations at hand; past this they are made again.
_CACHED = 1 << 16


@dataclass(frozen=True, slots=True)
class Shape:
    """How many claims, in which portions."""

    claims: int
    per_statement: int = 1_000
    per_delivery: int = 1_000
    is_thin: bool = False
    seed: int = 1


@dataclass(slots=True)
class Delivery:
    """One CAR, and what bare calls need to do the same work."""

    car: bytes
    claims: int
    statements: list[Statement]
    #: Blocks in the CAR.
    blocks: list[tuple[CID, bytes]]
    #: Of those, the ones that were never sent before.
    new: list[tuple[CID, bytes]]
    #: Invocation and record of each claim.
    pairs: list[tuple[bytes, bytes]]


def deliveries(shape: Shape) -> Iterator[Delivery]:
    """The workload, one delivery in memory at a time."""
    return _World(shape).deliveries()


def invocation_cid(shape: Shape, number: int) -> CID:
    """The CID of the invocation with this number."""
    return _invocation(shape.seed, number)[0][0]


def invocations(claims: int) -> int:
    """How many invocations so many claims speak of."""
    return (claims + NEW_IN - 1) // NEW_IN


@dataclass
class _Issuer:
    key: SecretKey
    chain: bytes
    seq: int = 0
    prev: CID | None = None

    def sign(self, records: list[CID]) -> Statement:
        part = SignedPart(
            iss=self.key.public.did,
            chain=self.chain,
            seq=self.seq,
            prev=self.prev,
            iat=_BEGIN_S + self.seq,
            records=tuple(records),
        )
        statement = sign(part, self.key)
        self.seq, self.prev = self.seq + 1, statement.cid
        return statement


@dataclass
class _World:
    shape: Shape
    issuers: list[_Issuer] = field(init=False)
    #: Programs that were sent; there are few.
    sent: set[CID] = field(default_factory=set)
    #: Invocations whose agreed result nobody has sent: the first claim disagreed.
    unsent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.issuers = [
            _Issuer(
                SecretKey.from_seed(_hash(self.shape.seed, "key", n)),
                bytes(15) + bytes((n,)),
            )
            for n in range(ISSUERS)
        ]

    def deliveries(self) -> Iterator[Delivery]:
        shape, signed = self.shape, 0
        for first in range(0, shape.claims, shape.per_delivery):
            last = min(first + shape.per_delivery, shape.claims)
            blocks: dict[CID, bytes] = {}
            new: dict[CID, bytes] = {}
            pairs: list[tuple[bytes, bytes]] = []
            statements: list[Statement] = []
            for begin in range(first, last, shape.per_statement):
                records = [
                    self._claim(n, blocks, new, pairs)
                    for n in range(begin, min(begin + shape.per_statement, last))
                ]
                statement = self.issuers[signed % ISSUERS].sign(records)
                signed += 1
                statements.append(statement)
                new[statement.envelope_cid] = statement.envelope
            roots = [item.envelope_cid for item in statements]
            carried = list((new if shape.is_thin else new | blocks).items())
            out = io.BytesIO()
            car.write(out, roots, carried)
            yield Delivery(
                out.getvalue(),
                last - first,
                statements,
                carried,
                list(new.items()),
                pairs,
            )

    def _claim(
        self,
        n: int,
        blocks: dict[CID, bytes],
        new: dict[CID, bytes],
        pairs: list[tuple[bytes, bytes]],
    ) -> CID:
        seed = self.shape.seed
        chance = _hash(seed, "claim", n)
        is_new = n % NEW_IN == 0
        known = n // NEW_IN + 1
        number = n // NEW_IN if is_new else int.from_bytes(chance[:8], "big") % known
        reached = list(_invocation(seed, number))
        if chance[8] % DISAGREES_IN == 0:
            reached[3] = other = _result(_hash(seed, "other", n))
            new[other[0]] = other[1]
            if is_new:
                self.unsent.add(number)
        elif is_new or number in self.unsent:
            self.unsent.discard(number)
            new[reached[3][0]] = reached[3][1]
        if is_new:
            new.update(reached[:2])
        program = reached[2]
        if program[0] not in self.sent:
            self.sent.add(program[0])
            new[program[0]] = program[1]
        record = _block(
            {
                "type": "claim",
                "invocation": reached[0][0],
                "network": "bacalhau",
                "result": reached[3][0],
                "executor": "Qm" + chance[:22].hex(),
                "job": "job-" + chance[9:].hex()[:47],
                "platform": "linux/amd64",
                "started": _BEGIN_S + n,
                "finished": _BEGIN_S + n + chance[9],
            }
        )
        new[record[0]] = record[1]
        blocks.update(reached)
        pairs.append((reached[0][0].digest, record[0].digest))
        return record[0]


@lru_cache(_CACHED)
def _invocation(seed: int, number: int) -> tuple[tuple[CID, bytes], ...]:
    """Invocation, input, program and agreed result of this number."""
    chance = _hash(seed, "invocation", number)
    program = _program(seed, int.from_bytes(chance[:8], "big") % PROGRAMS)
    data = CID.of_digest(
        _hash(seed, "data", int.from_bytes(chance[8:16], "big") % DATA)
    )
    input = _block(
        {"args": ["--seed", chance.hex()[:58]], "files": {"/inputs/data.csv": data}}
    )
    return (
        _block({"program": program[0], "input": input[0]}),
        input,
        program,
        _result(_hash(seed, "output", number)),
    )


@lru_cache(PROGRAMS)
def _program(seed: int, number: int) -> tuple[CID, bytes]:
    return _block({"kind": "wasi", "code": CID.of_digest(_hash(seed, "code", number))})


def _result(digest: bytes) -> tuple[CID, bytes]:
    a, b = CID.of_digest(digest), CID.of_digest(hashlib.sha256(digest).digest())
    return _block({"outputs": {"/out/r.csv": a, "stdout": b}, "exit": 0})


def _block(value: dagcbor.Ipld) -> tuple[CID, bytes]:
    block = dagcbor.encode(value)
    return CID.of_block(block), block


def _hash(seed: int, kind: str, number: int) -> bytes:
    return hashlib.sha256(f"{seed} {kind} {number}".encode()).digest()
