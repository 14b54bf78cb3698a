"""What a WASI call answers when it cannot do what it was asked.

Numbers: `errno` in typenames.witx of WASI snapshot preview1.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Errno", "WasiError"]


class Errno(IntEnum):
    """The error numbers that our calls answer."""

    BADF = 8
    EXIST = 20
    FAULT = 21
    ILSEQ = 25
    INVAL = 28
    ISDIR = 31
    LOOP = 32
    MFILE = 33
    NAMETOOLONG = 37
    NOENT = 44
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSOCK = 57
    NOTSUP = 58
    PERM = 63
    SPIPE = 70


class WasiError(Exception):
    """Ends one WASI call with an error number, which the guest sees."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno
