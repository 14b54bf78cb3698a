"""Cases of canonicalisation: a document, and what it is read as.

Expected blocks are values written out by hand and encoded with the reference
codec, so that no adapter has a part in what it is tested against.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import dag_cbor
from multiformats import CID

from tests.vectors.make.rows import as_json

HERE = Path(__file__).parents[1] / "invocation"

Case = dict[str, Any]


def block_cid(value: Any) -> CID:
    """Ours: dag-cbor, sha2-256."""
    digest = hashlib.sha256(dag_cbor.encode(value)).digest()
    return CID("base32", 1, "dag-cbor", ("sha2-256", digest))


def native(value: Any) -> CID:
    """Homestar's: dag-cbor, sha3-256."""
    digest = hashlib.sha3_256(dag_cbor.encode(value)).digest()
    return CID("base32", 1, "dag-cbor", ("sha3-256", digest))


def raw(data: bytes) -> CID:
    """A file: raw, sha2-256."""
    return CID("base32", 1, "raw", ("sha2-256", hashlib.sha256(data).digest()))


def oci(digest: str) -> CID:
    """An image: raw, sha2-256, by the digest that an OCI reference holds."""
    return CID("base32", 1, "raw", ("sha2-256", bytes.fromhex(digest)))


def text(value: Any) -> str:
    """The text of a document; keys as they were written here."""
    return json.dumps(as_json(value), ensure_ascii=False)


def known(program: Any, given: Any) -> Case:
    """What a case says of a program and an input; None is not known."""
    found: Case = {}
    blocks = {}
    if program is not None:
        found["program"] = str(block_cid(program))
        blocks["program"] = dag_cbor.encode(program).hex()
    if given is not None:
        found["input"] = str(block_cid(given))
        blocks["input"] = dag_cbor.encode(given).hex()
    found["blocks"] = blocks
    return found


def canonical(program: Any, given: Any, **more: Any) -> Case:
    """A canonical outcome."""
    found = {"outcome": "canonical", **known(program, given)}
    found["invocation"] = str(invocation(program, given))
    if "nonce" in given:
        plain = {key: item for key, item in given.items() if key != "nonce"}
        found["without_nonce"] = str(invocation(program, plain))
    return found | more


def unresolved(program: Any, given: Any, *references: tuple[str, str, str]) -> Case:
    """An outcome with references that have no content address."""
    rows = [
        {"at": at, "reference": reference, "kind": kind}
        for at, reference, kind in references
    ]
    return {"outcome": "unresolved", **known(program, given), "unresolved": rows}


def impure(program: Any, given: Any, *rows: tuple[str, str]) -> Case:
    """An outcome that no resolution can mend."""
    found = [{"at": at, "kind": kind} for at, kind in rows]
    return {"outcome": "impure", **known(program, given), "impure": found}


def refused(at: str | None = None) -> Case:
    """A refusal, at a JSON pointer or of the whole document."""
    return {"outcome": "refused"} | ({} if at is None else {"error_at": at})


def invocation(program: Any, given: Any) -> CID:
    """The key of the database."""
    return block_cid({"program": block_cid(program), "input": block_cid(given)})


CASES: list[Case] = []


def case(name: str, why: str, document: Any, expected: Case, **more: Any) -> None:
    """Add a case; a document is text, bytes of DAG-CBOR, or a value."""
    if isinstance(document, bytes):
        field = {"document_hex": document.hex()}
    else:
        whole = document if isinstance(document, str) else text(document)
        field = {"document": whole}
    CASES.append({"name": name, "why": why, **field, **more, **expected})


def several(*expected: Case) -> Case:
    """What a document of several tasks gives."""
    worst = max(
        (each["outcome"] for each in expected),
        key=["canonical", "unresolved", "impure"].index,
    )
    return {"outcome": worst, "invocations": list(expected)}


def write(name: str) -> None:
    """Write the cases so far, and begin anew."""
    names = [each["name"] for each in CASES]
    if len(set(names)) != len(names):
        raise ValueError("two cases of one name")
    HERE.mkdir(exist_ok=True)
    whole = json.dumps(CASES, indent=1, ensure_ascii=False)
    (HERE / name).write_text(whole + "\n")
    CASES.clear()


CODE = CID.decode("bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq")
RSC = f"ipfs://{CODE}"
V0 = "QmYtUc4iTCbbfVSDNKvtQqrfyezPPnFvE33wFmutw9PBBk"
V0_AS_V1 = CID("base32", 1, "dag-pb", CID.decode(V0).digest)
DATA = raw(b"a,b\n1,2\n")
MODULE = b"\0asm\1\0\0\0"
IPNS = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
