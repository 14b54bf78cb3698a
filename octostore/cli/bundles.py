"""Golem bundles that name input bytes by a path: hashed here, at the rim.

    "inputs": {"http://127.0.0.1:6001/params.json": {"path": "params.json"}}

A path is taken from the folder of the bundle (for stdin, the current one) and never
leads out of it. The library reads no files and refuses such a bundle. Source:
FORMATS 4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invocation_spec import DocumentError
from invocation_spec.document import Document, read_document
from octostore.contents import cid_of_file
from octostore.errors import FileError

__all__ = ["with_paths_hashed"]


def with_paths_hashed(name: str, data: bytes) -> bytes:
    """The document with `{"path": FILE}` replaced by the CIDs of the files.

    Any other document is given back as it came.

    Raises:
        DocumentError: a path that leads out of the bundle's folder.
        FileError: a file that cannot be read.
    """
    if b'"exeScript"' not in data or b'"path"' not in data:
        return data
    tree = _bundle(read_document(data))
    if tree is None:
        return data
    folder = Path.cwd() if name == "-" else Path(name).parent
    hashed = {
        url: _hashed(folder, item, url) if isinstance(item, dict) else item
        for url, item in tree["inputs"].items()
    }
    return json.dumps({**tree, "inputs": hashed}).encode()


def _bundle(document: Document) -> dict[str, Any] | None:
    tree = document.tree
    if document.syntax != "json" or not isinstance(tree, dict):
        return None
    if "exeScript" not in tree or not isinstance(tree.get("inputs"), Mapping):
        return None
    return tree


def _hashed(folder: Path, item: dict[str, Any], url: str) -> object:
    path = item.get("path")
    if set(item) != {"path"} or not isinstance(path, str):
        return item  # the library says what is wrong with it
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise DocumentError(f"{path!r} leads out of the bundle's folder: {url}")
    if not file.is_file():
        raise FileError("no such file, which the bundle names as input", at=str(file))
    return str(cid_of_file(file))
