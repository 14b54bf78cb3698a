"""Texts that somebody signed with Ed25519, kept so that anybody can verify them again.

    {"type": "signed-text", "name": "cache.example.org-1", "key": h'..32',
     "signature": h'..64', "text": h'..'}                     DAG-CBOR, as evidence

    cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=     a key of Nix
    cache.example.org-1:gfwRf8KCi7Dt..+Ag==                              a signature

Pure functions of bytes: who holds a block needs nothing else, but has to know whether
the key is that of the name. Source: nix src/libutil/signature/; docs/spec/log.md,
Evidence.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from invocation_spec import dagcbor
from invocation_spec.cid import CID
from invocation_spec.dagcbor import Ipld
from invocation_spec.errors import EncodingError
from invocation_spec.signature import KEY_BYTES, SIGNATURE_BYTES, check_key, holds
from octostore.errors import SignatureError

__all__ = [
    "KEYS_MAX",
    "NAME_CHARACTERS_MAX",
    "SIGNED_TEXT_HEAD",
    "SignedText",
    "signature_of",
    "trusted_keys",
]

#: Characters of the name of a key, which becomes the executor of a claim.
NAME_CHARACTERS_MAX: Final = 256

#: Keys that one harvest trusts; a machine has a handful.
KEYS_MAX: Final = 1024

#: What a block of evidence begins with: a map of five, and its shortest key.
SIGNED_TEXT_HEAD: Final = b"\xa5\x63key\x58\x20"

_FIELDS: Final = {"type", "name", "key", "signature", "text"}
_TYPE: Final = "signed-text"


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text whose signature holds, by the key and under the name it was said to be of.

    Raises:
        SignatureError: the signature is not one of this text by this key.
    """

    name: str
    key: bytes
    text: bytes
    signature: bytes

    def __post_init__(self) -> None:
        check_key(self.key)
        if not holds(self.signature, self.text, self.key):
            raise SignatureError(f"the signature of {self.name} does not hold")

    @property
    def block(self) -> bytes:
        """The block that is kept as evidence."""
        return dagcbor.encode(
            {
                "type": _TYPE,
                "name": self.name,
                "key": self.key,
                "signature": self.signature,
                "text": self.text,
            }
        )

    @property
    def cid(self) -> CID:
        """The CID of that block."""
        return CID.of_block(self.block)

    @classmethod
    def from_block(cls, block: bytes) -> Self:
        """Verify what a block of evidence says was signed.

        Raises:
            EncodingError: it is no such block.
            DidError: its key is no key.
            SignatureError: the signature does not hold.
        """
        value = dagcbor.decode(block)
        if not isinstance(value, Mapping) or value.keys() != _FIELDS:
            raise EncodingError("no signed text: other fields")
        name, text = value["name"], value["text"]
        key, signature = value["key"], value["signature"]
        if value["type"] != _TYPE or not isinstance(name, str):
            raise EncodingError("no signed text: another type, or no name")
        if not _all_bytes(text, key, signature):
            raise EncodingError("no signed text: text, key and signature are bytes")
        return cls(name, bytes(key), bytes(text), bytes(signature))  # type: ignore[arg-type] # just checked


def _all_bytes(*values: Ipld) -> bool:
    return all(isinstance(value, bytes) for value in values)


def trusted_keys(texts: Iterable[str]) -> dict[str, bytes]:
    """Public keys by name, each written `NAME:BASE64` as Nix writes them.

    Raises:
        EncodingError: one is not written so, or a name has two keys.
        DidError: one is no key.
    """
    found: dict[str, bytes] = {}
    for text in texts:
        name, key = _split(text, KEY_BYTES)
        check_key(key)
        if found.setdefault(name, key) != key:
            raise EncodingError(f"two keys called {name}")
        if len(found) > KEYS_MAX:
            raise EncodingError(f"more than {KEYS_MAX} keys")
    return found


def signature_of(text: str) -> tuple[str, bytes]:
    """The name of a key and its signature, written `NAME:BASE64`.

    Raises:
        EncodingError: it is not written so.
    """
    return _split(text, SIGNATURE_BYTES)


def _split(text: str, size: int) -> tuple[str, bytes]:
    """A name and the `size` bytes after it.

    Raises:
        EncodingError: not `NAME:BASE64` of that many bytes.
    """
    name, colon, encoded = text.partition(":")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EncodingError(f"{text[:80]!r} is not written NAME:BASE64") from error
    if not (name and colon) or len(name) > NAME_CHARACTERS_MAX or len(data) != size:
        raise EncodingError(f"{text[:80]!r}; expected NAME:BASE64 of {size} bytes")
    return name, data
