"""Write the vectors beside this folder: did-key.json, records.json, tlog.json, ..

Made with the reference codec (dag-cbor), hashlib and the arithmetic of RFC 8032
alone, so that the package under test has no part in what it is tested against.
Formats change only by a new name: what a vector says of given bytes stays.

    python -m tests.vectors.make
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tests.vectors.make import (
    bundles,
    car,
    did_key,
    judged_bundles,
    maps,
    merkle,
    note,
    policies,
    receipts,
    records,
    results,
    statements,
    tlog,
    unixfs,
    verdicts,
)
from tests.vectors.make.rows import Row

HERE = Path(__file__).parents[1]


def save(name: str, rows: Iterable[Row]) -> None:
    """One vector file: a list, each with a name of its own."""
    found = list(rows)
    assert len({row["name"] for row in found}) == len(found), name
    text = json.dumps(found, indent=1, ensure_ascii=True)
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    save("did-key.json", did_key.did_keys())
    save("results.json", [*results.results(), *results.comparisons()])
    save("receipts.json", receipts.receipts())
    save("records.json", records.records())
    save("statements.json", statements.statements())
    save("car.json", car.cars())
    save("merkle.json", merkle.merkle())
    save("note.json", note.notes())
    save("tlog.json", tlog.tlog())
    save(
        "map.json",
        [*maps.keys(), *maps.roots(), *maps.heads(), *maps.proofs(), *maps.pages()],
    )
    save("bundles.json", bundles.bundles())
    save("believed.json", judged_bundles.believed())
    save("unixfs.json", unixfs.unixfs())
    save("policy.json", policies.policies())
    save("verdict.json", [*verdicts.numbers(), *verdicts.verdicts()])
