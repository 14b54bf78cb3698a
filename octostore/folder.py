"""The folder of a store, whichever engine keeps it: is it one, may it be made."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from octostore.durable import make_folders, sync_name
from octostore.errors import StoreError, StoreFullError

__all__ = ["NO_SPACE", "check_folder", "disk_error"]

#: What a system says that has no room left for us.
NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_folder(
    path: Path, data: str, beside: Collection[str], *, readonly: bool
) -> None:
    """Make the folder of a store, or see that it is one or may become one.

    `data` is the file that every store of the engine has; `beside` are files that
    may stand there before it.

    Raises:
        StoreError: no folder, another folder, or not to be made or read.
    """
    try:
        if not path.exists() and not readonly:
            make_folders(path, 0o700)
        names = {item.name for item in path.iterdir()}
    except FileNotFoundError as error:
        raise StoreError("no store here; `ingest` makes one", at=str(path)) from error
    except NotADirectoryError as error:
        raise StoreError("a file; a store is a folder", at=str(path)) from error
    except OSError as error:
        raise disk_error(error, path) from error
    if data not in names and (readonly or names.difference(beside)):
        raise StoreError("this folder is not a store; name another", at=str(path))
    if data not in names:
        # Whoever made the folder may have been killed before its name was synced.
        try:
            sync_name(path)
        except OSError as error:
            raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> StoreError:
    """What an error of the system is called here."""
    if error.errno in NO_SPACE:
        return StoreFullError("no space left; free some and try again", at=str(path))
    if error.errno == errno.EEXIST:
        return StoreError("exists; a copy never overwrites", at=str(path))
    return StoreError(os.strerror(error.errno or 0), at=str(path))
