"""A page of a long answer that is proved complete: made, and checked.

    page_of(view, asked, after, limit) -> answer, proof     by who has the map
    check_page(view, answer, proof)                         by who has the claims

A page has all claims that the map has from one position to another, in the order of
the map; what came after its head is not on any page. Each page is true for itself,
as of its own head. Source: docs/spec/map.md, Pages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final, NamedTuple

from invocation_spec.cid import CID
from invocation_spec.errors import DocumentError
from invocation_spec.model import Input, Invocation
from octostore import tables
from octostore.errors import ProofError
from octostore.map.keys import Topic, claim_part, component
from octostore.map.pages import prove
from octostore.map.proof import open_proof
from octostore.packed import unpack
from octostore.questions.answer import Answer, Asked, InvocationAnswer
from octostore.questions.claims import Claimed, ClaimReader, summarize
from octostore.questions.completeness import WholeProof, check_head, head_proof
from octostore.questions.found import disclosed
from octostore.questions.ranges import Place, Position, Span, page_questions, places_of
from octostore.questions.search import search
from octostore.questions.who import links_of
from octostore.tables import Known
from octostore.view import View

__all__ = ["PAGED_MAX", "check_page", "page_of", "span_of"]

#: Invocations and claims of one answer that are put in order for a page: the order
#: of the map is not that of any index, so each page looks at all of them.
PAGED_MAX: Final = 1 << 16

_AT_ONCE: Final = 1024

#: Claims read before their outputs are counted again; each may have thousands.
_CLAIMS_AT_ONCE: Final = 8


class _Element(NamedTuple):
    """A claim of the answer: where it stands in the order, and its rows."""

    position: Position
    invocation: int
    row: bytes


def page_of(
    view: View, asked: Asked, after: Position | None, limit: int
) -> tuple[Answer, WholeProof]:
    """The next claims after a position, at most so many, and their proof.

    Raises:
        NotFoundError: no map head, or the map is kept as of a later one.
        ProofError: more claims than are put in order, or none after the position.
    """
    head = head_proof(view)
    elements = sorted(_elements(view, asked, head.logged.head.size))
    positions = [element.position for element in elements]
    begin = 0 if after is None else bisect_right(positions, after)
    page, claimed = _claimed(view, elements[begin : begin + limit])
    if not page:
        raise ProofError(
            "nothing stands after this place in the map; it was the last page, or of"
            " another question",
            at="after",
        )
    is_last = begin + len(page) >= len(elements)
    to = None if is_last else page[-1].position
    invocations = _shown(view, page, claimed)
    answer = Answer(
        asked=asked,
        checkpoint=view.checkpoint(),
        invocations=invocations,
        links=links_of(view, asked, invocations),
        next=None if to is None else str(to),
        map=head.logged,
        after=None if after is None else str(after),
    )
    places = {element.position.place for element in page}
    asks = page_questions(asked, Span(after, to), places)
    proof = prove(view.rows, asks, range(len(asks)))
    return answer, WholeProof(head.logged, proof, head.path)


def check_page(view: View, answer: Answer, proof: WholeProof) -> None:
    """Check that a page has all that the map has between where it begins and ends.

    `view` is of a store with the statements behind it, of one with more as of the
    size of the map; the places in the log are those that the answer names.

    Raises:
        ProofError: a claim is not in the map, or not of this page, or one is left out.
    """
    check_head(proof, answer.checkpoint)
    asked, page, size = answer.asked, span_of(answer), proof.logged.head.size
    at = [_places_of(view, asked, item) for item in answer.invocations]
    # Where a run without the nonce is not on the page, it is not listed there.
    listed = {own for own, *_ in at} | {end.place for end in page if end is not None}
    shown: set[Position] = set()
    for item, places in zip(answer.invocations, at, strict=True):
        here = [place for place in places if place in listed]
        for claim in item.claims:
            part = claim_part(claim.statement, claim.claim)
            found = [Position(place.topic, place.prefix + part) for place in here]
            found = [position for position in found if page.holds(position)]
            if claim.index >= size or not found:
                raise ProofError(
                    "a claim that does not belong to this page", at=str(claim.claim)
                )
            shown.update(found)
    if not shown or (page.to is not None and page.to not in shown):
        raise ProofError("a page that does not end where it says", at="next")
    _open(asked, page, shown, proof)


def span_of(answer: Answer) -> Span:
    """From where to where a proven page goes, as it says itself.

    Raises:
        ProofError: it does not say so.
    """
    try:
        after, to = (
            None if text is None else Position.parse(text)
            for text in (answer.after, answer.next)
        )
    except DocumentError as error:
        raise ProofError("a page that does not say where it is") from error
    return Span(after, to)


def _open(asked: Asked, page: Span, shown: set[Position], proof: WholeProof) -> None:
    """Lead what is shown, and nothing else, to the root."""
    ends = {end for end in page if end is not None}
    known = {position.key for position in shown | ends}
    places = {position.place for position in shown | ends}
    known |= {place.listed(asked) for place in places if place.topic != Topic.CLAIMS}
    asks = page_questions(asked, page, places)
    try:
        answers = open_proof(proof.proof, proof.logged.head.root, asks, known)
    except ProofError as error:
        raise ProofError(f"the map does not show this page: {error}") from error
    for keys in answers:
        for key in keys:
            if key not in known:
                what = "claim" if key[0] == Topic.CLAIMS else "invocation"
                raise ProofError(f"the map has a {what} that is left out", at=key.hex())


def _places_of(view: View, asked: Asked, item: InvocationAnswer) -> tuple[Place, ...]:
    ran = Invocation(item.program, item.input)
    number = view.number(item.invocation)
    known = Known.NOTHING if number is None else disclosed(view, number)
    places = places_of(asked, ran, _input(view, ran, known))
    if not places:
        raise ProofError("an invocation that is not asked for", at=str(item.invocation))
    return places


def _input(view: View, ran: Invocation, known: Known) -> Input | None:
    """The input, if it makes a difference: disclosed, and with a nonce."""
    if Known.INPUT not in known:
        return None
    return Input.from_block(view.get(ran.input))


def _elements(view: View, asked: Asked, size: int) -> Iterator[_Element]:
    """All claims of the answer that the map has, with their places."""
    seen: set[int] = set()
    looks = 0
    for _, number in search(view, asked):
        looks += 1
        if number is None or number in seen:
            _check_looks(looks)
            continue
        seen.add(number)
        places = _listed(view, asked, number)
        for row, part in _claims(view, number, size) if places else ():
            looks += 1
            _check_looks(looks)
            for topic, prefix in places:
                yield _Element(Position(topic, prefix + part), number, row)


def _check_looks(looks: int) -> None:
    if looks > PAGED_MAX:
        raise ProofError(
            f"more than {PAGED_MAX} invocations and claims; ask for one of them, or"
            " without a proof"
        )


def _listed(view: View, asked: Asked, number: int) -> list[Place]:
    """The places at which the map lists an invocation for the question."""
    flags = view.rows.get(tables.MAP_RAN.name, tables.MAP_RAN.key.encode(number))
    if flags is None:
        return []
    ran = Invocation.from_block(view.block(number))
    return [
        place
        for place in places_of(asked, ran, _input(view, ran, Known(flags[0])))
        if place.topic == Topic.CLAIMS
        or view.rows.get(tables.MAP_KEYS.name, place.listed(asked)) is not None
    ]


def _claims(view: View, number: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Rows of an invocation's claims in the map, each with what its key ends with."""
    keys, get_many = tables.CLAIMS.key, view.rows.get_many
    rows = view.rows.scan(tables.CLAIMS.name, keys.prefix(number))
    while some := [key for key, _ in islice(rows, _AT_ONCE)]:
        within = [key for key in some if keys.decode(key)[1] < size]
        parts = {key: key[tables.NO_BYTES : 2 * tables.NO_BYTES] for key in within}
        records = {key: key[2 * tables.NO_BYTES :] for key in within}
        statements = get_many(tables.STATEMENTS.name, set(parts.values()))
        blocks = get_many(tables.BLOCKS.name, set(records.values()))
        names = {
            place: component(tables.STATEMENT_VALUE.decode(row)[0])
            for place, row in statements.items()
        }
        digests = {
            no: component(CID.of_block_digest(sha256(unpack(block)).digest()))
            for no, block in blocks.items()
        }
        for key in within:
            yield key, names[parts[key]] + digests[records[key]]
        if len(within) < len(some):
            return


def _claimed(
    view: View, page: Sequence[_Element]
) -> tuple[Sequence[_Element], dict[bytes, Claimed]]:
    """As much of a page as its outputs allow, and its claims by their rows."""
    reader = ClaimReader(view)
    claimed: dict[bytes, Claimed] = {}
    for at in range(0, len(page), _CLAIMS_AT_ONCE):
        if reader.is_full:
            return page[:at], claimed
        some = {element.row for element in page[at : at + _CLAIMS_AT_ONCE]}
        rows = sorted(some - claimed.keys())
        claimed |= zip(rows, reader.read_rows(rows), strict=True)
    return page, claimed


def _shown(
    view: View, page: Sequence[_Element], claimed: Mapping[bytes, Claimed]
) -> tuple[InvocationAnswer, ...]:
    """The invocations of a page, each with its claims on it in the order of the log."""
    rows: dict[int, set[bytes]] = {}
    for element in page:
        rows.setdefault(element.invocation, set()).add(element.row)
    shown: list[InvocationAnswer] = []
    for number, keys in rows.items():
        block = view.block(number)
        flags = view.rows.get(tables.MAP_RAN.name, tables.MAP_RAN.key.encode(number))
        nonced = flags is not None and Known.NONCED in Known(flags[0])
        shown.append(
            summarize(
                CID.of_block(block),
                Invocation.from_block(block),
                [claimed[row] for row in sorted(keys)],
                nonced=nonced,
            )
        )
    return tuple(shown)
