"""A real Kubo gives files the CIDs of our vectors, and of our own hashing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from invocation_spec.cid import CID, DAG_PB
from octostore.layouts import LAYOUTS, Layout, Names
from tests.interop.built import cached
from tests.octostore.test_layouts import VECTORS, content, layout_of

#: Sizes that are not in the vectors: around leaves, nodes and nothing.
SIZES = (0, 1, 262_143, 524_288, 3 * 1_048_576 + 1)


class Kubo:
    """`ipfs add --only-hash`, in a repository without a daemon or a peer."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._file = folder / "file"
        self._environment = {
            "IPFS_PATH": str(folder / "repo"),
            "IPFS_TELEMETRY": "off",
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
        }
        self._run("init", "--empty-repo")

    def cid(self, data: bytes, layout: Layout, *more: str) -> CID:
        self._file.write_bytes(data)
        return CID.parse(
            self._run(
                *("add", "--quieter", "--only-hash", *more),
                f"--cid-version={layout.version}",
                f"--raw-leaves={str(layout.raw_leaves).lower()}",
                f"--chunker=size-{layout.leaf_bytes}",
                f"--max-file-links={layout.links}",
                str(self._file),
            ).strip()
        )

    def _run(self, *arguments: str) -> str:
        return subprocess.run(
            [self._program, *arguments],
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout


@pytest.fixture(scope="module")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Kubo:
    program = cached("kubo", "github.com/ipfs/kubo/cmd/ipfs")
    return Kubo(program, tmp_path_factory.mktemp("kubo"))


def test_kubo_gives_the_cids_of_the_vectors(kubo: Kubo) -> None:
    for row in VECTORS:
        made = kubo.cid(content(row["size"]), layout_of(row))
        assert str(made) == row["cid"], row["name"]


def test_kubo_gives_the_cids_that_bytes_have_here(kubo: Kubo) -> None:
    for size in SIZES:
        data = content(size)
        for layout in LAYOUTS:
            made = kubo.cid(data, layout)
            names = Names([made])
            names.update(data)
            assert names.known(made) is not None, (size, layout)


def test_kubo_hashes_nodes_by_other_functions_as_here(kubo: Kubo) -> None:
    data = content(600_000)
    for function in ("blake2b-256", "sha2-512", "sha3-256"):
        made = kubo.cid(data, Layout(262_144, 174, 1, True), f"--hash={function}")
        assert made.codec == DAG_PB
        names = Names([made])
        names.update(data)
        assert names.known(made) == str(Layout(262_144, 174, 1, True)), function
