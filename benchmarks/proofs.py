"""What proofs cost, all that the log and its map are asked to be: one JSON object.

    python -m benchmarks.proofs                     minutes, and 2 GB of memory
    python -m benchmarks.proofs --entries 20000 --keys 20000 --claims 20000 --audit 2000

    log       a statement is provable at once: the share of its rows in the ingest;
              proofs of inclusion at so many entries (log.py)
    map       one of so many keys, grown and proved; heads beside an ingest at full
              speed: how far behind they are, and what they cost it (map.py)
    answers   a whole answer of `who` with its proof: time and size (answers.py)
    audit     a stranger verifying a whole log, to its bare signatures (audit.py)

Each measures its limit in the same run. `aims` holds what was reached against what was
aimed at, ratios first; figures in microseconds and seconds are of this machine now.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import audit
from benchmarks.answers import measure_answers
from benchmarks.limits import machine
from benchmarks.log import measure_log
from benchmarks.map import measure_beside, measure_trie
from benchmarks.workload import Shape
from octostore.cli import GARBAGE_AFTER


def main() -> None:
    """Measure one after the other, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the log")
    parser.add_argument("--keys", type=int, default=100_000, help="of the map")
    parser.add_argument("--claims", type=int, default=100_000, help="beside the map")
    parser.add_argument("--every-s", type=float, default=3.0, help="between updates")
    parser.add_argument("--audit", type=int, default=20_000, help="statements audited")
    given = parser.parse_args()
    gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])  # as the command does
    shape = Shape(given.audit, 1, min(1_000, max(1, given.audit // 2)))
    found: dict[str, Any] = {
        "log": _in_folder(lambda path: measure_log(given.entries, path)),
        "map": {
            "trie": _in_folder(lambda path: measure_trie(given.keys, path)),
            "beside": _in_folder(
                lambda path: measure_beside(given.claims, given.every_s, path)
            ),
        },
        "answers": _in_folder(lambda path: measure_answers(20_000, path)),
        "audit": _in_folder(lambda path: audit.measure(shape, path)),
    }
    print(json.dumps({"machine": machine(), "aims": _aims(found), **found}, indent=2))


def _in_folder(measure: Callable[[Path], dict[str, object]]) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="octostore-bench-") as folder:
        return measure(Path(folder))


def _aims(found: dict[str, Any]) -> dict[str, dict[str, object]]:
    """What was reached, beside what was aimed at."""
    beside = found["map"]["beside"]["process"]
    answers = found["answers"]["answers"]
    reached = {
        "log: share of ingest, percent": (found["log"]["ingest"]["share_percent"], 3),
        "log: proof of inclusion, us": (found["log"]["inclusion"]["make_us"], 300),
        "map: slowdown of ingest, by time": (beside["slowdown"], 1.5),
        "map: slowdown of ingest, by its CPU": (beside["slowdown_cpu"], 1.5),
        "map: head after a receipt, s": (beside["lag_s"], 10),
        "audit: rate to bare signatures": (found["audit"]["ratio_verify"], 0.8),
    }
    for count, answer in answers.items():
        reached[f"who, {count} claims with proof, us"] = (answer["whole_us"], 1000)
        reached[f"who, {count} claims: proof, bytes"] = (
            answer["proof_bytes"],
            answer["aim_bytes"],
        )
    return {
        name: {"reached": value, "aim": aim} for name, (value, aim) in reached.items()
    }


if __name__ == "__main__":
    main()
