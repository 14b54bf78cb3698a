"""Where mutation begins: the documents and blocks of the vectors."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, TypeAlias

from invocation_spec import DocumentError, Resolutions
from octostore.fraud import BadEntry, FalseMapHead, TwoHistories, Withheld
from octostore.harvest.nix.signature import SignedText
from octostore.map.head import MapHead
from octostore.tlog.merkle import consistency_proof, range_root
from tests.octostore import test_harvest_nix as nix
from tests.octostore.lying import Log
from tests.octostore.world import Issuer, Ran, result

__all__ = [
    "ADAPTERS",
    "CORPUS",
    "Seeds",
    "blocks",
    "bundles",
    "cids",
    "documents",
    "frauds",
    "given_resolutions",
    "nix_records",
    "resolutions",
    "texts",
    "whole_documents",
]

_TESTS = Path(__file__).parents[1]
_VECTORS = _TESTS / "vectors"

#: What earlier fuzzing found worth keeping, a folder a target.
CORPUS = _TESTS / "fuzz" / "corpus"

#: A form of document each, by the name of its file of vectors; the documents of
#: `cross-network.json` are of all forms and seed none.
ADAPTERS = tuple(
    path.stem
    for path in sorted((_VECTORS / "invocation").glob("*.json"))
    if path.stem != "cross-network"
)

Seeds: TypeAlias = list[bytes]

_CID = re.compile(
    r"\b(?:baf[a-z2-7]{20,}|Qm[1-9A-HJ-NP-Za-km-z]{44}|[zuUmkKfF]\w{40,})"
)


def _cases(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_VECTORS / path).read_text())
    return found


def _unique(found: list[bytes]) -> Seeds:
    return list(dict.fromkeys(found))


def documents(adapter: str, *, car: bool | None = None) -> Seeds:
    """The documents of an adapter's vectors; with `car` only those in bytes."""
    found = []
    for case in _cases(f"invocation/{adapter}.json"):
        if "document_hex" in case:
            found.append(bytes.fromhex(case["document_hex"]))
        elif not car:
            found.append(case["document"].encode())
    return _unique(found)


def whole_documents() -> Seeds:
    """A few documents of each adapter: all syntaxes, for the reader alone."""
    found = []
    for adapter in ADAPTERS:
        of_adapter = documents(adapter)
        found += of_adapter[:5] + [data for data in of_adapter if data[:1] not in b"{["]
    return _unique(found)


def given_resolutions(adapter: str) -> Resolutions:
    """All that the vectors of an adapter resolve, the first meaning of each."""
    source: dict[str, Any] = {}
    for case in _cases(f"invocation/{adapter}.json"):
        for key, meaning in (case.get("resolutions") or {}).items():
            try:
                source |= {
                    normal: meaning
                    for normal in Resolutions.of({key: meaning}).source
                    if normal not in source
                }
            except DocumentError:  # a vector of what is refused
                continue
    return Resolutions.of(source)


def resolutions() -> Seeds:
    """The resolutions of all vectors."""
    return _unique(
        [
            json.dumps(case["resolutions"]).encode()
            for adapter in ADAPTERS
            for case in _cases(f"invocation/{adapter}.json")
            if case.get("resolutions") is not None
        ]
    )


def cids() -> Seeds:
    """Whatever in the documents looks like a CID."""
    found = []
    for adapter in ADAPTERS:
        for data in documents(adapter):
            found += _CID.findall(data.decode("utf-8", "ignore"))
    return _unique([text.encode() for text in found])[:500]


def blocks(file: str) -> Seeds:
    """The blocks, or the CARs, of other vectors."""
    return _unique(
        [
            bytes.fromhex(case["block"] if "block" in case else case["car"])
            for case in _cases(file)
        ]
    )


def bundles() -> Seeds:
    """The bundles of the vectors."""
    cases = [*_cases("bundles.json"), *_cases("believed.json")]
    return _unique([base64.b64decode(case["car"]) for case in cases])


def nix_records() -> Seeds:
    """A record of each kind that caches of Nix have, and a signed text."""
    older, newer = (
        form(nix.FLOAT_PATH, nix.FLOAT_OUT)[1] for form in (nix.older, nix.newer)
    )
    info = json.dumps(nix.info_in_json())
    signature = nix.KEY.sign(b"a text")
    text = SignedText(nix.NAME, bytes(nix.KEY.public), b"a text", signature)
    texts = (nix.GOOD_INFO, nix.SOURCE[1], older, newer, info)
    return [*(each.encode() for each in texts), text.block]


def frauds() -> Seeds:
    """A proof of each kind against a log that lies, by definition."""
    first = Log().claims("a", "b", "c")
    twice = first.copy().add(*Issuer("b").claims(Ran(), result()))
    bad = first.copy().add_raw(b"hello", first.blocks[0]).claims("later")
    head = MapHead(3, bytes(32), 1_700_000_000)
    false = first.copy().head(head).claims("later")
    late = first.copy().head(MapHead(99, bytes(32), 1_700_000_000))
    return _unique(
        [
            b"".join(proof.car())
            for proof in (
                _two_histories(first, Log().claims("a", "x", "c", "d")),
                _two_histories(first, Log().claims("a", "b", "x")),
                BadEntry(bad.logged(3), None, {}),
                BadEntry(late.logged(3), None, dict(late.blocks[3])),
                BadEntry(twice.logged(3), twice.logged(1), dict(twice.blocks[3][:1])),
                FalseMapHead(
                    false.logged(3),
                    head,
                    bytes(32),
                    consistency_proof(false.node, 3, 5),
                    tuple(false.entries[:3]),
                    [block for blocks in false.blocks[:3] for block in blocks],
                ),
                _withheld(first, 0),
                _withheld(first, 3),
            )
        ]
    )


def _two_histories(one: Log, other: Log) -> TwoHistories:
    size, of = len(one.entries), len(other.entries)
    return TwoHistories(
        one.signed(),
        other.signed(),
        range_root(other.node, 0, size),
        consistency_proof(other.node, size, of),
    )


def _withheld(log: Log, lost: int) -> Withheld:
    """The proof that this block of the first statement did not come."""
    blocks = log.blocks[0]
    here = dict(item for item in blocks[:lost] if lost)
    return Withheld(log.logged(0), (blocks[lost][0],), "https://log.example", 1, here)


def texts(file: str, member: str) -> Seeds:
    """The texts of other vectors, by the member of a case that holds them."""
    return _unique([case[member].encode() for case in _cases(file) if member in case])
