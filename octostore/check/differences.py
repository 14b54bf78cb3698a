"""Two ordered runs of rows, held against each other."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["differences"]


def differences(
    kept: Iterator[tuple[bytes, bytes]], derived: Iterator[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    """Keys whose rows differ, of two ordered runs: key, kept value, derived value."""
    a, b = next(kept, None), next(derived, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0] < b[0]):
            assert a is not None  # noqa: S101 - for mypy
            yield a[0], a[1], None
            a = next(kept, None)
        elif a is None or b[0] < a[0]:
            yield b[0], None, b[1]
            b = next(derived, None)
        else:
            if a[1] != b[1]:
                yield a[0], a[1], b[1]
            a, b = next(kept, None), next(derived, None)
