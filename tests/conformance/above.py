"""Suites of others on CARs, keys, signatures, tokens and Merkle logs."""

from __future__ import annotations

import ast
import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from invocation_spec import dagjson
from invocation_spec.adapters.ucan_envelope import Envelope
from invocation_spec.cid import CID
from invocation_spec.document import read_document
from invocation_spec.errors import DocumentError, EncodingError
from octostore.car import Block, CarReader
from octostore.errors import CarError, DidError, ProofError, SignatureError
from octostore.keys import PublicKey, SecretKey
from octostore.log import Frontier, leaf_hash
from octostore.tlog.merkle import verify_consistency, verify_inclusion, verify_subtree
from tests.conformance.suite import NOT_APPLICABLE, PASSED, STRICTER, Case

__all__ = [
    "car_of_gateways",
    "car_of_go_and_js",
    "car_of_the_specification",
    "did_key",
    "ed25519",
    "merkle",
    "not_run",
    "tessera",
    "ucan_of_go",
    "ucan_of_the_specification",
]


def _read(data: bytes) -> tuple[tuple[CID, ...], list[Block]]:
    reader = CarReader(io.BytesIO(data))
    found = list(reader)
    blocks = [item for item in found if isinstance(item, Block)]
    assert len(blocks) == len(found), "a block that its CID does not name"
    return reader.roots, blocks


def _refusal(data: bytes) -> str:
    """Why a CAR is refused; empty if it is not."""
    try:
        _read(data)
    except CarError as error:
        return str(error)
    return ""


def car_of_the_specification(folder: Path) -> Iterator[Case]:
    """The example of CARv1: roots, and each block at its offset."""
    root = folder / "conformance/ipld-specs/specs/transport/car/fixture/carv1-basic"
    data = (root / "carv1-basic.car").read_bytes()
    said = json.loads((root / "carv1-basic.json").read_text())
    roots, blocks = _read(data)
    assert [str(cid) for cid in roots] == [row["/"] for row in said["header"]["roots"]]
    yield "header", PASSED, ""
    for index, (block, row) in enumerate(zip(blocks, said["blocks"], strict=True)):
        assert block.cid == CID.parse(row["cid"]["/"])
        start = row["blockOffset"]
        assert block.data == data[start : start + row["blockLength"]]
        yield f"block {index}", PASSED, ""


_V0_ROOT = "a root spelled as CIDv0; DAG-CBOR here has CIDv1 links only"


def car_of_go_and_js(folder: Path) -> Iterator[Case]:
    """CARs of other implementations: files to be refused, and crashers."""
    root = folder / "conformance"
    for path in sorted((*(root / "go-car").rglob("*"), *(root / "js-car").rglob("*"))):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if "fuzz" in path.parts:
            # A Go string: bytes as they are, and escapes that Python has too.
            text = data.decode("latin-1").splitlines()[1]
            text = text.removeprefix("[]byte(").removesuffix(")")
            data = ast.literal_eval(text).encode("latin-1")
        name = path.name[:24]
        reason = _refusal(data)
        assert reason, name
        if path.name == "simple-unixfs.car":
            assert "a link is no CID" in reason
            yield name, STRICTER, _V0_ROOT
        elif path.name in ("sample-rw-bs-v2.car", "sample-unixfs-v2.car"):
            yield name, STRICTER, "CAR version 2, which is not read"
        else:
            yield name, PASSED, ""


def car_of_gateways(folder: Path) -> Iterator[Case]:
    """CARs of gateway-conformance: every block is what its CID says."""
    root = folder / "conformance/gateway-conformance/fixtures"
    for path in sorted(root.rglob("*")):
        if path.suffix == ".car":
            reason = _refusal(path.read_bytes())
            if reason:
                assert "a link is no CID" in reason, path.name
                yield path.stem, STRICTER, _V0_ROOT
                continue
            assert _read(path.read_bytes())[1], path.name
            yield path.stem, PASSED, ""
        elif path.suffix == ".ipns-record":
            yield path.stem[-16:], NOT_APPLICABLE, "an IPNS name is never resolved"


def did_key(folder: Path) -> Iterator[Case]:
    """Seeds of Ed25519 and the did:key of each."""
    path = folder / "conformance/did-key/test-vectors/ed25519-x25519.json"
    for did, row in json.loads(path.read_text()).items():
        assert str(SecretKey.from_seed(bytes.fromhex(row["seed"])).public.did) == did
        yield did, PASSED, ""
        yield f"{did} as X25519", NOT_APPLICABLE, "nothing is encrypted to a key"


def ed25519(folder: Path) -> Iterator[Case]:
    """The twelve edge cases; our rule is libsodium's, without cofactor."""
    path = folder / "conformance/ed25519-speccheck/cases.json"
    for index, case in enumerate(json.loads(path.read_text())):
        key, signature = (
            bytes.fromhex(case["pub_key"]),
            bytes.fromhex(case["signature"]),
        )
        try:
            PublicKey(key).verify(signature, bytes.fromhex(case["message"]))
        except (DidError, SignatureError):
            assert index != 3
            yield str(index), PASSED, ""
            continue
        assert index == 3, "of mixed order, where both equations hold"
        yield str(index), PASSED, ""


def merkle(folder: Path) -> Iterator[Case]:
    """Proofs in trees of RFC 6962 and their mutations: each holds, or is refused."""
    root = folder / "conformance/merkle/testdata"
    for path in sorted(root.rglob("*.json")):
        case = json.loads(path.read_text())
        parts = path.relative_to(root).parts
        assert _is_proved(parts[0], case) is not case["wantErr"], path
        yield "/".join(parts), PASSED, ""


def _is_proved(kind: str, case: dict[str, Any]) -> bool:
    def raw(text: str | None) -> bytes:
        return base64.b64decode(text or "")

    path = [raw(item) for item in case["proof"] or ()]
    try:
        if kind == "inclusion":
            place = case["leafIdx"], case["treeSize"]
            verify_inclusion(raw(case["leafHash"]), *place, path, raw(case["root"]))
        elif kind == "subtreeinclusion":
            place = case["leafIdx"] - case["start"], case["end"] - case["start"]
            verify_inclusion(raw(case["leafHash"]), *place, path, raw(case["root"]))
        elif kind == "consistency":
            roots = raw(case["root1"]), raw(case["root2"])
            verify_consistency(case["size1"], case["size2"], path, *roots)
        else:
            start, end, size = case["start"], case["end"], case["size"]
            roots = raw(case["root1"]), raw(case["root2"])
            verify_subtree(start, end, size, path, *roots)
    except ProofError:
        return False
    return True


def _root(entries: list[bytes]) -> bytes:
    grown = Frontier()
    for entry in entries:
        grown = grown.append(leaf_hash(entry))
    return grown.checkpoint.root


def tessera(folder: Path) -> Iterator[Case]:
    """A log on disk: each checkpoint's root is that of the entries up to its size."""
    root = folder / "conformance/tessera-log/testdata/log"
    for path in sorted(root.glob("checkpoint*")):
        _, size, said, *_ = path.read_text().splitlines()
        count = int(size)
        entries: list[bytes] = []
        if count:
            data = (root / f"tile/entries/000.p/{count}").read_bytes()
            while data:
                length = int.from_bytes(data[:2])
                entries.append(data[2 : 2 + length])
                data = data[2 + length :]
        assert len(entries) == count, path.name
        assert _root(entries) == base64.b64decode(said), path.name
        yield path.name, PASSED, ""
        if count:
            tile = (root / f"tile/0/000.p/{count}").read_bytes()
            assert tile == b"".join(map(leaf_hash, entries)), path.name
            yield f"tile of {path.name}", PASSED, ""


def ucan_of_the_specification(folder: Path) -> Iterator[Case]:
    """Invocations and proofs of UCAN 1.0: signatures, and names of proofs."""
    path = folder / "ipvm/ucan-1.0/spec/invocation.json"
    tree = json.loads(path.read_text())
    for case in (*tree["valid"], *tree["invalid"]):
        name = case["name"]
        broken = name == "invalid invocation signature"
        assert _holds(_bytes(case["invocation"])) is not broken, name
        yield name, PASSED, ""
        for index, proof in enumerate(case["proofs"]):
            bad = name == "invalid proof signature"
            assert _holds(_bytes(proof)) is not bad, name
            yield f"{name}: proof {index}", PASSED, ""
        if case in tree["invalid"] and "signature" not in name:
            reason = "whether it was allowed is the executor's question"
            yield f"{name}: is refused", NOT_APPLICABLE, reason


def ucan_of_go(folder: Path) -> Iterator[Case]:
    """Tokens of go-ucan in both codecs, and its container."""
    root = folder / "conformance/ucan"
    example = root / "token/internal/envelope/testdata"
    block = (example / "example.dagcbor").read_bytes()
    assert _holds(block)
    yield "example.dagcbor", PASSED, ""
    tree = read_document((example / "example.dagjson").read_bytes()).tree
    assert Envelope.from_ipld(dagjson.decode(tree)) == Envelope.from_block(block)
    yield "example.dagjson", PASSED, ""
    assert (root / "testvectors/Bytes").is_file()
    yield "container", NOT_APPLICABLE, "several tokens in one; each is read by itself"


def _bytes(value: dict[str, dict[str, str]]) -> bytes:
    text = value["/"]["bytes"]
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _holds(block: bytes) -> bool:
    envelope = Envelope.from_block(block)
    assert envelope.block == block
    try:
        envelope.verify()
    except (DocumentError, EncodingError):
        return False
    return True


#: Files of suites that have nothing to ask of what is here, and why.
_NOT_RUN = {
    "c2sp-specs": "text to read, no cases",
    "sigstore-conformance": "no bundles of Sigstore are read",
    "ipld-specs/specs/selectors": "no selectors are evaluated",
}


def not_run(folder: Path) -> Iterator[Case]:
    """Files that nothing here is asked by."""
    for name, reason in _NOT_RUN.items():
        for path in sorted((folder / "conformance" / name).rglob("*")):
            if path.is_file():
                yield path.name, NOT_APPLICABLE, reason
