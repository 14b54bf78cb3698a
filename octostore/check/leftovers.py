"""Rows of invocations that nobody claims: what a delivery that was cut off left.

Such rows hold no place in the log, so a large statement commits them before it is
logged. Killed in between they stay, and the same delivery finds them when it comes
again. They are no fault if they follow from blocks that are there.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from invocation_spec.errors import OctostoreError
from invocation_spec.model import Invocation
from octostore import tables
from octostore.check.differences import differences
from octostore.closure import Closure, Ran
from octostore.draft import Draft
from octostore.index import index_invocation
from octostore.tables import Known
from octostore.view import View

__all__ = ["LEFTOVERS_MAX", "keep_leftovers"]

#: Invocations that are looked at; the rest are faults. One crash leaves at most
#: those of one statement.
LEFTOVERS_MAX: Final = 1 << 16


def keep_leftovers(view: View, draft: Draft) -> None:
    """Derive the rows of kept invocations too, as far as their blocks bear them out.

    Raises:
        StoreError: a table cannot be read, or there is no scratch space.
    """
    name, keys = tables.BY_PROGRAM.name, tables.BY_PROGRAM.key
    closure = Closure(view.find_block)
    odd = differences(view.rows.scan(name), draft.scan(name))
    for key, kept, _ in list(islice(odd, LEFTOVERS_MAX)):
        if kept is not None:
            number = keys.decode(key)[1]
            known = Known(tables.OTHER_HALF.decode(kept)[1])
            try:
                index_invocation(draft, closure, _ran(view, closure, number, known))
            except OctostoreError:
                continue  # nothing bears it out; the comparison will name it
            draft.commit_if_large()


def _ran(view: View, closure: Closure, number: int, known: Known) -> Ran:
    invocation = Invocation.from_block(view.block(number))
    return Ran(
        invocation.cid,
        invocation,
        closure.program(invocation.program) if Known.PROGRAM in known else None,
        closure.input(invocation.input) if Known.INPUT in known else None,
    )
