"""Where a CID was produced, and where it is used.

    produced    claims whose result names it as an output
    used        invocations that run it or are given it

Source: DESIGN 5; reach.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from invocation_spec.cid import CID
from octostore.questions.reach import Role, reach
from octostore.view import LoggedClaim, View

__all__ = ["produced", "used"]


def produced(view: View, output: CID) -> Iterator[LoggedClaim]:
    """Claims with a result that names this CID as an output.

    Ordered by result and invocation as they arrived, within one as they were logged.
    """
    for step in reach(view, Role.OUTPUT, output):
        result = CID.of_block_digest(step.by)
        for claim in view.claims_of(step.number):
            if claim.claim.result == result:
                yield claim


def used(view: View, cid: CID) -> Iterator[int]:
    """Block numbers of invocations that run this CID or are given it, each once.

    It may be a program or a code, an input or data. Of programs and inputs that are
    withheld nothing is known, and nothing found.
    """
    seen: set[int] = set()
    for role in (Role.PROGRAM, Role.INPUT):
        for step in reach(view, role, cid):
            if step.number not in seen:
                seen.add(step.number)
                yield step.number
