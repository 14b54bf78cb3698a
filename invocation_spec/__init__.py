"""What was asked: jobs of every network as one canonical invocation.

Pure functions, no IO, no clock, no network; usable alone by a compute network.

    from invocation_spec import canonicalize

    outcome, = canonicalize(job_bytes)
    outcome.name, outcome.invocation.cid
"""

from invocation_spec.canonicalize import NETWORKS, canonicalize
from invocation_spec.cid import CID
from invocation_spec.errors import (
    CidError,
    DocumentError,
    EncodingError,
    MutableNameError,
    OctostoreError,
)
from invocation_spec.explain import Explanation, explain
from invocation_spec.model import Input, Invocation, Program
from invocation_spec.outcome import RULES, Outcome
from invocation_spec.resolutions import Resolutions

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
