"""Past every limit through the real door: `octostore ingest` on a real file.

What is refused is refused in bounded time and memory, which are those of the command
as the system counted them. The bounds are generous: a busy machine is no fault.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import BLOCK_BYTES_MAX
from octostore import car
from octostore.records import Claim, Profile
from octostore.statement import RECORDS_MAX, VARSIG_HEADER
from tests.octostore.world import Blocks, Issuer, Ran, block_of, data, result

OCTOSTORE = Path(sys.executable).with_name("octostore")

MEMORY_BYTES = 300 << 20
TIME_S = 30

#: A small process between the test and the command: what a process once had counts
#: for what it becomes, and the one that runs the tests is large.
BETWEEN = """
import json, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, time.monotonic() - started, used.ru_maxrss * 1024]))
"""


@dataclass(frozen=True)
class Took:
    """What the command said, and what it needed."""

    code: int
    receipt: dict[str, Any]
    seconds: float
    memory_bytes: int

    @property
    def reasons(self) -> list[str]:
        return [item["reason"] for item in self.receipt["quarantined"]]


def ingest(
    folder: Path,
    pieces: Iterable[bytes],
    *,
    piped: bool = False,
    seconds: float = TIME_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Took:
    """Take a CAR in, from a file or through a pipe as it is made; within bounds."""
    name = "-" if piped else str(folder / "given.car")
    if not piped:
        with Path(name).open("wb") as file:
            file.writelines(pieces)
    store = str(folder / "store")
    command = [str(OCTOSTORE), "ingest", name, "--store", store, "--json"]
    with (folder / "said").open("w+b") as said:
        running = subprocess.Popen(
            [sys.executable, "-S", "-c", BETWEEN, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        assert running.stdin
        with suppress(BrokenPipeError):  # it may have seen enough
            if piped:
                running.stdin.writelines(pieces)
        out, _ = running.communicate(timeout=2 * seconds)
        said.seek(0)
        text = said.read().decode()
    code, took_s, took_bytes = json.loads(out)
    receipt, _ = json.JSONDecoder().raw_decode(text[text.index("{") :])
    assert "Traceback" not in text
    assert took_s < seconds
    assert took_bytes < memory_bytes
    return Took(code, receipt, took_s, took_bytes)


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def signed(records: list[CID]) -> tuple[CID, bytes]:
    """An envelope over any records, whose signature holds."""
    key = Issuer("any").key
    part: dagcbor.Ipld = {
        "h": VARSIG_HEADER,
        "octostore/statement@1": {
            "iss": str(key.public.did),
            "chain": bytes(16),
            "seq": 0,
            "prev": None,
            "iat": 1,
            "records": list(records),
        },
    }
    block = dagcbor.encode(part)
    envelope = b"\x82\x58\x40" + key.sign(block) + block
    return CID.of_block(envelope), envelope


def profiles(count: int) -> list[Profile]:
    return [Profile(name=f"name {n}") for n in range(count)]


def claim_of(size: int) -> tuple[CID, bytes]:
    """A claim whose rules all hold, in a block of exactly this size."""

    def made(last: int) -> Claim:
        dirs = [f"/{n:03}{'x' * 4090}" for n in range(255)]
        return Claim(
            invocation=Ran().cid,
            network="ipvm",
            result=result().cid,
            dirs=(*dirs, f"/999{'x' * last}"),
        )

    def block(last: int) -> bytes:
        return dagcbor.encode(made(last).to_ipld(), bytes_max=2 * BLOCK_BYTES_MAX)

    exact = block(1000 + size - len(block(1000)))
    assert len(exact) == size
    return CID.of_block(exact), exact


def test_as_many_records_as_a_statement_may_have(tmp_path: Path) -> None:
    records = profiles(RECORDS_MAX)
    root = signed([record.cid for record in records])
    took = ingest(tmp_path, car.chunks([root[0]], [root, *map(block_of, records)]))
    assert (took.code, len(took.receipt["accepted"])) == (0, 1)
    assert took.receipt["skipped"] == []


def test_one_record_more(tmp_path: Path) -> None:
    records = profiles(RECORDS_MAX + 1)
    root = signed([record.cid for record in records])
    took = ingest(tmp_path, car.chunks([root[0]], [root, *map(block_of, records)]))
    assert took.code == 5
    assert took.receipt["accepted"] == took.receipt["pending"] == []
    assert took.reasons == ["/records: 4097 records; expected 1 to 4096"]


CLOSURE: Blocks = [*Ran().blocks, block_of(result())]


def test_a_record_as_large_as_a_block_may_be(tmp_path: Path) -> None:
    record = claim_of(BLOCK_BYTES_MAX)
    root = signed([record[0]])
    took = ingest(tmp_path, car.chunks([root[0]], [root, record, *CLOSURE]))
    assert (took.code, len(took.receipt["accepted"])) == (0, 1)
    assert took.receipt["skipped"] == []


def test_a_record_of_one_byte_more(tmp_path: Path) -> None:
    record = claim_of(BLOCK_BYTES_MAX + 1)
    root = signed([record[0]])
    took = ingest(tmp_path, car.chunks([root[0]], [root, record, *CLOSURE]))
    assert took.code == 5
    assert took.reasons == ["1048577 bytes; a block has at most 1048576"]
    assert took.receipt["accepted"] == []
    assert len(took.receipt["pending"]) == 1


TERABYTE = 1 << 40


def test_a_header_that_declares_a_terabyte(tmp_path: Path) -> None:
    took = ingest(tmp_path, [varint(TERABYTE), bytes(1000)])
    assert took.code == 5
    assert f"a header of {TERABYTE} bytes; expected 1 to" in took.receipt["malformed"]


def test_a_block_that_declares_a_terabyte(tmp_path: Path) -> None:
    root = signed([block_of(profiles(1)[0])[0]])
    whole = car.chunks([root[0]], [root, block_of(profiles(1)[0])])
    claimed = [varint(TERABYTE), data("any").raw, bytes(100_000)]
    took = ingest(tmp_path, itertools.chain(whole, claimed))
    assert took.code == 5
    assert "breaks off" in took.receipt["malformed"]
    assert len(took.receipt["accepted"]) == 1, "what was whole is taken"


#: A million arrays, one in the other: less than a block may have.
NEST = b"\x81" * 1_000_000 + b"\x00"


@pytest.mark.parametrize(
    "head", [b"", b"\x82\x58\x40" + bytes(64)], ids=["bare", "an envelope"]
)
def test_a_million_levels_in_a_block(tmp_path: Path, head: bytes) -> None:
    block = head + NEST
    took = ingest(
        tmp_path, car.chunks([CID.of_block(block)], [(CID.of_block(block), block)])
    )
    assert took.code == 5
    (reason,) = took.reasons
    assert len(reason) < 800
    assert ("levels" in reason) == bool(head), reason


def test_a_million_levels_in_a_record_are_skipped_with_the_reason(
    tmp_path: Path,
) -> None:
    root = signed([CID.of_block(NEST)])
    took = ingest(tmp_path, car.chunks([root[0]], [root, (CID.of_block(NEST), NEST)]))
    assert (took.code, len(took.receipt["accepted"])) == (0, 1)
    (skipped,) = took.receipt["skipped"]
    assert "levels" in skipped["reason"]


def test_a_million_levels_in_a_header(tmp_path: Path) -> None:
    took = ingest(tmp_path, [varint(len(NEST)), NEST])
    assert took.code == 5
    assert "levels" in took.receipt["malformed"]


def test_one_block_a_hundred_thousand_times(tmp_path: Path) -> None:
    record = block_of(profiles(1)[0])
    root = signed([record[0]])
    blocks = itertools.chain([root], itertools.repeat(record, 100_000), [root] * 100)
    took = ingest(tmp_path, car.chunks([root[0]], blocks))
    assert (took.code, len(took.receipt["accepted"])) == (0, 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"type": "verdict", "of": data("a")}, "verdict"),
        ({"type": "profile", "name": "a", "age": 7}, "age"),
        ({"name": "a"}, "type"),
        ([1, 2], "map"),
    ],
)
def test_a_record_that_nobody_knows_is_skipped_with_the_reason(
    tmp_path: Path, record: dagcbor.Ipld, reason: str
) -> None:
    block, known = dagcbor.encode(record), block_of(profiles(1)[0])
    root = signed([CID.of_block(block), known[0]])
    took = ingest(
        tmp_path, car.chunks([root[0]], [root, (CID.of_block(block), block), known])
    )
    assert (took.code, len(took.receipt["accepted"])) == (0, 1)
    (skipped,) = took.receipt["skipped"]
    assert skipped["record"] == str(CID.of_block(block))
    assert reason in skipped["reason"]
