"""Paths of a Nix store: how they are spelled, and how Nix makes them.

    /nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello-2.12
               hash part, 32 letters            name

The hash part is 20 bytes: a SHA-256 folded by exclusive or. A path made of content
commits to it with those 160 bits; one made of a recipe says nothing of content.
Neither is a content address here. Source: the Nix manual, protocols/store-path.md;
nix src/libstore/store-dir-config.cc, src/libutil/base-nix-32.cc.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from invocation_spec.errors import EncodingError

__all__ = [
    "STORE",
    "from_nix32",
    "is_output",
    "is_store_path",
    "name_of",
    "nix32",
    "output_name",
    "own_placeholder",
    "path_from_text",
    "placeholder",
    "source_path",
    "store_path",
    "text_path",
    "under",
]

#: The one store whose paths are read. Another place is other bytes to each build.
STORE: Final = "/nix/store"

_ALPHABET: Final = "0123456789abcdfghijklmnpqrsvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}

#: Nix allows 211 characters of name; `.` and `..` and what begins so are none.
_NAME: Final = re.compile(r"(?!\.\.?(?:-|$))[0-9A-Za-z+\-._?=]{1,211}")
_BASE: Final = re.compile(rf"[{_ALPHABET}]{{32}}-{_NAME.pattern}")
_PREFIX: Final = f"{STORE}/"
_PATH_BYTES: Final = 20


def nix32(data: bytes) -> str:
    """Bytes in the base 32 of Nix: its own letters, the last bits first."""
    number = int.from_bytes(data, "little")
    count = (len(data) * 8 + 4) // 5
    return "".join(_ALPHABET[number >> 5 * at & 31] for at in reversed(range(count)))


def from_nix32(text: str, size: int) -> bytes:
    """The `size` bytes that are spelled so.

    Raises:
        EncodingError: another letter, another length, or spare bits.
    """
    count = (size * 8 + 4) // 5
    if len(text) != count or not set(text) <= _VALUES.keys():
        raise EncodingError(f"{text[:80]!r} is no base 32 of Nix of {size} bytes")
    number = 0
    for letter in text:
        number = number << 5 | _VALUES[letter]
    if number >> size * 8:
        raise EncodingError(f"{text[:80]!r} has spare bits that are not zero")
    return number.to_bytes(size, "little")


def is_store_path(text: str) -> bool:
    """Whether this is a path directly in the store, spelled as Nix spells it."""
    base = text.removeprefix(_PREFIX)
    return base != text and _BASE.fullmatch(base) is not None


def is_output(text: str) -> bool:
    """Whether this may be the name of an output, or of a derivation."""
    return _NAME.fullmatch(text) is not None


def path_from_text(text: str) -> str:
    """The store path that is written whole, or by its last part alone.

    Raises:
        EncodingError: it is none, or one of another store.
    """
    path = text if text.startswith("/") else _PREFIX + text
    if not is_store_path(path):
        raise EncodingError(
            f"{text[:80]!r} is no path in {STORE}; expected {STORE}/HASH-NAME"
        )
    return path


def under(text: str) -> str | None:
    """The store path that a file name begins with, if it begins with one."""
    if not text.startswith(_PREFIX):
        return None
    path = _PREFIX + text[len(_PREFIX) :].split("/", 1)[0]
    return path if is_store_path(path) else None


def name_of(path: str) -> str:
    """What stands after the hash part."""
    return path[len(_PREFIX) + 33 :]


def _hash_part(path: str) -> str:
    """The 32 letters."""
    return path[len(_PREFIX) : len(_PREFIX) + 32]


def store_path(kind: str, digest: bytes, name: str) -> str:
    """The path of something of this kind and sha2-256, as Nix makes all paths."""
    text = f"{kind}:sha256:{digest.hex()}:{STORE}:{name}"
    folded = bytearray(_PATH_BYTES)
    for at, byte in enumerate(hashlib.sha256(text.encode()).digest()):
        folded[at % _PATH_BYTES] ^= byte
    return f"{_PREFIX}{nix32(bytes(folded))}-{name}"


def text_path(name: str, data: bytes, references: Iterable[str]) -> str:
    """Where a text lies that names these paths; derivations lie so."""
    kind = ":".join(["text", *sorted(set(references))])
    return store_path(kind, hashlib.sha256(data).digest(), name)


def source_path(
    name: str, digest: bytes, references: Iterable[str] = (), *, itself: bool = False
) -> str:
    """Where content lies whose NAR has this sha2-256 and names these paths.

    Where it names `itself`, the digest is of the NAR with its own hash part zeroed.
    """
    kind = ["source", *sorted(set(references)), *(["self"] if itself else [])]
    return store_path(":".join(kind), digest, name)


def output_name(derivation: str, output: str) -> str:
    """The name of an output of a derivation of this name: `out` adds nothing."""
    return derivation if output == "out" else f"{derivation}-{output}"


def own_placeholder(output: str) -> str:
    """What stands in a derivation for an output of its own whose path is not known."""
    return "/" + nix32(hashlib.sha256(f"nix-output:{output}".encode()).digest())


def placeholder(derivation: str, output: str) -> str:
    """What stands for an output of another derivation, of this path, until resolved."""
    name = output_name(name_of(derivation).removesuffix(".drv"), output)
    text = f"nix-upstream-output:{_hash_part(derivation)}:{name}"
    return "/" + nix32(hashlib.sha256(text.encode()).digest())
