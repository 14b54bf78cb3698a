"""How a process of our own is started: this interpreter, these folders, one module.

Not `multiprocessing`, which runs the caller's own script again.
"""

from __future__ import annotations

import json
import sys
from typing import Final

from octostore.errors import StoreError

__all__ = ["command"]

#: With -P, or a file in the folder where we were started could stand for a module of
#: ours.
_RUN: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from {} import main;"
    " main()"
)


def command(module: str, *arguments: str) -> list[str]:
    """The command that calls `main()` of a module; it finds arguments in `sys.argv`.

    Raises:
        StoreError: this program has no interpreter of its own, as where Python is
            embedded.
    """
    if not sys.executable:
        raise StoreError("no interpreter to start a process with")
    run = _RUN.format(module)
    return [sys.executable, "-P", "-c", run, json.dumps(sys.path), *arguments]
