"""What was asked: jobs of every network as one canonical invocation.

Pure functions, no IO, no clock, no network; usable alone by a compute network.

    from invocation_spec import canonicalize

    outcome, = canonicalize(job_bytes)
    outcome.name, outcome.invocation.cid

A CID and the errors are here at once. The rest, with an adapter for every network
below it, is loaded when one of its names is asked for (PEP 562). No module of this
package may be called like a name of it: loading the module would take its place.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from invocation_spec.cid import CID
from invocation_spec.errors import (
    CidError,
    DocumentError,
    EncodingError,
    MutableNameError,
    OctostoreError,
)

if TYPE_CHECKING:
    from invocation_spec.canonicalization import NETWORKS, canonicalize
    from invocation_spec.explanation import Explanation, explain
    from invocation_spec.model import Input, Invocation, Program
    from invocation_spec.outcome import RULES, Outcome
    from invocation_spec.resolutions import Resolutions
else:
    #: Where each name is that is not here yet; as above, where types are checked.
    _PLACES: Final = {
        "NETWORKS": "canonicalization",
        "canonicalize": "canonicalization",
        "Explanation": "explanation",
        "explain": "explanation",
        "Input": "model",
        "Invocation": "model",
        "Program": "model",
        "RULES": "outcome",
        "Outcome": "outcome",
        "Resolutions": "resolutions",
    }

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_PLACES[name]}")
        found = globals()[name] = getattr(module, name)
        return found

    def __dir__() -> list[str]:
        return __all__


__all__ = [
    "CID",
    "NETWORKS",
    "RULES",
    "CidError",
    "DocumentError",
    "EncodingError",
    "Explanation",
    "Input",
    "Invocation",
    "MutableNameError",
    "OctostoreError",
    "Outcome",
    "Program",
    "Resolutions",
    "canonicalize",
    "explain",
]
