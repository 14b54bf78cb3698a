"""How long `who` takes as a store grows while what matches stays the same.

    python benchmarks/who.py [SIZE ...]          default: 100 10000 100000

Per size: a fresh store of SIZE claims by 100 issuers on 1,000 codes and 2,000
data CIDs, among them ten claims on (C1, D1). Half of all other claims run C1 on
other data or another program on D1, so that both CIDs are as popular as can be.
Prints one JSON object: microseconds per question, median of `repeats`, warm
cache, fsync on; ingest in claims per second and bytes on disk besides.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from invocation_spec.cid import CID
from invocation_spec.model import Input, Invocation, WasiProgram
from octostore.keys import SecretKey
from octostore.questions.answer import Asked
from octostore.questions.who import who
from octostore.records import Claim
from octostore.result import Result
from octostore.statement import SignedPart, sign
from octostore.store import Octostore

SIZES = (100, 10_000, 100_000)
MATCHES = 10
CLAIMS_PER_STATEMENT = 1000
REPEATS = 200


def data(kind: str, n: int) -> CID:
    """A CID of a code or data that is not sent along."""
    return CID.of_bytes(f"{kind} {n}".encode())


C1, D1 = data("code", 0), data("data", 0)


def pairs(size: int) -> Iterator[tuple[CID, CID, int]]:
    """Code, data and executor of each claim; the first ten are asked for."""
    chance = random.Random(1)  # noqa: S311 - the same world each time
    for n in range(size):
        if n < MATCHES:
            yield C1, D1, n
            continue
        code, other = (
            data("code", chance.randrange(1, 1000)),
            data("data", n % 2000 + 1),
        )
        match n % 4:
            case 0:
                yield C1, other, n
            case 1:
                yield code, D1, n
            case _:
                yield code, other, n


def statement(
    number: int, claims: list[tuple[CID, CID, int]]
) -> tuple[CID, dict[CID, bytes]]:
    """A signed statement of these claims and its closure."""
    key = SecretKey.from_seed(hashlib.sha256(str(number % 100).encode()).digest())
    blocks: dict[CID, bytes] = {}
    records = []
    for code, given, n in claims:
        program, input = WasiProgram(code), Input(files={"/d": given})
        invocation = Invocation(program.cid, input.cid)
        result = Result({"/r.csv": data("result", n % 20)}, 0)
        record = Claim(
            invocation=invocation.cid,
            network="bacalhau",
            result=result.cid,
            executor=f"Qm{n}",
            finished=1_669_000_000 + n,
        )
        records.append(record.cid)
        for item in (record, invocation, program, input, result):
            blocks[item.cid] = item.block
    signed = sign(
        SignedPart(
            iss=key.public.did,
            chain=number.to_bytes(16, "big"),
            seq=0,
            prev=None,
            iat=1_669_000_000,
            records=tuple(records),
        ),
        key,
    )
    blocks[signed.envelope_cid] = signed.envelope
    return signed.envelope_cid, blocks


def measure(size: int, folder: Path) -> dict[str, object]:
    """Build a store of `size` claims and ask it."""
    world = list(pairs(size))
    statements = [
        statement(n, world[at : at + CLAIMS_PER_STATEMENT])
        for n, at in enumerate(range(0, size, CLAIMS_PER_STATEMENT))
    ]
    with Octostore.open(folder) as store:
        begin = time.perf_counter()
        for root, blocks in statements:
            assert store.ingest(blocks.items(), [root]).accepted  # noqa: S101
        ingest_s = time.perf_counter() - begin
        program, input = WasiProgram(C1), Input(files={"/d": D1})
        questions = {
            "code_data": Asked(program=C1, input=D1),
            "program_input": Asked(program=program.cid, input=input.cid),
            "program_data": Asked(program=program.cid, input=D1),
            "code_input": Asked(program=C1, input=input.cid),
            "invocation": Asked(invocation=Invocation(program.cid, input.cid).cid),
            "nothing": Asked(program=C1, input=data("none", 0)),
        }
        times = {name: _median_us(store, asked) for name, asked in questions.items()}
    return {
        "claims": size,
        "who_us": times,
        "ingest_claims_per_s": round(size / ingest_s),
        "bytes_per_claim": round((folder / "data.mdb").stat().st_size / size),
    }


def _median_us(store: Octostore, asked: Asked) -> int:
    spent = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        answer = who(store, asked)
        spent.append(time.perf_counter() - begin)
    found = sum(len(item.claims) for item in answer.invocations)
    assert found in (0, MATCHES)  # noqa: S101
    return round(statistics.median(spent) * 1e6)


def main(sizes: tuple[int, ...]) -> None:
    """Measure each size and print the ratios to the smallest."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(size, Path(folder)))
    first, last = rows[0]["who_us"], rows[-1]["who_us"]
    assert isinstance(first, dict)  # noqa: S101
    assert isinstance(last, dict)  # noqa: S101
    report = {
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "repeats": REPEATS,
        "sizes": rows,
        "last_to_first": {name: round(last[name] / first[name], 2) for name in first},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(tuple(int(size) for size in sys.argv[1:]) or SIZES)
