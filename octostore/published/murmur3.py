"""MurmurHash3 x64 128, its first half: by it sharded folders of UnixFS are divided.

No hash against anybody; who fills a folder can choose where in it names stand.
Source: MurmurHash3 by Austin Appleby, in the public domain.
"""

from __future__ import annotations

from typing import Final

__all__ = ["murmur3"]

_MASK: Final = (1 << 64) - 1
_C1: Final = 0x87C37B91114253D5
_C2: Final = 0x4CF5AD432745937F


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _MASK


def _mixed(value: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor & _MASK
    return value ^ value >> 33


def murmur3(data: bytes) -> int:
    """The first 64 bits of MurmurHash3 x64 128, by which folders are sharded."""
    one = two = 0
    whole = len(data) - len(data) % 16
    for at in range(0, whole, 16):
        low = int.from_bytes(data[at : at + 8], "little")
        high = int.from_bytes(data[at + 8 : at + 16], "little")
        one ^= _rotated(low * _C1 & _MASK, 31) * _C2 & _MASK
        one = ((_rotated(one, 27) + two) * 5 + 0x52DCE729) & _MASK
        two ^= _rotated(high * _C2 & _MASK, 33) * _C1 & _MASK
        two = ((_rotated(two, 31) + one) * 5 + 0x38495AB5) & _MASK
    low = int.from_bytes(data[whole : whole + 8], "little")
    high = int.from_bytes(data[whole + 8 :], "little")
    two ^= _rotated(high * _C2 & _MASK, 33) * _C1 & _MASK
    one ^= _rotated(low * _C1 & _MASK, 31) * _C2 & _MASK
    one, two = one ^ len(data), two ^ len(data)
    one = (one + two) & _MASK
    two = (two + one) & _MASK
    one, two = _mixed(one), _mixed(two)
    return (one + two) & _MASK
