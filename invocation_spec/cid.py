"""Content identifiers, one value and one spelling.

    bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy
    01 55 12 20 <32 bytes>     version, codec raw, sha2-256, length, digest

Whatever way a CID is written (`Qm..`, `bafy..`, `z..`, upper case), the value
is the binary CIDv1 and `str` gives it in lower-case base32. Codec and multihash
of others are kept; hashes that do not resist collisions are refused.
Source: FORMATS 1; the CID and multihash specifications of multiformats.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Protocol, Self

from invocation_spec.base58 import from_base58
from invocation_spec.errors import CidError, MutableNameError

__all__ = [
    "CID",
    "CID_TEXT_MAX",
    "DAG_CBOR",
    "DAG_PB",
    "EMPTY_BYTES",
    "LIBP2P_KEY",
    "RAW",
    "SHA2_256",
    "SHA2_384",
    "SHA2_512",
    "SHA3_BY_BYTES",
    "Hasher",
    "identity_of",
    "spelled_bytes",
]

RAW = 0x55
DAG_PB = 0x70
DAG_CBOR = 0x71
LIBP2P_KEY = 0x72

SHA2_256 = 0x12
SHA2_384 = 0x20
SHA2_512 = 0x13
_IDENTITY = 0x00

#: Golem writes `sha3` and means the width by the length of the digest, in bytes.
SHA3_BY_BYTES = {28: 0x17, 32: 0x16, 48: 0x15, 64: 0x14}

#: Multihash code -> (name, digest length in bytes): collision resistant, whole.
_HASHES = {
    SHA2_256: ("sha2-256", 32),
    SHA2_384: ("sha2-384", 48),
    SHA2_512: ("sha2-512", 64),
    0x17: ("sha3-224", 28),
    0x16: ("sha3-256", 32),
    0x15: ("sha3-384", 48),
    0x14: ("sha3-512", 64),
    0xB220: ("blake2b-256", 32),
    0x1E: ("blake3", 32),
}

#: Longest text that is looked at. Identity CIDs hold their bytes, so this also
#: bounds what `data:`-like identifiers can carry; the longest hash needs 116.
CID_TEXT_MAX = 4096

#: A varint of a multicodec has at most nine bytes (unsigned-varint spec).
_VARINT_BYTES_MAX = 9

_CBOR_SHA256 = bytes((1, DAG_CBOR, SHA2_256, 32))
_RAW_SHA256 = bytes((1, RAW, SHA2_256, 32))

#: First bytes of CIDs with 32 bytes of digest -> codec and hash: almost all there are.
_COMMON = {
    bytes((1, codec, code, 32)): (codec, code)
    for codec in (DAG_CBOR, RAW, DAG_PB)
    for code in (SHA2_256, SHA3_BY_BYTES[32])
}

_COMMON_BYTES = 36

#: Of 64 digits of five bits: which bits stay and which move up, and how far, until each
#: digit has eight bits for itself.
_APART = tuple(
    (
        sum(((1 << 5 * half) - 1) << 16 * half * n for n in range(32 // half)),
        sum(
            ((1 << 5 * half) - 1) << 16 * half * n + 5 * half for n in range(32 // half)
        ),
        3 * half,
    )
    for half in (32, 16, 8, 4, 2, 1)
)
_LETTERS = bytes.maketrans(bytes(range(32)), b"abcdefghijklmnopqrstuvwxyz234567")

_BASE32 = re.compile(r"b[a-z2-7]+")
#: Base58btc as long as 36 bytes take; a leading 1 would be a zero byte.
_BASE58 = re.compile(r"z[2-9A-HJ-NP-Za-km-z][1-9A-HJ-NP-Za-km-z]{43,50}")
_CIDV0 = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{44}")

#: From the digits of base32 to those that `int` reads to base 32.
_DIGITS = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyz234567", b"0123456789abcdefghijklmnopqrstuv"
)

#: Digits of base32 that are left over after whole groups of eight, if any bytes are
#: written so.
_BASE32_RESTS = (0, 2, 4, 5, 7)


class Hasher(Protocol):
    """A hash function under way, as `hashlib` has them."""

    def update(self, data: bytes, /) -> object:
        """Take more bytes."""
        ...

    def digest(self) -> bytes:
        """The digest of all that was taken."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class CID:
    """A CIDv1 in binary form; equal CIDs are equal bytes.

    Raises:
        CidError: the bytes are not a CID, or its hash is not one we accept.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) == 36 and self.raw[:4] in _COMMON:
            return
        codec, code, digest = _split(self.raw)
        _check_kind(codec, code, digest)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read any spelling of a bare CID: CIDv0, or CIDv1 in any multibase.

        Raises:
            CidError: the text is no CID or is not the only spelling in its base.
        """
        return cls.from_bytes(spelled_bytes(text))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Take binary CIDv0 or CIDv1; an identity CID of raw bytes is re-hashed."""
        if len(raw) == 34 and raw[:2] == b"\x12\x20":
            return cls(bytes((1, DAG_PB)) + raw)
        if raw[2:3] == b"\x00":
            codec, code, digest = _split(raw)
            if code == _IDENTITY and codec == RAW:
                return cls.of_bytes(digest)
        return cls(raw)

    @classmethod
    def of_block(cls, block: bytes) -> Self:
        """The CID of a DAG-CBOR block: dag-cbor, sha2-256."""
        return cls(_CBOR_SHA256 + hashlib.sha256(block).digest())

    @classmethod
    def of_block_digest(cls, digest: bytes) -> Self:
        """The CID of the DAG-CBOR block with this sha2-256, of 32 bytes.

        Makes no detour through the checks, which it cannot fail: stores make
        several for every claim that they read.
        """
        assert len(digest) == 32, digest.hex()  # noqa: S101
        cid = object.__new__(cls)
        _put_raw(cid, _CBOR_SHA256 + digest)
        return cid

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """The preferred CID of a file: raw, sha2-256 of its whole bytes."""
        return cls(_RAW_SHA256 + hashlib.sha256(data).digest())

    @classmethod
    def of_digest(cls, digest: bytes, *, hash_code: int = SHA2_256) -> Self:
        """The CID of bytes known by a digest of another world: codec raw."""
        return cls(
            b"\x01" + _varint(RAW) + _varint(hash_code) + _varint(len(digest)) + digest
        )

    @property
    def codec(self) -> int:
        """Multicodec code of what the bytes are."""
        common = _COMMON.get(self.raw[:4])
        return common[0] if common else _split(self.raw)[0]

    @property
    def hash_code(self) -> int:
        """Multihash code."""
        common = _COMMON.get(self.raw[:4])
        return common[1] if common else _split(self.raw)[1]

    @property
    def digest(self) -> bytes:
        """The bare digest."""
        if self.raw[:4] in _COMMON:
            return self.raw[4:]
        return _split(self.raw)[2]

    def matches(self, data: bytes) -> bool:
        """Whether `data` hashes to this CID.

        Raises:
            CidError: this Python cannot compute the hash function (blake3).
        """
        return _digest_of(self.hash_code, data) == self.digest

    def hasher(self) -> Hasher:
        """What makes `digest` of the bytes, for those that come piece by piece.

        Raises:
            CidError: this Python cannot compute the hash function (blake3).
        """
        return _hasher(self.hash_code)

    def __bytes__(self) -> bytes:
        return self.raw

    def __str__(self) -> str:
        if len(self.raw) == _COMMON_BYTES:
            return _common_text(self.raw)
        return "b" + base64.b32encode(self.raw).decode().lower().rstrip("=")

    def __repr__(self) -> str:
        return f"CID({self})"


def _common_text(raw: bytes) -> str:
    """The same of 36 bytes, which an answer spells by the hundred.

    `base64.b32encode` is Python, some digits at a time. Here the digits of all are put
    into bytes of their own at once: halves of what is left are moved apart, six times.
    """
    value = int.from_bytes(raw, "big") << 2  # 288 bits are 58 digits, less two bits
    for low, high, shift in _APART:
        value = value & low | (value & high) << shift
    return "b" + value.to_bytes(58, "big").translate(_LETTERS).decode()


#: Sets the one field of a CID, in a third of the time of `object.__setattr__`.
_put_raw = vars(CID)["raw"].__set__


def _hasher(hash_code: int) -> Hasher:
    name, size = _HASHES[hash_code]
    if name == "blake2b-256":
        return hashlib.blake2b(digest_size=size)
    if name == "blake3":
        raise CidError("blake3 digests cannot be checked here; expected sha2-256")
    return hashlib.new(name.replace("sha2-", "sha").replace("-", "_"))


def _digest_of(hash_code: int, data: bytes) -> bytes:
    hasher = _hasher(hash_code)
    hasher.update(data)
    return hasher.digest()


def spelled_bytes(text: str) -> bytes:
    """The bytes that the text of a CID spells, a CIDv0 as it is.

    Raises:
        CidError: the text is no CID or is not the only spelling in its base.
    """
    if len(text) > CID_TEXT_MAX:
        raise CidError(f"{len(text)} characters; a CID has at most {CID_TEXT_MAX}")
    if _CIDV0.fullmatch(text):
        return from_base58(text)
    # A NUL would be the multibase of bytes as they are, which is no text.
    if not text or text.startswith(("Qm", "\0")) or not text.isascii():
        raise CidError(f"{_shown(text)} is not a CID")
    if _BASE32.fullmatch(text):
        raw = _base32(text)
    elif _BASE58.fullmatch(text):
        raw = from_base58(text[1:])
    else:
        raw = _multibase(text)
    if raw[:1] != b"\x01":  # a CIDv0 has no multibase: its one spelling is Qm..
        raise CidError(f"{_shown(text)} is not a CIDv1")
    return raw


def identity_of(raw: bytes) -> tuple[int, bytes] | None:
    """The codec and the bytes that a binary identity CID holds; None of any other.

    No block has such a CID, for nothing has to be fetched. Source: the identity
    multihash, code 0x00 of multicodec.

    Raises:
        CidError: the bytes are no CID.
    """
    if (len(raw) == 36 and raw[:4] in _COMMON) or raw[:1] != b"\x01":
        return None
    codec, code, held = _split(raw)
    return (codec, held) if code == _IDENTITY else None


def _base32(text: str) -> bytes:
    body = text[1:]
    if len(body) % 8 not in _BASE32_RESTS:
        raise CidError(f"{_shown(text)} is not base32: Incorrect padding")
    size, spare = divmod(5 * len(body), 8)
    value = int(body.encode().translate(_DIGITS), 32)
    if value & (1 << spare) - 1:
        raise CidError(f"{_shown(text)} has spare bits set; no CID is written so")
    return (value >> spare).to_bytes(size, "big")


def _multibase(text: str) -> bytes:
    from multiformats import multibase  # its tables load slowly; rarely needed

    try:
        base, raw = multibase.decode_raw(text)
        again = base.encode(raw)
    except (KeyError, ValueError) as error:
        raise CidError(f"{_shown(text)} is not a CID") from error
    if again != text and again.lower() != text.lower():
        raise CidError(f"{_shown(text)} is not the only spelling of its bytes")
    return bytes(raw)


def _split(raw: bytes) -> tuple[int, int, bytes]:
    version, at = _read_varint(raw, 0)
    if version != 1:
        raise CidError(f"version {version} in {_shown_bytes(raw)}; expected CIDv1")
    codec, at = _read_varint(raw, at)
    code, at = _read_varint(raw, at)
    size, at = _read_varint(raw, at)
    if len(raw) - at != size:
        raise CidError(
            f"{_shown_bytes(raw)} holds {len(raw) - at} bytes of digest;"
            f" its multihash says {size}"
        )
    return codec, code, raw[at:]


def _check_kind(codec: int, code: int, digest: bytes) -> None:
    if codec == LIBP2P_KEY:
        raise MutableNameError("a libp2p key (IPNS) names whoever holds it, no content")
    if code == _IDENTITY:
        raise CidError(
            "an identity hash holds bytes, it does not hash them; expected the hash"
            " of a block or file"
        )
    if code not in _HASHES:
        raise CidError(
            f"multihash code {code:#x} is not collision resistant or not known;"
            f" expected {', '.join(name for name, _ in _HASHES.values())}"
        )
    name, size = _HASHES[code]
    if len(digest) != size:
        raise CidError(
            f"{name} digest of {len(digest)} bytes; expected all {size}, not truncated"
        )


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for offset in range(_VARINT_BYTES_MAX):
        if at + offset >= len(raw):
            raise CidError(f"{_shown_bytes(raw)} breaks off inside a number")
        byte = raw[at + offset]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and offset > 0:
                raise CidError(f"{_shown_bytes(raw)} spells a number with spare bytes")
            return value, at + offset + 1
        shift += 7
    raise CidError(f"{_shown_bytes(raw)} has a number of more than nine bytes")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _shown_bytes(raw: bytes) -> str:
    return raw[:40].hex() + ("..." if len(raw) > 40 else "") or "nothing"


#: CIDs of zero bytes, by every accepted hash that can be computed: an empty stdin.
EMPTY_BYTES = frozenset(
    CID.of_digest(_digest_of(code, b""), hash_code=code)
    for code, (name, _) in _HASHES.items()
    if name != "blake3"
) | {
    CID.of_digest(
        bytes.fromhex(
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        ),
        hash_code=0x1E,
    )
}
