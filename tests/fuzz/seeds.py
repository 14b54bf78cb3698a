"""Where mutation begins: the documents and blocks of the vectors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeAlias

from invocation_spec import DocumentError, Resolutions

__all__ = [
    "ADAPTERS",
    "CORPUS",
    "Seeds",
    "blocks",
    "cids",
    "documents",
    "given_resolutions",
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


def texts(file: str, member: str) -> Seeds:
    """The texts of other vectors, by the member of a case that holds them."""
    return _unique([case[member].encode() for case in _cases(file) if member in case])
