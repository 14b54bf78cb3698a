"""How values of one output differ, for people.

R1 to R2: 533 and 534 bytes, from byte 9 on
  @@ -1,3 +1,3 @@
   body,period
  -Earth,365.256
  +Earth,365.257
  12 of 40 numbers differ: by 0.001 at most (line 2: 365.256, 365.257), by 2.7e-06 of
  the larger at most (line 2: ..)
"""

from __future__ import annotations

from collections.abc import Iterable

from octostore.differences import Compared, Difference, Gap, Numbers

__all__ = ["compared_lines"]


def compared_lines(names: str, compared: Compared) -> Iterable[str]:
    """The lines about one value beside the first; `names` says which two."""
    if compared.difference is None:
        yield f"{names}: {compared.missing or 'not compared'}"
        return
    yield f"{names}: {_in_short(compared.difference)}"
    for line in compared.difference.lines:
        yield f"  {line}"
    if compared.difference.more:
        yield "  .. there is more"
    if compared.difference.numbers is not None:
        yield from _of_numbers(compared.difference.numbers)


def _in_short(found: Difference) -> str:
    a, b = found.sizes
    sizes = f"{a:,} bytes each" if a == b else f"{a:,} and {b:,} bytes"
    if found.first is None:
        return f"{sizes}, the same"
    kind = "" if found.text else ", binary"
    return f"{sizes}{kind}, from byte {found.first:,} on"


def _of_numbers(found: Numbers) -> Iterable[str]:
    until = " in the part that was looked at" if found.partial else ""
    yield f"  {found.differing:,} of {found.compared:,} numbers differ{until}"
    if found.absolute is not None:
        yield f"    by {_gap(found.absolute)} at most"
    if found.relative is not None:
        yield f"    relative to the larger, by {_gap(found.relative)} at most"
    if found.other_lines:
        yield f"  {found.other_lines:,} lines differ in more than numbers"


def _gap(found: Gap) -> str:
    return f"{found.gap:.6g} (line {found.line:,}: {found.a}, {found.b})"
