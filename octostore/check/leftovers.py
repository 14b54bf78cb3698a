"""Rows of invocations and results that nobody claims: what a cut-off delivery left.

Such rows hold no place in the log, so a large statement commits them before it is
logged. Killed in between they stay, and the same delivery finds them when it comes
again. They are no fault if they follow from blocks that are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from invocation_spec.errors import OctostoreError
from octostore import tables
from octostore.check.differences import differences
from octostore.closure import Closure, Ran
from octostore.draft import Draft
from octostore.index import Index
from octostore.tables import Known, Layout
from octostore.view import View

__all__ = ["LEFTOVERS_MAX", "keep_leftovers"]

#: Rows that are looked at, of each table; the rest are faults. One crash leaves at
#: most those of one statement.
LEFTOVERS_MAX: Final = 1 << 16


def keep_leftovers(view: View, draft: Draft) -> None:
    """Derive the rows of what is kept too, as far as its blocks bear them out.

    Raises:
        StoreError: a table cannot be read, or there is no scratch space.
    """
    index = Index(draft, view.find_digest)
    for number, kept in _odd(view, draft, tables.RAN):
        (known,) = tables.RAN_VALUE.decode(kept)
        try:
            index.add_invocation(_ran(view, index.closure, number, Known(known)))
        except OctostoreError:
            continue  # nothing bears it out; the comparison will name it
        draft.commit_if_large()
    for _, number, _ in _odd(view, draft, tables.OUTPUTS):
        try:
            index.add_outputs(hashlib.sha256(view.block(number)).digest())
        except OctostoreError:
            continue
        draft.commit_if_large()


def _odd(
    view: View, draft: Draft, table: Layout[*tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Keys, as their parts, and values of rows that were not derived."""
    odd = differences(view.rows.scan(table.name), draft.scan(table.name))
    for key, kept, _ in list(islice(odd, LEFTOVERS_MAX)):
        if kept is not None:
            yield (*table.key.decode(key), kept)


def _ran(view: View, closure: Closure, number: int, known: Known) -> Ran:
    digest = hashlib.sha256(view.block(number)).digest()
    program, input = closure.ends(digest)
    return Ran(
        digest,
        program,
        input,
        closure.program(program) if Known.PROGRAM in known else None,
        closure.given(input) if Known.INPUT in known else None,
    )
