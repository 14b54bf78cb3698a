"""Content from a real gateway: Kubo's, whose blocks and CARs are hashed here.

    Kubo 0.41, offline     holds code and data as files and folders of IPFS
    octostore reproduce    fetches them through its gateway, runs, compares

`make interop-gateway-client` runs this; it needs Go and a module proxy, and builds Kubo
once. Nothing of it is reachable from outside, and nothing of it asks anybody outside.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from invocation_spec import CID
from invocation_spec.cid import DAG_PB
from invocation_spec.model import Input, WasiProgram
from octostore.cli import run
from octostore.contents import Contents
from octostore.errors import NotFoundError
from octostore.gateway import Gateway
from octostore.result import Result
from octostore.runner import run_wasi
from octostore.store import Octostore
from tests.interop.built import cached
from tests.interop.test_bacalhau import Kubo, daemon, ports
from tests.octostore.world import Issuer, Ran

pytestmark = pytest.mark.slow

KEPLER = Path(__file__).parents[2] / "examples" / "kepler"
STDOUT = CID.parse("bafkreic6jtkm7kh4mv7g2xtxwvu454a4q5gmhafypclpaoz4ho6s5ocaiq")
RESIDUALS = CID.parse("bafkreibgjmcfoqdcmvcuwoqi2vtp7uhbeayoutnffitn7svm2e7xdaphpe")


@dataclass
class Served:
    kubo: Kubo
    url: str

    def add(self, path: Path, *words: str) -> CID:
        """Put a file or folder there; its CID."""
        said = self.kubo.ipfs("add", "--quieter", "--cid-version=1", *words, path)
        return CID.parse(said.decode().strip())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    program = cached("kubo", "github.com/ipfs/kubo/cmd/ipfs")
    api, port = ports(2)
    folder = tmp_path_factory.mktemp("kubo")
    kubo = Kubo(program, {"IPFS_PATH": str(folder), "IPFS_TELEMETRY": "off"}, api)
    kubo.ipfs("init", "--empty-repo")
    for name, value in {
        "Addresses.API": f"/ip4/127.0.0.1/tcp/{api}",
        "Addresses.Gateway": f"/ip4/127.0.0.1/tcp/{port}",
        "Addresses.Swarm": [],
        "Bootstrap": [],
        "Discovery.MDNS.Enabled": False,
        "AutoConf.Enabled": False,
        "DNS.Resolvers": {},
        "Routing": {"Type": "none"},
        "Ipns.DelegatedPublishers": [],
    }.items():
        kubo.ipfs("config", "--json", name, json.dumps(value))
    words: list[str | Path] = [program, "daemon", "--offline"]
    with daemon(words, kubo.env, "Daemon is ready"):
        yield Served(kubo, f"http://127.0.0.1:{port}")


def reproduced(
    ran: Ran,
    result: Result,
    url: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> dict[str, Any]:
    """What `reproduce` says of an invocation that one key claims."""
    with Octostore.open(place / "store") as store:
        statement, blocks = Issuer("bristol").claims(ran, result, dirs=("/outputs",))
        assert store.ingest(blocks, [statement.envelope_cid]).sound
    words = ["reproduce", str(ran.cid), "--gateway", url, "--json"]
    code = run([*words, "--store", str(place / "store")])
    said = capsys.readouterr()
    assert code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def kepler(code: CID, files: dict[str, CID], path: str) -> Ran:
    args = (path, "/outputs/residuals.csv")
    return Ran(WasiProgram(code), Input(args=args, files=files))


GIVES = Result({"stdout": STDOUT, "/outputs/residuals.csv": RESIDUALS}, exit=0)


def test_the_demo_is_reproduced_with_content_from_kubo(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = served.add(KEPLER / "kepler.wasm", "--raw-leaves")
    data = served.add(KEPLER / "planets.csv", "--raw-leaves")
    path = "/inputs/planets.csv"
    found = reproduced(
        kepler(code, {path: data}, path), GIVES, served.url, tmp_path, capsys
    )
    assert found["holds"] is True


@pytest.mark.parametrize(
    "words",
    [
        ("--chunker=size-64",),
        ("--chunker=size-64", "--raw-leaves"),
        ("--chunker=size-64", "--trickle"),
        ("--chunker=rabin-64-128-256",),
        ("--chunker=size-1024", "--raw-leaves=false"),
        ("--chunker=size-24", "--inline", "--raw-leaves"),
        ("--chunker=size-24", "--inline", "--raw-leaves=false"),
    ],
    ids=" ".join,
)
def test_files_of_many_blocks_are_laid_as_their_bytes(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    code = served.add(KEPLER / "kepler.wasm", *words)
    data = served.add(KEPLER / "planets.csv", *words)
    assert code.codec == DAG_PB
    path = "/inputs/planets.csv"
    found = reproduced(
        kepler(code, {path: data}, path), GIVES, served.url, tmp_path, capsys
    )
    assert found["holds"] is True


def test_a_folder_is_laid_file_by_file(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "planets.csv").write_bytes(
        (KEPLER / "planets.csv").read_bytes()
    )
    (tmp_path / "in" / "other").write_bytes(b"other")
    code = served.add(KEPLER / "kepler.wasm", "--raw-leaves")
    folder = served.add(tmp_path / "in", "--recursive")
    ran = kepler(code, {"/data": folder}, "/data/deep/planets.csv")
    found = reproduced(ran, GIVES, served.url, tmp_path, capsys)
    assert found["outputs"]["/outputs/residuals.csv"]["theirs"][0]["is"] == "same"


class Counting(Gateway):
    """Counts the blocks that are asked for one by one."""

    single = 0

    def block(self, cid: CID) -> bytes:
        self.single += 1
        return super().block(cid)


@pytest.mark.parametrize("raw", ["--raw-leaves", "--raw-leaves=false"])
def test_a_file_of_twenty_megabytes_comes_whole_and_in_one_car(
    served: Served, tmp_path: Path, raw: str
) -> None:
    data = random.Random(1).randbytes(20 << 20)  # noqa: S311 - a file, no secret
    (tmp_path / "big").write_bytes(data)
    root = served.add(tmp_path / "big", raw)
    (tmp_path / "scratch").mkdir()
    with Counting(served.url) as gateway:
        contents = Contents([], None, [gateway], scratch=tmp_path / "scratch")
        found = contents.get(root)
        assert gateway.single == 0
    assert isinstance(found, Path)
    assert found.read_bytes() == data


def test_a_claim_that_names_a_file_of_ipfs_is_compared_by_its_bytes(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Bacalhau publishes results: other CIDs of the same bytes."""
    done = run_wasi(
        (KEPLER / "kepler.wasm").read_bytes(),
        args=["/in", "/outputs/residuals.csv"],
        files={"/in": KEPLER / "planets.csv"},
        output_dirs=["/outputs"],
    )
    report = tmp_path / "residuals.csv"
    report.write_bytes(done.outputs["/outputs/residuals.csv"])
    published = served.add(report, "--chunker=size-64")
    code = served.add(KEPLER / "kepler.wasm", "--raw-leaves")
    data = served.add(KEPLER / "planets.csv", "--raw-leaves")
    path = "/inputs/planets.csv"
    claimed = Result({"/outputs/residuals.csv": published}, exit=0)
    found = reproduced(
        kepler(code, {path: data}, path), claimed, served.url, tmp_path, capsys
    )
    (side,) = found["outputs"]["/outputs/residuals.csv"]["theirs"]
    assert side["value"] == str(published)
    assert side["is"] == "same"


def test_what_kubo_does_not_have_is_not_found(served: Served, tmp_path: Path) -> None:
    with Gateway(served.url, wait=lambda _: None) as gateway:
        contents = Contents([], None, [gateway], scratch=tmp_path)
        for cid in (CID.of_bytes(b"nowhere"), CID(bytes((1, DAG_PB)) + STDOUT.raw[2:])):
            with pytest.raises(NotFoundError, match=served.url):
                contents.get(cid)
