"""Homestar's own identifiers: CIDv1, dag-cbor, sha3-256, `bafyrmi..`.

    instruction  {rsc, op, input, nnc}                 promises name this one
    ran          {"task": {run, cause, meta, prf}}     receipts name this one
    workflow     {"tasks": [task, ..]}

What is hashed is what Homestar makes of the text, not the text: `rsc` is a URL
as WHATWG writes it, or `ipfs://<base32>` for a link; `op` is lower case; a
missing `nnc` is "". `fuel: 18446744073709552000` is a float64, as it is to
every JSON reader that has 64-bit integers.
Source: homestar-invocation/src/{task,invocation}.rs, task/instruction.rs,
task/instruction/nonce.rs, ipld/dag_cbor.rs; research: ipvm 1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from invocation_spec import dagcbor
from invocation_spec.cid import CID, DAG_CBOR, SHA3_BY_BYTES, spelled_bytes
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import DOCUMENT_BYTES_MAX
from invocation_spec.errors import EncodingError
from invocation_spec.node import word_of
from invocation_spec.references import parse_url

__all__ = [
    "ability",
    "hashed_instruction",
    "hashed_task",
    "is_hashed_as_written",
    "native_cid",
    "native_cid_of",
]

_PREFIX = bytes((1, DAG_CBOR, SHA3_BY_BYTES[32], 32))

#: A JSON array of short floats, the worst case, triples: `1e0,` is nine bytes.
_BYTES_MAX = 3 * DOCUMENT_BYTES_MAX

#: A data: URL that WHATWG leaves as it is; most are too long for `parse_url`.
_PLAIN_DATA = re.compile(r"data:[!-\"$-~]+")


def native_cid(value: Ipld) -> CID:
    """The CID by which Homestar knows a value.

    Raises:
        EncodingError: the value has no DAG-CBOR.
    """
    return native_cid_of(dagcbor.encode(value, floats=True, bytes_max=_BYTES_MAX))


def native_cid_of(block: bytes) -> CID:
    """The CID by which Homestar knows the value whose DAG-CBOR this is."""
    return CID(_PREFIX + hashlib.sha3_256(block).digest())


def ability(op: str) -> str:
    """An ability as Homestar reads it: trimmed, lower case."""
    return word_of(op)


def hashed_instruction(run: Mapping[str, Ipld]) -> Mapping[str, Ipld] | None:
    """The map that Homestar hashes for an instruction; None if it has none."""
    rsc, op, nonce = _resource(run.get("rsc")), run.get("op"), run.get("nnc")
    if rsc is None or not isinstance(op, str) or "input" not in run:
        return None
    if nonce is not None and not isinstance(nonce, str | bytes):
        return None
    return {
        "rsc": rsc,
        "op": ability(op),
        "input": run["input"],
        "nnc": "" if nonce is None else nonce,
    }


def _resource(rsc: Ipld) -> str | None:
    if isinstance(rsc, CID):
        return f"ipfs://{rsc}"
    if not isinstance(rsc, str) or "#" in rsc:
        return None
    if _PLAIN_DATA.fullmatch(rsc):
        return rsc
    try:
        return parse_url(rsc)
    except EncodingError:
        return None


def hashed_task(
    task: Mapping[str, Ipld], instruction: Mapping[str, Ipld]
) -> Mapping[str, Ipld] | None:
    """The map that Homestar hashes for a task; None where it would refuse the task."""
    cause, proofs = task.get("cause"), task.get("prf")
    if "meta" not in task or not isinstance(proofs, list):
        return None
    if cause is not None and not isinstance(cause, CID):
        return None
    return {"run": instruction, "cause": cause, "meta": task["meta"], "prf": proofs}


def is_hashed_as_written(text: str, cid: CID) -> bool:
    """Whether a link's own bytes are those of its CID.

    A CIDv0 and an identity CID are not: they are other bytes in DAG-CBOR, which
    nothing here keeps.
    """
    return spelled_bytes(text) == cid.raw
