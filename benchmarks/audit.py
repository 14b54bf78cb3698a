"""How fast a stranger verifies a whole log, against its bare signatures: as JSON.

    python -m benchmarks.audit                       20 k statements of one claim
    python -m benchmarks.audit --per-statement 1000 --claims 100000

A log of the workload, a map head after each delivery, is exported as static files and
audited from a fresh state, all in one process. In the same run: PyNaCl's bare
`crypto_sign_open` of the same signatures (`ratio_verify` is the rate of the audit
divided by that), and the door alone, which takes the same blocks without a log to
compare with. The second audit finds one delivery more. Making the log is not measured.
CPU seconds of this process stand beside those of the clock: on a machine that others
use, too, they are the ones to compare. Where a statement has many claims, compare with
the door, whose work goes with claims, as that of an audit does.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.limits import bare_verify, machine
from benchmarks.workload import Delivery, Shape, deliveries
from octostore.audit.folder import FolderSource
from octostore.audit.run import audit, key_of
from octostore.cli import GARBAGE_AFTER
from octostore.log_export import export_log
from octostore.log_key import LogKey
from octostore.store import Octostore

_NOW_S = 1_700_000_000


def measure(shape: Shape, folder: Path) -> dict[str, object]:
    """Make a log of this shape, and audit it."""
    whole = list(deliveries(shape))
    made = whole[:-1]
    with Octostore.open(folder / "store") as store:
        key = LogKey.create(store.path, secrets.token_bytes, "bench.example")
        for delivery in made:
            store.ingest_car(io.BytesIO(delivery.car))
            store.update_map(_NOW_S)
        export_log(store, key.checkpoint(store), folder / "log")
        verify, door = _alone(made, folder)
        first = _audit(folder)
        store.ingest_car(io.BytesIO(whole[-1].car))
        store.update_map(_NOW_S)
        export_log(store, key.checkpoint(store), folder / "log")
        again = _audit(folder)
        size = store.checkpoint().size
    signatures = sum(len(delivery.statements) for delivery in made)
    claims = sum(delivery.claims for delivery in made)
    costs = {"audit": first, "door": door, "verify": verify}
    return {
        "claims": claims,
        "signatures": signatures,
        "entries": size,
        "audit_signatures_per_s": round(signatures / first.wall_s),
        "verify_signatures_per_s": round(signatures / verify.wall_s),
        "ratio_verify": round(verify.wall_s / first.wall_s, 3),
        "ratio_verify_cpu": round(verify.cpu_s / first.cpu_s, 3),
        "door_signatures_per_s": round(signatures / door.wall_s),
        "ratio_door": round(door.wall_s / first.wall_s, 3),
        "ratio_door_cpu": round(door.cpu_s / first.cpu_s, 3),
        "us_per_signature": {
            name: round(cost.wall_s / signatures * 1e6, 1)
            for name, cost in costs.items()
        },
        "cpu_us_per_claim": {
            name: round(cost.cpu_s / claims * 1e6, 1) for name, cost in costs.items()
        },
        "second_audit_s": round(again.wall_s, 3),
        "second_audit_signatures": len(whole[-1].statements),
    }


@dataclass(slots=True)
class _Cost:
    """Seconds by the clock, and of CPU in this process."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def more(self) -> Iterator[None]:
        """Add what is done inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu


def _alone(made: list[Delivery], folder: Path) -> tuple[_Cost, _Cost]:
    """What the bare signatures take, and the door, in turn."""
    verify, door = _Cost(), _Cost()
    with Octostore.open(folder / "alone") as store:
        for delivery in made:
            with verify.more():
                bare_verify(delivery)
            with door.more():
                store.ingest_car(io.BytesIO(delivery.car))
    return verify, door


def _audit(folder: Path) -> _Cost:
    source, state, spent = FolderSource(folder / "log"), folder / "state", _Cost()
    with spent.more():
        key = key_of(source, state, None)
        report = audit(source, state, key, clock_s=lambda: _NOW_S)
    assert report.holds, report.faults  # noqa: S101
    return spent


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--claims", type=int, default=20_000)
    parser.add_argument("--per-statement", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    given = parser.parse_args()
    gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])  # as the command does
    shape = Shape(given.claims, given.per_statement, max(1_000, given.per_statement))
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found = measure(shape, Path(folder))
    print(json.dumps({"machine": machine(), **found}, indent=2))


if __name__ == "__main__":
    main()
