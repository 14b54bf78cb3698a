"""Guest paths: absolute, clean, one spelling each.

    inputs//a/./b/../c/   ->   /inputs/a/c

Source: FORMATS 3. Every network cleans paths, each in its own way; here a
relative target is taken from `/` and climbing above the root is refused.
"""

from __future__ import annotations

from invocation_spec.errors import EncodingError

__all__ = ["PATH_BYTES_MAX", "base_name", "clean", "is_clean", "join"]

#: Longest path in bytes of UTF-8: PATH_MAX of Linux, where all networks run.
PATH_BYTES_MAX = 4096


def clean(path: str) -> str:
    """The one spelling of a guest path.

    Raises:
        EncodingError: it climbs above the root, holds NUL or half a character, or
            is too long.
    """
    if "\0" in path:
        raise EncodingError(f"path {_shown(path)} holds a NUL character")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not parts:
                raise EncodingError(f"path {_shown(path)} climbs above the root")
            parts.pop()
        else:
            parts.append(part)
    found = "/" + "/".join(parts)
    size = _size(found)
    if size > PATH_BYTES_MAX:
        raise EncodingError(f"path of {size} bytes; at most {PATH_BYTES_MAX}")
    return found


def _size(path: str) -> int:
    try:
        return len(path.encode())
    except UnicodeEncodeError as error:
        raise EncodingError("path holds a lone surrogate, no character") from error


def _shown(path: str) -> str:
    return repr(path if len(path) <= 80 else path[:77] + "...")


def is_clean(path: str) -> bool:
    """Whether `path` is spelled as `clean` spells it."""
    try:
        return clean(path) == path
    except EncodingError:
        return False


def join(directory: str, name: str) -> str:
    """The clean path of one entry of a directory."""
    return clean(f"{directory}/{name}")


def base_name(path: str) -> str:
    """What stands after the last `/`; "" where nothing does."""
    return path.rsplit("/", 1)[-1]
