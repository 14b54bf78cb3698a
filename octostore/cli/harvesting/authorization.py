"""What a server wants to know of who asks it: a header, from a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from octostore.cli.inputs import read_file
from octostore.cli.rim import UsageError
from octostore.lookup import is_loopback

__all__ = ["AUTHORIZATION_BYTES_MAX", "Authorization", "authorization_of"]

#: Bytes of an Authorization header; servers take 8 KiB for all of them.
AUTHORIZATION_BYTES_MAX: Final = 8192

_AUTHORIZATION: Final = re.compile(r"[!-~]+( [!-~]+)+")

Authorization: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--authorization",
        metavar="FILE",
        help="Holds the header that a server wants: Bearer .., Basic ..",
    ),
]


def authorization_of(file: Path | None, sources: Sequence[str]) -> str | None:
    """The header that a file holds, for servers that nobody else can listen to.

    Raises:
        UsageError: it is no such file, or it would be sent over plain http.
    """
    if file is None:
        return None
    value = read_file(str(file), AUTHORIZATION_BYTES_MAX).decode("ascii", "replace")
    value = value.strip()
    if not _AUTHORIZATION.fullmatch(value):
        raise UsageError(
            "expected one line, such as `Bearer ..` or `Basic ..`", at=str(file)
        )
    for url in sources:
        if url.startswith("http://") and not is_loopback(url):
            raise UsageError("would be sent over plain http; use https", at=url)
    return value
