"""Clients of Trustless Gateways that are not ours: the conformance suite, and Helia.

`make interop-gateway` runs this. The suite is used where its command
`gateway-conformance` is installed (github.com/ipfs/gateway-conformance says how); Helia
needs npm and a registry.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from octostore.car import Block, CarReader
from octostore.store import Octostore
from octostore_server.app import create_app
from octostore_server.settings import Settings
from tests.octostore.world import Issuer, Ran, claim, result
from tests.server.conftest import serving

pytestmark = pytest.mark.slow

SPECS = "trustless-block-gateway,trustless-car-gateway,trustless-car-gateway-optional"

#: Blocks of other projects may be as large as Bitswap carries them.
BLOCK_BYTES_MAX = 2 << 20

_SUITE_S = 600


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Octostore]:
    with Octostore.open(tmp_path / "store") as store:
        yield store


@pytest.fixture
def gateway(store: Octostore) -> Iterator[str]:
    with serving(create_app(store, Settings(path=store.path))) as url:
        yield url


def keep(store: Octostore, file: Path) -> int:
    """Keep the blocks of a CAR, as `octostore cid --keep` keeps bytes."""
    with file.open("rb") as stream:
        reader = CarReader(stream, cidv0_roots=True, block_bytes_max=BLOCK_BYTES_MAX)
        blocks = [item for item in reader if isinstance(item, Block)]
    for block in blocks:
        store.add_bytes(block.data, bytes_max=BLOCK_BYTES_MAX)
    return len(blocks)


def test_the_conformance_suite_of_ipfs_passes(
    store: Octostore, gateway: str, tmp_path: Path
) -> None:
    program = shutil.which("gateway-conformance")
    if program is None:
        pytest.skip("gateway-conformance is not installed")
    fixtures = tmp_path / "fixtures"
    subprocess.run(
        [program, "extract-fixtures", "--directory", fixtures, "--ipns=false"],
        check=True,
        capture_output=True,
    )
    assert sum(keep(store, file) for file in fixtures.glob("*.car")) > 100
    done = subprocess.run(
        [program, "test", "--gateway-url", gateway, "--specs", SPECS, "--verbose"],
        capture_output=True,
        timeout=_SUITE_S,
        check=False,
    )
    told = done.stdout.decode("utf-8", "replace")
    counts = {
        word: len(re.findall(rf"^\W*--- {word}:", told, re.MULTILINE))
        for word in ("PASS", "FAIL", "SKIP")
    }
    print(f"gateway-conformance: {counts}")
    assert done.returncode == 0, told[-4000:] + done.stderr.decode()
    assert counts["FAIL"] == 0
    assert counts["PASS"] > 400


def test_helia_fetches_a_claim_and_verifies_it(
    helia: list[str], store: Octostore, gateway: str
) -> None:
    statement, blocks = Issuer("University of Bristol").claims(Ran(), result())
    assert store.ingest(blocks, [statement.envelope_cid]).accepted
    cids = [claim(Ran(), result()).cid, Ran().cid, store.add_bytes(b"1,2\n")]
    done = subprocess.run(
        [*helia, gateway, *map(str, cids)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    for cid, item in zip(cids, told, strict=True):
        assert item["cid"] == str(cid)
        assert item["status"] == 200, item
        assert base64.b64decode(item["bytes"]) == store.get(cid)
