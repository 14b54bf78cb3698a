r"""What caches of Nix say and sign: what lies at a path, and which path an output has.

    StorePath: /nix/store/ha0d..-hello           .narinfo; the same in JSON
    NarHash: sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw
    NarSize: 120
    References: 2s4g..-glibc-2.36
    Deriver: j75k..-hello.drv
    Sig: cache.example.org-1:gfwRf8KC..
    signed:  1;/nix/store/ha0d..-hello;sha256:04zw..;120;/nix/store/2s4g..-glibc-2.36

    {"dependentRealisations": {}, "id": "sha256:a3a4..!out", "outPath": "7lxd..-hi",
     "signatures": ["cache.example.org-1:.."]}                       until Nix 2.32
    {"key": {"drvPath": "s520..-hi.drv", "outputName": "out"},
     "value": {"outPath": "crd3..-hi", "signatures": [{"keyName", "sig"}]}}    since
    signed:  the same without signatures, keys in order, without white space

Neither says with what inputs, but for a resolved derivation, which names them by path.
Source: nix src/libstore/nar-info.cc, path-info.cc, realisation.cc; of Nix 2.8
src/libstore/realisation.cc; doc/manual/source/protocols/json.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from invocation_spec import nixstore
from invocation_spec.document import Tree, read_json
from invocation_spec.errors import DocumentError, EncodingError

__all__ = [
    "RECORD_BYTES_MAX",
    "REFERENCES_MAX",
    "SIGNATURES_MAX",
    "PathInfo",
    "Realisation",
    "infos_from_json",
    "realisation_from_json",
]

#: A narinfo or a realisation; the largest known name some thousand paths.
RECORD_BYTES_MAX: Final = 1 << 20

#: Paths that one path names.
REFERENCES_MAX: Final = 65_536

#: Signatures of one record; caches and their mirrors add a few.
SIGNATURES_MAX: Final = 64

_LINE: Final = re.compile(r"([A-Za-z]+):(?: (.*))?")
_OLD_ID: Final = re.compile(r"sha256:([0-9a-f]{64})!(.+)")
_NAR_SIZE_MAX: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class PathInfo:
    """What lies at a store path: the sha2-256 and size of its NAR, what it names.

    `data` are the bytes that this was read from.
    """

    path: str
    nar: bytes
    size: int
    references: tuple[str, ...]
    deriver: str | None = None
    signatures: tuple[str, ...] = ()
    ca: str | None = None
    data: bytes = b""

    def __post_init__(self) -> None:
        if not 0 < self.size <= _NAR_SIZE_MAX:
            raise EncodingError(f"{self.path}: a NAR of {self.size} bytes")
        _check_counts(self.path, self.references, self.signatures)
        paths = tuple(sorted(set(self.references)))
        object.__setattr__(self, "references", paths)

    @classmethod
    def from_narinfo(cls, data: bytes) -> PathInfo:
        """Read a `.narinfo`.

        Raises:
            EncodingError: it is none.
        """
        fields: dict[str, list[str]] = {}
        for line in _text(data).removesuffix("\n").split("\n"):
            found = _LINE.fullmatch(line)
            if found is None:
                raise EncodingError(f"no line of a narinfo: {line[:80]!r}")
            fields.setdefault(found[1], []).append(found[2] or "")
        for name, values in fields.items():
            if len(values) > 1 and name != "Sig":
                raise EncodingError(f"{name} stands there twice")
        one = {name: values[0] for name, values in fields.items()}
        if lacking := {"StorePath", "NarHash", "NarSize"} - one.keys():
            raise EncodingError(f"no narinfo: without {', '.join(sorted(lacking))}")
        deriver = one.get("Deriver") or None
        return cls(
            nixstore.path_from_text(one["StorePath"]),
            _sha256(one["NarHash"]),
            _size(one["NarSize"]),
            _paths(filter(None, one.get("References", "").split(" "))),
            None if deriver in (None, "unknown-deriver") else _path(deriver),
            tuple(fields.get("Sig", ())),
            one.get("CA") or None,
            data,
        )

    @property
    def signed(self) -> bytes:
        """The text that signatures are of."""
        nar, references = nixstore.nix32(self.nar), ",".join(self.references)
        return f"1;{self.path};sha256:{nar};{self.size};{references}".encode()

    @property
    def is_of_its_path(self) -> bool:
        """Whether the path itself commits to this NAR, so that nobody need sign it."""
        hashed = (self.ca or "").removeprefix("fixed:r:")
        if hashed == self.ca or self.path in self.references:
            return False  # of a NAR that names itself another hash is taken
        try:
            digest = _sha256(hashed)
        except EncodingError:
            return False
        name = nixstore.name_of(self.path)
        made = nixstore.source_path(name, digest, self.references)
        return digest == self.nar and made == self.path


@dataclass(frozen=True, slots=True)
class Realisation:
    """The path that an output has, by who signed it.

    `recipe` is the hash by which older records name the derivation; newer ones name
    its path, `derivation`.
    """

    output: str
    path: str
    signatures: tuple[str, ...]
    signed: bytes
    recipe: bytes | None = None
    derivation: str | None = None

    @property
    def name(self) -> str:
        """How Nix names it."""
        if self.recipe is not None:
            return f"sha256:{self.recipe.hex()}!{self.output}"
        return f"{self.derivation}^{self.output}"


def realisation_from_json(
    data: bytes, key: tuple[str, str] | None = None
) -> Realisation:
    """Read a realisation of either format.

    `key` is derivation and output where the record does not say them: newer caches
    have them in the name of the file alone.

    Raises:
        EncodingError: it is none.
    """
    tree = _json(data)
    if not isinstance(tree, Mapping):
        raise EncodingError("no realisation: not a map")
    if key is not None and not tree.keys() & {"key", "id"}:
        drv, output = key
        tree = {"key": {"drvPath": drv, "outputName": output}, "value": tree}
    return _newer(tree) if "key" in tree else _older(tree)


def _older(tree: Mapping[str, Tree]) -> Realisation:
    plain = {key: item for key, item in tree.items() if key != "signatures"}
    if plain.keys() != {"dependentRealisations", "id", "outPath"}:
        raise EncodingError("no realisation: expected id, outPath and signatures")
    found = _OLD_ID.fullmatch(_string(tree, "id"))
    if found is None:
        raise EncodingError(f"no realisation: its id is {_string(tree, 'id')[:80]!r}")
    return Realisation(
        found[2],
        _path(_string(tree, "outPath")),
        _signatures(tree),
        _dumped(plain),
        recipe=bytes.fromhex(found[1]),
    )


def _newer(tree: Mapping[str, Tree]) -> Realisation:
    key, value = tree.get("key"), tree.get("value")
    if not isinstance(key, Mapping) or not isinstance(value, Mapping):
        raise EncodingError("no realisation: expected a key and a value")
    drv, output = _string(key, "drvPath"), _string(key, "outputName")
    path = _string(value, "outPath")
    signed = {
        "key": {"drvPath": drv, "outputName": output},
        "value": {"outPath": path},
    }
    return Realisation(
        output,
        _path(path),
        _signatures(value),
        _dumped(signed),
        derivation=_path(drv),
    )


def infos_from_json(data: bytes) -> list[PathInfo]:
    """What `nix path-info --json` prints, of all versions, and a narinfo in JSON.

    Raises:
        EncodingError: it is none of these.
    """
    tree = _json(data)
    inner = tree.get("info", tree) if isinstance(tree, Mapping) else tree
    if isinstance(inner, list):
        rows: Iterable[tuple[str | None, Tree]] = ((None, item) for item in inner)
    elif isinstance(inner, Mapping):
        # A map of paths; what is not valid in the store stands there as null.
        rows = ((key, item) for key, item in inner.items() if item is not None)
    else:
        raise EncodingError("no path infos: neither a list nor a map")
    return [_info(key, item) for key, item in rows]


def _info(key: str | None, item: Tree) -> PathInfo:
    if not isinstance(item, Mapping):
        raise EncodingError(f"no path info: {key or 'an element'} is no map")
    path = _path(key if key is not None else _string(item, "path"))
    deriver, ca = item.get("deriver"), item.get("ca")
    size = item.get("narSize")
    if type(size) is not int:
        raise EncodingError(f"{path}: no narSize")
    return PathInfo(
        path,
        _sha256(_string(item, "narHash")),
        size,
        _paths(_strings(item, "references")),
        _path(deriver) if isinstance(deriver, str) and deriver else None,
        _signatures(item),
        _ca(ca),
        json.dumps(item, sort_keys=True, ensure_ascii=False).encode(),
    )


def _ca(ca: Tree) -> str | None:
    if isinstance(ca, Mapping) and ca.get("method") == "nar":
        return f"fixed:r:{_string(ca, 'hash')}"
    return ca if isinstance(ca, str) else None


def _check_counts(path: str, references: Any, signatures: Any) -> None:
    if len(references) > REFERENCES_MAX:
        raise EncodingError(f"{path}: more than {REFERENCES_MAX} references")
    if len(signatures) > SIGNATURES_MAX:
        raise EncodingError(f"{path}: more than {SIGNATURES_MAX} signatures")


def _text(data: bytes) -> str:
    if len(data) > RECORD_BYTES_MAX:
        raise EncodingError(f"{len(data)} bytes; a record has {RECORD_BYTES_MAX}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise EncodingError("not UTF-8") from error


def _json(data: bytes) -> Tree:
    try:
        return read_json(data.decode())
    except (UnicodeDecodeError, DocumentError) as error:
        raise EncodingError(f"not JSON: {error}") from error


def _dumped(value: object) -> bytes:
    """As Nix dumps JSON that it signs."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _string(tree: Mapping[str, Tree], name: str) -> str:
    value = tree.get(name)
    if not isinstance(value, str):
        raise EncodingError(f"no text {name}")
    return value


def _strings(tree: Mapping[str, Tree], name: str) -> list[str]:
    value = tree.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise EncodingError(f"{name} is no list of text")
    return [str(one) for one in value]


def _signatures(tree: Mapping[str, Tree]) -> tuple[str, ...]:
    """Signatures as `NAME:BASE64`, which newer records write in two fields."""
    value = tree.get("signatures", [])
    if not isinstance(value, list):
        raise EncodingError("signatures is no list")
    if len(value) > SIGNATURES_MAX:
        raise EncodingError(f"more than {SIGNATURES_MAX} signatures")
    found = []
    for item in value:
        if isinstance(item, Mapping):
            item = f"{_string(item, 'keyName')}:{_string(item, 'sig')}"
        if not isinstance(item, str):
            raise EncodingError("a signature that is no text")
        found.append(item)
    return tuple(found)


def _path(text: str) -> str:
    return nixstore.path_from_text(text)


def _paths(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_path, texts))


def _size(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise EncodingError(f"NarSize {text[:40]!r} is no number")
    return int(text)


def _sha256(text: str) -> bytes:
    """The digest of `sha256:HEX`, `sha256:BASE32` or `sha256-BASE64`."""
    if text.startswith("sha256-"):
        try:
            digest = base64.b64decode(text[7:], validate=True)
        except (binascii.Error, ValueError) as error:
            raise EncodingError(f"{text[:80]!r} is no sha256 hash") from error
    elif re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        digest = bytes.fromhex(text[7:])
    elif text.startswith("sha256:"):
        digest = nixstore.from_nix32(text[7:], 32)
    else:
        digest = b""
    if len(digest) != 32:
        raise EncodingError(f"{text[:80]!r} is no sha256 hash")
    return digest
