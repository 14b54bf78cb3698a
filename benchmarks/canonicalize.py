"""How fast documents become invocations: specs per second per core, as JSON.

    python -m benchmarks.canonicalize [--seconds S]

For each form the rate of `canonicalize`, that of merely reading the same document
(`read_document`: the same parser with the same strictness), and their ratio; then
the time and peak memory of a workflow of 10,000 tasks. Documents are the canonical
cases of the repository's own vectors.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from invocation_spec import Resolutions, canonicalize
from invocation_spec.document import read_document

VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "invocation"

#: Documents of one form that are measured; the first canonical ones.
_DOCUMENTS = 20

_TASKS = 10_000


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
                "unit": "documents per second, one core",
                "forms": {name: found for name, found in forms.items() if found},
                "workflow": _workflow(),
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
    read = _rate(
        lambda: [read_document(data, templates=True) for data, _ in cases], seconds
    )
    done = _rate(lambda: [canonicalize(data, given) for data, given in cases], seconds)
    return {
        "documents": len(cases),
        "bytes": round(sum(len(data) for data, _ in cases) / len(cases)),
        "read_per_s": round(read * len(cases)),
        "canonicalize_per_s": round(done * len(cases)),
        "ratio": round(done / read, 3),
    }


def _rate(work: Callable[[], object], seconds: float) -> float:
    work()
    runs, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        work()
        runs += 1
    return runs / elapsed


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
    start = time.perf_counter()
    canonicalize(data)
    elapsed = time.perf_counter() - start
    tracemalloc.start()
    canonicalize(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "tasks": _TASKS,
        "bytes": len(data),
        "seconds": round(elapsed, 2),
        "peak_bytes": peak,
    }


if __name__ == "__main__":
    main()
