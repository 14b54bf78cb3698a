"""Signed notes: a text, and under it the signatures of keys with names.

    example.com/log                                   the text, any lines
    15
    rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=
                                                      an empty line
    — example.com/log M9e0luh4jTG+UMBqOUo9/q+..       name, base64(key id | signature)

    example.com/log+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx
    name + hex(key id) + base64(type | public key)    a verifier key, "vkey"

A key is known by name and id together; signatures of others are passed over. Two
types are read: Ed25519 over the text (1), and a witness's over time and text (4).
Source: C2SP signed-note, tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from octostore.errors import DidError, NoteError, SignatureError
from octostore.keys import PublicKey, SecretKey

__all__ = [
    "NAME_BYTES_MAX",
    "NOTE_BYTES_MAX",
    "SIGNATURES_MAX",
    "TIME_S_MAX",
    "KeyType",
    "Note",
    "NoteSignature",
    "Signer",
    "Verified",
    "VerifierKey",
    "check_name",
    "from_base64",
    "key_id",
    "to_base64",
    "verify_note",
]

#: Sixteen signatures must be taken, and those after quantum computers have 5 kB.
NOTE_BYTES_MAX: Final = 1 << 18
SIGNATURES_MAX: Final = 100

#: Newer cosignatures write the length of a name in one byte (tlog-cosignature).
NAME_BYTES_MAX: Final = 255

#: The latest time that a cosignature may have (tlog-cosignature).
TIME_S_MAX: Final = (1 << 63) - 1

_KEY_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_DASH: Final = "\u2014 "
_PARTED: Final = "\n\n"


class KeyType(IntEnum):
    """How a signature is made; the byte that enters the id of the key."""

    ED25519 = 1
    COSIGNATURE = 4


def to_base64(raw: bytes) -> str:
    """RFC 4648 section 4, padded."""
    return base64.b64encode(raw).decode()


def from_base64(text: str) -> bytes:
    """The bytes of this text, which is the one spelling of them.

    Raises:
        NoteError: it is none.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"{text[:80]!r} is no base64") from error
    if to_base64(raw) != text:
        raise NoteError(f"{text[:80]!r} is not how base64 writes these bytes")
    return raw


def check_name(name: str) -> None:
    """Return if a key may have this name.

    Raises:
        NoteError: it is empty, long, no text, or has spaces, controls or a plus.
    """
    bad = any(c.isspace() or c == "+" or c < " " for c in name)
    # Surrogates are what an argument of a command has for bytes that are no UTF-8.
    bad = bad or any("\ud800" <= c <= "\udfff" for c in name)
    if not name or bad or len(name.encode()) > NAME_BYTES_MAX:
        raise NoteError(
            f"{name[:80]!r} is no name of a key; expected up to {NAME_BYTES_MAX}"
            " bytes of UTF-8 without spaces and plus, like example.com/log"
        )


def key_id(name: str, type_: int, key: bytes) -> bytes:
    """The four bytes by which signatures name a key."""
    hashed = name.encode() + b"\n" + bytes((type_,)) + key
    return hashlib.sha256(hashed).digest()[:_KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line under a note: whose it says it is, and bytes not verified yet.

    Raises:
        NoteError: no name of a key.
    """

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        check_name(self.name)

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line, without its end.

        Raises:
            NoteError: it is no line of a signature.
        """
        name, space, encoded = line.removeprefix(_DASH).rpartition(" ")
        if not line.startswith(_DASH) or not space:
            raise NoteError(
                f"{line[:80]!r} is no signature; expected an em dash, a name, base64"
            )
        raw = from_base64(encoded)
        if len(raw) <= _KEY_ID_BYTES:
            raise NoteError(f"a signature of {len(raw)} bytes, with the id of its key")
        return cls(name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.signature)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends its last line, and signatures of it, none verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read a signed note.

        Raises:
            NoteError: it is none, or passes a limit.
        """
        if len(raw) > NOTE_BYTES_MAX:
            raise NoteError(f"a note of {len(raw)} bytes; at most {NOTE_BYTES_MAX}")
        try:
            whole = raw.decode()
        except UnicodeDecodeError as error:
            raise NoteError(f"not UTF-8 at byte {error.start}") from error
        if any(c < " " and c != "\n" for c in whole):
            raise NoteError("a note with control characters")
        text, parted, below = whole.rpartition(_PARTED)
        if not parted or not below.endswith("\n"):
            raise NoteError(
                "no signed note; expected a text, an empty line, lines of signatures"
            )
        lines = below[:-1].split("\n")
        if len(lines) > SIGNATURES_MAX:
            raise NoteError(f"{len(lines)} signatures; at most {SIGNATURES_MAX}")
        return cls(text + "\n", tuple(NoteSignature.parse(line) for line in lines))

    def __bytes__(self) -> bytes:
        lines = "".join(f"{signature}\n" for signature in self.signatures)
        return f"{self.text}\n{lines}".encode()


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds; a witness's says at which time it was made."""

    by: VerifierKey
    time_s: int | None = None


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key by its name, and how it signs.

    Raises:
        NoteError: no name of a key.
    """

    name: str
    key: PublicKey
    type: KeyType = KeyType.ED25519

    def __post_init__(self) -> None:
        check_name(self.name)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `name+id+key`.

        Raises:
            NoteError: it is no vkey, its id is another key's, or its type is not
                read here.
        """
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise NoteError(
                f"{vkey[:80]!r} is no verifier key; expected name+id+key, as"
                " `octostore log key` prints it"
            )
        name, id_, raw = parts[0], parts[1], from_base64(parts[2])
        types = {int(known): known for known in KeyType}
        if not raw or raw[0] not in types:
            raise NoteError(f"a key of type {raw[:1].hex() or 'none'}; read: 01, 04")
        try:
            found = cls(name, PublicKey(raw[1:]), types[raw[0]])
        except DidError as error:
            raise NoteError(f"the verifier key of {name}: {error.reason}") from error
        if found.id.hex() != id_:
            raise NoteError(
                f"the verifier key of {name} has id {found.id.hex()}, not {id_[:16]!r}"
            )
        return found

    @property
    def id(self) -> bytes:
        """What its signatures name it by, beside the name."""
        return key_id(self.name, self.type, self.key.raw)

    def verify(self, text: str, signature: bytes) -> Verified:
        """Return if the signature of this text holds.

        Raises:
            NoteError: it does not.
        """
        time_s, signed = None, text.encode()
        if self.type == KeyType.COSIGNATURE:
            time_s = int.from_bytes(signature[:_TIME_BYTES], "big")
            if time_s > TIME_S_MAX:
                raise NoteError(
                    f"{self.name} signed at time {time_s}; at most {TIME_S_MAX}"
                )
            signed, signature = _cosigned(text, time_s), signature[_TIME_BYTES:]
        try:
            self.key.verify(signature, signed)
        except SignatureError as error:
            raise NoteError(
                f"the signature of {self.name} ({self.id.hex()}) does not hold"
            ) from error
        return Verified(self, time_s)

    def __str__(self) -> str:
        raw = bytes((self.type,)) + self.key.raw
        return f"{self.name}+{self.id.hex()}+{to_base64(raw)}"


@dataclass(frozen=True, slots=True)
class Signer:
    """A secret key by its name, and how it signs."""

    name: str
    key: SecretKey
    type: KeyType = KeyType.ED25519

    @property
    def verifier(self) -> VerifierKey:
        """What others verify with."""
        return VerifierKey(self.name, self.key.public, self.type)

    def sign(self, text: str, *, time_s: int = 0) -> NoteSignature:
        """Sign a text; `time_s` is what a cosignature says of now, in Unix seconds."""
        if self.type == KeyType.COSIGNATURE:
            stamp = time_s.to_bytes(_TIME_BYTES, "big")
            made = stamp + self.key.sign(_cosigned(text, time_s))
        else:
            made = self.key.sign(text.encode())
        return NoteSignature(self.name, self.verifier.id, made)


def verify_note(note: Note, keys: Sequence[VerifierKey]) -> tuple[Verified, ...]:
    """The signatures of these keys, once each; those of other keys are passed over.

    Raises:
        NoteError: a signature of one of the keys does not hold.
    """
    known = {(key.name, key.id): key for key in keys}
    found: dict[VerifierKey, Verified] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            verified = key.verify(note.text, signature.signature)
            found.setdefault(key, verified)
    return tuple(found.values())


def _cosigned(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()
