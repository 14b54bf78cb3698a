"""A writer is killed at random instants, again and again, on one store."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from invocation_spec.cid import CID
from octostore import tables
from octostore.check import check_folder
from octostore.errors import NotFoundError
from octostore.store import Octostore
from octostore.view import View
from tests.faults.conftest import FULL, Faults

REPO = Path(__file__).parents[2]

KILLS = 120 if FULL else 4

#: Takes in statements for ever, some first without their blocks, in small groups.
WRITER = """
import itertools, sys
from pathlib import Path
from octostore import draft
from octostore.store import Octostore
from tests.octostore.world import Issuer, Ran, block_of, claim, data, result
from invocation_spec.model import Input

draft.GROUP_ROWS = 12
store = Octostore.open(Path(sys.argv[1]), engine=sys.argv[2])
print("open", flush=True)
for n in itertools.count(int(sys.argv[3])):
    ran = [Ran(input=Input(files={"/d": data(f"{n} {k}")})) for k in range(n % 5 + 1)]
    issuer = Issuer(f"issuer {n}")
    statement, blocks = issuer.state(
        [claim(item, result()) for item in ran],
        [block_of(result()), *(block for item in ran for block in item.blocks)],
    )
    if n % 3 == 0:
        thin = blocks[: len(blocks) // 2]
        for cid in store.ingest(thin).pending:
            print("pending", cid, flush=True)
    for cid in store.ingest(blocks).accepted:
        print("accepted", cid, n, flush=True)
"""


def is_waiting(view: View, cid: CID) -> bool:
    key = tables.PENDING.key.encode(cid)
    return view.rows.get(tables.PENDING.name, key) is not None


def is_logged(view: View, cid: CID) -> bool:
    try:
        return view.statement(cid).cid == cid
    except NotFoundError:
        return False


@pytest.mark.parametrize("engine", ["lmdb", "sqlite"])
def test_nothing_acknowledged_is_lost_however_often_a_writer_is_killed(
    tmp_path: Path, faults: Faults, engine: str
) -> None:
    chance = random.Random(7)  # noqa: S311 - when to kill
    path = tmp_path / "store"
    accepted: set[CID] = set()
    pending: set[CID] = set()
    following = 0
    for kills in range(10 * KILLS):
        if kills >= KILLS and len(accepted) > KILLS:
            break  # on a slow machine most die before they took something in
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), engine, str(following)],
            cwd=REPO,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout
            killer = threading.Timer(chance.uniform(0, 0.25), writer.kill)
            assert writer.stdout.readline() == "open\n"
            killer.start()
            for line in writer.stdout:
                if not line.endswith("\n"):
                    break  # cut off while it was printed
                word, cid, *number = line.split()
                if word == "pending":
                    pending.add(CID.parse(cid))
                else:
                    accepted.add(CID.parse(cid))
                    following = int(number[0]) + 1
        report = check_folder(path)
        with Octostore.open(path) as store, store.view() as view:
            lost = sum(not is_logged(view, cid) for cid in accepted)
            lost += sum(
                not (is_waiting(view, cid) or is_logged(view, cid)) for cid in pending
            )
        faults.add(
            f"killed at random while taking in, {engine}",
            lost=lost,
            corrupt=int(not report.holds),
        )
        assert lost == 0
        assert report.holds, report.faults
    assert len(accepted) > KILLS
    faults.add(f"acknowledged in the end, {engine}", statements=len(accepted))
