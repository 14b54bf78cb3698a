"""How many of what, in words: `1 entry`, `2 entries`."""

from __future__ import annotations

__all__ = ["counted", "entries", "first_entries"]


def counted(number: int, noun: str) -> str:
    """The number with the noun, in the singular or the plural of English."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}s"


def entries(number: int) -> str:
    """How long a log is: `1 entry`, `2 entries`."""
    return counted(number, "entry")


def first_entries(number: int) -> str:
    """How far a log is meant: `first entry`, `first 2 entries`."""
    return f"first {entries(number)}" if number != 1 else "first entry"
