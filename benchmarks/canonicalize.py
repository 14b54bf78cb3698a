"""How fast documents become invocations: specs per second per core, as JSON.

    python -m benchmarks.canonicalize [--seconds S]

For each form, in microseconds per document: merely reading it (`read_document`: the
same parser with the same strictness), writing and hashing its blocks alone (cbrrr and
SHA-256, from values that are there already), and what canonicalising takes in all,
the invocation's CID included. The first two are the floor, for no canonicaliser that
uses them is faster. `ratio` is reading to all, `floor_ratio` the floor to all;
`adapt` is what remains: the adapters, and the values that check themselves.

Then time and peak memory of a workflow of 10,000 tasks, and how the time for each
byte of the worst shapes grows when a document grows eightfold. Documents are the
canonical cases of the repository's own vectors; nothing is kept from run to run.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import platform
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cbrrr

from invocation_spec import CID, DocumentError, Resolutions, canonicalize
from invocation_spec.adapters import recognised
from invocation_spec.document import read_document
from tests.invocation_spec.shapes import SHAPES

VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "invocation"

#: Documents of one form that are measured; the first canonical ones.
_DOCUMENTS = 20

_TASKS = 10_000

#: Bytes of the smallest document of each shape; the largest has eight times as many.
_SHAPE_BYTES = 32 << 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="per figure")
    seconds = parser.parse_args().seconds
    forms = {file.stem: _form(file, seconds) for file in sorted(VECTORS.glob("*.json"))}
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "machine": platform.processor() or platform.machine(),
                "unit": "microseconds per document, one core",
                "forms": {name: found for name, found in forms.items() if found},
                "workflow": _workflow(),
                "nanoseconds_per_byte": {
                    name: [
                        _per_byte(make(times * _SHAPE_BYTES)) for times in (1, 2, 4, 8)
                    ]
                    for name, make in SHAPES.items()
                },
            },
            indent=2,
        )
    )


def _form(file: Path, seconds: float) -> dict[str, float] | None:
    cases = [
        (case["document"].encode(), Resolutions.of(case.get("resolutions", {})))
        for case in json.loads(file.read_text())
        if case.get("outcome") == "canonical" and "document" in case
    ][:_DOCUMENTS]
    if not cases:
        return None
    documents = [read_document(data, templates=True) for data, _ in cases]
    outcomes = [found for data, given in cases for found in canonicalize(data, given)]
    values = [block.to_ipld() for found in outcomes for block in found.blocks]

    def per_document(work: Callable[[], object]) -> float:
        return _microseconds(work, seconds) / len(cases)

    read = per_document(
        lambda: [read_document(data, templates=True) for data, _ in cases]
    )
    written = per_document(lambda: [_written(value) for value in values])
    known = per_document(lambda: [recognised(document) for document in documents])
    done = per_document(lambda: [_keys(data, given) for data, given in cases])
    return {
        "documents": len(cases),
        "bytes": round(sum(len(data) for data, _ in cases) / len(cases)),
        "per_s": round(1e6 / done),
        "read": round(read, 1),
        "recognise": round(known, 1),
        "adapt": round(done - read - known - written, 1),
        "encode_and_hash": round(written, 1),
        "canonicalize": round(done, 1),
        "ratio": round(read / done, 3),
        "floor_ratio": round((read + written) / done, 3),
    }


def _written(value: object) -> bytes:
    return hashlib.sha256(cbrrr.encode_dag_cbor(value, cid_type=CID)).digest()


def _keys(data: bytes, given: Resolutions) -> list[CID | None]:
    outcomes = canonicalize(data, given)
    return [found.invocation and found.invocation.cid for found in outcomes]


def _microseconds(work: Callable[[], object], seconds: float) -> float:
    """Processor time of the shortest run of many: others make runs longer only."""
    work()
    best, end = float("inf"), time.process_time() + seconds
    while (start := time.process_time()) < end:
        work()
        best = min(best, time.process_time() - start)
    return best * 1e6


def _per_byte(data: bytes) -> int:
    gc.collect()
    start = time.process_time()
    with suppress(DocumentError):
        canonicalize(data)
    return round((time.process_time() - start) * 1e9 / len(data))


def _workflow() -> dict[str, float]:
    task = {
        "op": "wasm/run",
        "nnc": "",
        "rsc": "ipfs://bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq",
    }
    tasks = [
        {"run": task | {"input": {"func": "add_one", "args": [number]}}}
        for number in range(_TASKS)
    ]
    data = json.dumps({"tasks": tasks}).encode()
    read = _microseconds(lambda: read_document(data), 1) / 1e6
    elapsed = _microseconds(lambda: canonicalize(data), 3) / 1e6
    tracemalloc.start()
    tree = read_document(data)
    read_bytes, _ = tracemalloc.get_traced_memory()
    del tree
    tracemalloc.reset_peak()
    outcomes = canonicalize(data)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "tasks": len(outcomes),
        "bytes": len(data),
        "read_seconds": round(read, 3),
        "seconds": round(elapsed, 2),
        "tree_bytes": read_bytes,
        "outcomes_bytes": kept,
        "peak_bytes": peak,
    }


if __name__ == "__main__":
    main()
