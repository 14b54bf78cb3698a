"""A receipt of Homestar: what a node says that a task gave.

    {"ran": bafyrmi.., "out": ["ok", 2], "meta": {"op": "add_one"}, "iss": null,
     "prf": []}                                         what its CID is of

It comes bare; with the node's own `cid`, `instruction` and `version` beside, as it
lies in the database; as `{receipt, receipt_cid, metadata}`, which subscribers are
sent; and as `{"ipvm/receipt": {.., "version": "0.2.0"}}`, which peers are sent. The
specification writes `out` as a map, `{"ok": 2}`. Nothing signs it: its CID only shows
that all of it is there. Source: homestar-invocation/src/receipt.rs, task/result.rs;
homestar-runtime/src/receipt.rs, event_handler/notification/receipt.rs; ucan-wg/
invocation v0.2; research: ipvm 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from invocation_spec import dagcbor, dagjson
from invocation_spec.adapters.homestar_args import Links
from invocation_spec.adapters.homestar_ids import native_cid_of
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.document import DOCUMENT_BYTES_MAX, read_document
from invocation_spec.errors import CidError, DocumentError, EncodingError
from invocation_spec.node import Node
from octostore.result import ERROR, VALUE, Result

__all__ = [
    "RECEIPT_BYTES_MAX",
    "VERSION",
    "Branch",
    "Receipt",
    "of_row",
    "read_receipt",
]

#: Homestar writes this version and reads no other.
VERSION: Final = "0.2.0"

#: Bytes of a receipt, as a file or in the database. Outputs stand in it.
RECEIPT_BYTES_MAX: Final = DOCUMENT_BYTES_MAX

#: DAG-CBOR of a JSON document is at most this many times as long: `1e0,` is nine bytes.
_GROWTH: Final = 3

Branch: TypeAlias = Literal["error", "just", "ok"]
_BRANCHES: Final[tuple[Branch, ...]] = get_args(Branch)

_FIELDS: Final = ("ran", "out", "meta", "iss", "prf")
_BESIDE: Final = ("cid", "instruction", "version")
_CAPSULE: Final = "ipvm/receipt"
_NOTICE: Final = ("receipt", "receipt_cid", "metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a task gave: `value` by its branch, `ran` names the task with its meta.

    `block` is the DAG-CBOR that `cid` is of. `instruction` is what the node says
    that was run, where it says it.
    """

    cid: CID
    block: bytes
    ran: CID
    branch: Branch
    value: Ipld
    operation: str | None
    issuer: str | None
    instruction: CID | None = None

    @property
    def output(self) -> CID:
        """The value: bytes as they are, anything else as its DAG-CBOR, of any size."""
        if isinstance(self.value, bytes):
            return CID.of_bytes(self.value)
        return CID.of_block(_encoded(self.value))

    @property
    def result(self) -> Result:
        """`value`, or `error`: the one output of a typed function (FORMATS 5)."""
        return Result({ERROR if self.branch == "error" else VALUE: self.output})


def read_receipt(data: bytes) -> Receipt:
    """The receipt in a file, DAG-JSON or DAG-CBOR, in any of its envelopes.

    Raises:
        DocumentError: no receipt, of another version, or its CID is not the one that
            stands beside it.
    """
    if not data.strip():
        raise DocumentError("empty; expected a receipt")
    document = read_document(data)
    if document.syntax not in ("json", "dag-cbor"):
        raise DocumentError(f"{document.syntax}; a receipt is DAG-JSON or DAG-CBOR")
    links = Links()
    tree = document.tree
    if document.syntax == "json":
        tree = dagjson.decode(tree, link=links)
    root = Node(tree)
    if not links.are_as_written(root):
        raise DocumentError(
            "a link that DAG-CBOR would hold in other bytes (a CIDv0, an identity CID,"
            " a name): the receipt's CID cannot be told"
        )
    return _opened(root)


def of_row(row: Mapping[str, bytes | None]) -> Receipt:
    """The receipt in a row of Homestar's table `receipts`, by its columns.

    CIDs, issuer and version are text; `out`, `meta` and `prf` are DAG-CBOR.

    Raises:
        DocumentError: as `read_receipt` does.
    """
    text = {name: _text(row[name], f"/{name}") for name in (*_BESIDE, "ran")}
    issuer = row["issuer"]
    return _receipt(
        Node(
            {
                "ran": _cid(text["ran"], "/ran"),
                "out": _decoded(row["out"], "/out"),
                "meta": _decoded(row["meta"], "/meta"),
                "iss": None if issuer is None else _text(issuer, "/issuer"),
                "prf": _decoded(row["prf"], "/prf"),
                "cid": _cid(text["cid"], "/cid"),
                "instruction": _cid(text["instruction"], "/instruction"),
                "version": text["version"],
            }
        )
    )


def _opened(root: Node) -> Receipt:
    if not isinstance(root.value, Mapping):
        raise root.refuse("a map: a receipt {ran, out, meta, iss, prf}")
    if _CAPSULE in root.value:
        capsule = root.struct()
        inner = capsule[_CAPSULE]
        _close(capsule.unknown(), f"{_CAPSULE} alone")
        if not isinstance(inner.value, Mapping) or "version" not in inner.value:
            raise inner.peek("version").refuse(f"the version, {VERSION}")
        return _receipt(inner)
    if "receipt" in root.value:
        notice = root.struct()
        notice.pass_over("metadata")
        receipt, stated = notice["receipt"], notice["receipt_cid"]
        _close(notice.unknown(), ", ".join(_NOTICE))
        return _receipt(receipt, stated)
    return _receipt(root)


def _receipt(node: Node, stated: Node | None = None) -> Receipt:
    if not isinstance(node.value, Mapping):
        raise node.refuse("a receipt {ran, out, meta, iss, prf}")
    fields = node.struct()
    version, issuer, meta = fields["version"], fields["iss"], fields["meta"]
    if not version.is_absent and version.value != VERSION:
        raise version.refuse(f'the version "{VERSION}", the one that is known here')
    ran, proofs = _link(fields["ran"]), fields["prf"]
    instruction = fields["instruction"]
    branch, value = _branch(fields["out"])
    own = fields["cid"]
    _close(fields.unknown(), ", ".join((*_FIELDS, *_BESIDE)))
    if meta.is_absent:
        raise meta.refuse("what is said of the run; null is nothing")
    if not isinstance(proofs.value, list):
        raise proofs.refuse("a list of links")
    for proof in proofs.elements():
        _link(proof)
    hashed: dict[str, Ipld] = {
        "ran": ran,
        "out": cast("Ipld", fields["out"].value),
        "meta": cast("Ipld", meta.value),
        "iss": None if issuer.is_null else issuer.text(),
        "prf": cast("Ipld", proofs.value),
    }
    block = _encoded(hashed)
    cid = native_cid_of(block)
    for said in (own, stated):
        if said is not None and not said.is_absent and _link(said) != cid:
            raise DocumentError(
                f"says that its CID is {_link(said)}; it is {cid}, so this is not the"
                " receipt that the node stored",
                at=said.at or None,
            )
    operation = meta.peek("op").value
    return Receipt(
        cid=cid,
        block=block,
        ran=ran,
        branch=branch,
        value=value,
        operation=operation if isinstance(operation, str) else None,
        issuer=None if issuer.is_null else issuer.text(),
        instruction=None if instruction.is_absent else _link(instruction),
    )


def _branch(out: Node) -> tuple[Branch, Ipld]:
    """The branch and the value, of Homestar's pair or of the specification's map."""
    pair = out.value
    if isinstance(pair, Mapping) and len(pair) == 1:
        pair = next(iter(pair.items()))
    if isinstance(pair, list | tuple) and len(pair) == 2 and pair[0] in _BRANCHES:
        return cast("Branch", pair[0]), cast("Ipld", pair[1])
    raise out.refuse(
        f'one of {", ".join(_BRANCHES)} with its value: ["ok", 2] or {{"ok": 2}}'
    )


def _close(unknown: list[Node], names: str) -> None:
    if unknown:
        raise DocumentError(
            f"no field of a receipt; it has {names}", at=unknown[0].at or None
        )


def _link(node: Node) -> CID:
    if not isinstance(node.value, CID):
        raise node.refuse("a link")
    return node.value


def _encoded(value: Ipld) -> bytes:
    try:
        return dagcbor.encode(value, floats=True, bytes_max=_GROWTH * RECEIPT_BYTES_MAX)
    except EncodingError as error:
        raise DocumentError(error.reason) from error


def _decoded(data: bytes | None, at: str) -> Ipld:
    if data is None:
        raise DocumentError("null; expected DAG-CBOR", at=at)
    try:
        return dagcbor.decode(data, floats=True, bytes_max=RECEIPT_BYTES_MAX)
    except EncodingError as error:
        raise DocumentError(error.reason, at=at) from error


def _text(data: bytes | None, at: str) -> str:
    if data is None:
        raise DocumentError("null; expected text", at=at)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError("not UTF-8", at=at) from error


def _cid(text: str, at: str) -> CID:
    try:
        return CID.parse(text)
    except CidError as error:
        raise DocumentError(error.reason, at=at) from error
