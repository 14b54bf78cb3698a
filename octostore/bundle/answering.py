"""The answer of a store, whole: what a bundle holds, and what its reader computes.

Both ask `who` as of the size of a map, page after page: so maker and reader of a
bundle have one answer if they have the same statements, and it is what the map
speaks of. Source: docs/spec/bundle.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from invocation_spec.cid import CID
from octostore.errors import ProofError
from octostore.questions.answer import Answer, Asked, InvocationAnswer
from octostore.questions.claims import REPORTS_MAX
from octostore.questions.who import ONE_INVOCATION_MAX, who
from octostore.store import Octostore

__all__ = ["placed", "whole_answer"]


def whole_answer(store: Octostore, asked: Asked, size: int) -> Answer:
    """All pages in one, as of the first `size` entries of the log.

    Links are left out: no map says whether they are all there.

    Raises:
        ProofError: an invocation has more claims, or outputs of them, than are
            compared at once.
    """
    found: dict[CID, InvocationAnswer] = {}
    for page in _pages(store, asked, size):
        last = page
        for item in page.invocations:
            if item.invocation in found:
                raise ProofError(
                    f"has more than {ONE_INVOCATION_MAX} claims, or {REPORTS_MAX}"
                    " outputs of them, which is the most that a bundle speaks of",
                    at=str(item.invocation),
                )
            found[item.invocation] = item
    return replace(last, invocations=tuple(found.values()), links=(), next=None)


def placed(item: InvocationAnswer, places: Mapping[CID, int]) -> InvocationAnswer:
    """The same, with each claim at the place of its statement in another log.

    Raises:
        ProofError: a claim of a statement that has no place there.
    """
    for claim in item.claims:
        if claim.statement not in places:
            raise ProofError(
                "a claim of a statement that is not listed", at=str(claim.claim)
            )
    return replace(
        item,
        claims=tuple(
            replace(claim, index=places[claim.statement]) for claim in item.claims
        ),
    )


def _pages(store: Octostore, asked: Asked, size: int) -> Iterator[Answer]:
    page = who(store, asked, as_of=size)
    yield page
    while page.next is not None:
        page = who(store, asked, as_of=size, after=page.next)
        yield page
