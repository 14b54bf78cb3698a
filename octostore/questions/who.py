"""The question: who got which result for this program on this input?

    who(store, Asked(program=C1, input=D1))

C1 may be a program or a code in it, D1 an input or data in it; or an invocation
is asked for. Records of delegation, membership and revocation are not weighed
here: an answer says who signed what, not whom to believe. Source: FORMATS 9.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import Invocation
from octostore.map.heads import head_at
from octostore.questions.answer import Answer, Asked, InvocationAnswer
from octostore.questions.claims import ClaimReader, summarize
from octostore.questions.found import Found, disclosed, indexed, is_asked, read_found
from octostore.questions.search import PLACE_BYTES, Place, search
from octostore.store import Octostore
from octostore.tables import Known
from octostore.view import View

__all__ = [
    "CLAIMS_MAX",
    "LINKS_MAX",
    "LOOKS_MAX",
    "ONE_INVOCATION_MAX",
    "answer_of",
    "links_of",
    "who",
]

#: Claims on one page. A page ends with a whole invocation.
CLAIMS_MAX: Final = 1000

#: Claims of one invocation that are compared at once; one with more goes on
#: on the next page, and each page then speaks of its own claims.
ONE_INVOCATION_MAX: Final = 10_000

#: Candidates looked at for one page, so that a question costs a bounded time.
LOOKS_MAX: Final = 20_000

#: Link records shown with an answer.
LINKS_MAX: Final = 100

#: A place in the search, and perhaps a claim: log index and record number.
_CURSOR_BYTES: Final = (PLACE_BYTES, PLACE_BYTES + 12)


def who(
    store: Octostore,
    asked: Asked,
    *,
    limit: int = CLAIMS_MAX,
    after: str | None = None,
    as_of: int | None = None,
) -> Answer:
    """All claims about the invocations asked for, at one checkpoint.

    An answer without invocations is an answer. `next`, given back as `after`,
    continues a long one; the page that follows may have a later checkpoint, and
    may be empty. With `as_of` the answer is that of the first so many entries of
    the log; the map head is the latest among them.

    Raises:
        NotFoundError: `as_of` is more than the log has.
        DocumentError: `after` is no `next` of an answer.
        StoreError: the store cannot be read.
    """
    with store.view(as_of) as view:
        return answer_of(view, asked, limit=limit, after=after)


def answer_of(
    view: View, asked: Asked, *, limit: int = CLAIMS_MAX, after: str | None = None
) -> Answer:
    """The same from a view, for whoever asks it more; see `who`."""
    return _Page(view, asked, min(max(limit, 1), CLAIMS_MAX)).answer(after)


class _Page:
    """One page of an answer in the making."""

    def __init__(self, view: View, asked: Asked, limit: int) -> None:
        self._view = view
        self._asked = asked
        self._limit = limit
        self._claims = ClaimReader(view)
        self._found: list[InvocationAnswer] = []
        self._next: str | None = None

    def answer(self, after: str | None) -> Answer:
        checkpoint = self._view.checkpoint()
        self._fill(after)
        return Answer(
            asked=self._asked,
            checkpoint=checkpoint,
            invocations=tuple(self._found),
            links=links_of(self._view, self._asked, self._found),
            next=self._next,
            map=head_at(self._view.rows, checkpoint.size),
        )

    def _fill(self, after: str | None) -> None:
        place, claim = _read_cursor(after) if after is not None else (None, None)
        count = 0
        found = search(self._view, self._asked, place)
        for looks, (at, number) in enumerate(found):
            # A full page ends before an invocation that has claims; if there is none
            # it was the last.
            is_full = count >= self._limit or self._claims.is_full
            is_over = is_full and self._has_claims(number)
            if is_over or looks >= LOOKS_MAX:
                assert place is not None  # noqa: S101
                self._next = _cursor(place)
                return
            if number is not None and not is_full:
                count += self._add(at, number, claim)
                if self._next is not None:
                    return
            place, claim = at, None

    def _add(self, at: Place, number: int, after: tuple[int, int] | None) -> int:
        claims, more = self._claims.read(number, after, ONE_INVOCATION_MAX)
        if more is not None:
            self._next = _cursor(at, more)
        if not claims:
            return 0
        block = self._view.block(number)
        cid, invocation = CID.of_block(block), Invocation.from_block(block)
        nonced = self._is_nonced(number)
        if self._view.is_as_of:
            found = self._found_then(number, invocation)
            if not is_asked(self._asked, found):
                return 0  # what leads to it was disclosed later
            nonced = found.input is not None and bool(found.input.nonce)
        self._found.append(summarize(cid, invocation, claims, nonced=nonced))
        return len(claims)

    def _has_claims(self, number: int | None) -> bool:
        """Whether a candidate belongs to the answer."""
        if number is None or next(self._view.claims_of(number), None) is None:
            return False
        if not self._view.is_as_of:
            return True
        invocation = Invocation.from_block(self._view.block(number))
        return is_asked(self._asked, self._found_then(number, invocation))

    def _found_then(self, number: int, invocation: Invocation) -> Found:
        """An invocation with what of it was disclosed as of the view."""
        return read_found(self._view, invocation, disclosed(self._view, number))

    def _is_nonced(self, number: int) -> bool:
        """Whether a claim has disclosed an input with a nonce, as of now."""
        return Known.NONCED in indexed(self._view, number)


def links_of(
    view: View, asked: Asked, found: Iterable[InvocationAnswer]
) -> tuple[CID, ...]:
    """The link records that name what was asked or found, at most `LINKS_MAX`."""
    named = [asked.program, asked.input, asked.invocation]
    for item in found:
        named += item.invocation, item.program, item.input
    links: dict[CID, None] = {}
    for cid in dict.fromkeys(named):
        if cid is None:
            continue
        for link in view.links_of(cid):
            links[link] = None
            if len(links) >= LINKS_MAX:
                return tuple(links)
    return tuple(links)


def _cursor(place: Place, claim: tuple[int, int] | None = None) -> str:
    parts = claim or ()
    return _text(bytes(place) + b"".join(part.to_bytes(6, "big") for part in parts))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[Place, tuple[int, int] | None]:
    """Where to go on: after a place, or at it, after one of its claims."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise _no_cursor() from error
    if len(raw) not in _CURSOR_BYTES or _text(raw) != text:
        raise _no_cursor()
    place, claim = Place.from_bytes(raw[:PLACE_BYTES]), raw[PLACE_BYTES:]
    if not claim:
        return place, None
    index, record = int.from_bytes(claim[:6], "big"), int.from_bytes(claim[6:], "big")
    return place._replace(number=place.number - 1), (index, record)


def _no_cursor() -> DocumentError:
    return DocumentError(
        "not the `next` of an answer; that of a proven page goes on with a proof only",
        at="after",
    )
