"""The statements that an answer rests on, with all that verifies them.

    ask(store, asked) -> answer, proof -> packed(store, answer, proof) -> a CAR
                         answer -> behind(store, answer) -> blocks_of(..)

Claims, the latest profile of each issuer, withdrawals and links, each in a whole
statement with its closure, in the order of the log: whoever ingests these blocks
and asks again computes the same answer without trusting who gave it.
Source: DESIGN 5 and 6.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext

from invocation_spec.cid import CID
from octostore import tables
from octostore.car import Block
from octostore.closure import Closure
from octostore.errors import NotFoundError
from octostore.keys import PublicKey
from octostore.map.batch import DISCLOSED
from octostore.questions.answer import Answer, Asked, ClaimAnswer
from octostore.questions.completeness import WholeProof, prove_answer
from octostore.questions.earlier import map_as_of
from octostore.questions.found import indexed
from octostore.questions.paged import check_page, page_of
from octostore.questions.ranges import Position, find_position
from octostore.questions.who import CLAIMS_MAX, answer_of
from octostore.records import Link, parse_record
from octostore.store import Octostore
from octostore.tables import Known
from octostore.view import View

__all__ = ["ask", "behind", "blocks_of", "packed"]


def ask(
    store: Octostore,
    asked: Asked,
    *,
    limit: int = CLAIMS_MAX,
    after: str | None = None,
    as_of: int | None = None,
    must_prove: bool = True,
    may_derive: bool = False,
) -> tuple[Answer, WholeProof | None]:
    """An answer as `who` gives it, with the proof that it is whole.

    Of one that is too long, if it must be proved, a page in the order of the map
    (`paged.py`), with the proof that it has all from where it begins to where it ends;
    its `next` continues it so. The proof is verified as a reader does it. Without
    `must_prove` it is None where there is none. With `may_derive` the map of an earlier
    head is derived again, which takes as long as reading the log to there.

    Raises:
        NotFoundError: no proof: `after` is of a page that was not proved, no map head
            is in the log yet, or the map is kept as of a later one.
        ProofError: more invocations than one proof is for; or the map of the store
            has something else than the answer, `octostore check` says what.
    """
    with (
        store.view(as_of) as now,
        map_as_of(now) if may_derive else nullcontext(now) as view,
    ):
        place = None if after is None else find_position(after)
        if place is not None:
            return _page(view, asked, place, limit)
        answer = answer_of(view, asked, limit=limit, after=after)
        try:
            if after is not None:
                raise NotFoundError(
                    "the page before was not proved, so this one is not; begin again",
                    at="after",
                )
            if answer.next is not None:
                if must_prove:
                    return _page(view, asked, None, limit)
                return answer, None
            return answer, prove_answer(view, answer)
        except NotFoundError:
            if must_prove:
                raise
            return answer, None


def _page(
    view: View, asked: Asked, after: Position | None, limit: int
) -> tuple[Answer, WholeProof]:
    answer, proof = page_of(view, asked, after, limit)
    check_page(View(view.rows, proof.logged.head.size), answer, proof)
    return answer, proof


def packed(
    store: Octostore, answer: Answer, proof: WholeProof | None = None
) -> tuple[CID, Iterator[Block]]:
    """An answer that proves itself: its root, and the blocks of the CAR.

    The root is the answer as raw JSON, with the proof that it is whole if there is
    one; after it stand the statements that it rests on, with their closures and what
    the store has of the evidence that claims name.

    Raises:
        NotFoundError: a statement of the answer is not in the log.
    """
    value = answer.to_json()
    if proof is not None:
        value["proof"] = proof.to_json()
    data = json.dumps(value, separators=(",", ":")).encode()
    root = CID.of_bytes(data)
    statements = behind(store, answer)

    def blocks() -> Iterator[Block]:
        yield Block(root, data)
        yield from blocks_of(store, statements, with_attached=True)

    return root, blocks()


def blocks_of(
    store: Octostore, statements: Iterable[CID], *, with_attached: bool = False
) -> Iterator[Block]:
    """Each statement's envelope, then its closure; no block comes twice.

    With `with_attached`, after each closure what is here of the evidence that it names.

    Every block is read when it is asked for, so that a slow reader holds nothing
    of the store.

    Raises:
        NotFoundError: no such statement is in the log.
        StoreCorruptError: a block on the disk has another hash.
    """
    seen: set[CID] = set()
    closure = Closure(lambda digest: store.find(tables.our_cid(digest)))
    for cid in statements:
        statement = store.statement(cid)
        needs = closure.needs(statement.part.digests)
        named = [statement.envelope_cid, *map(tables.our_cid, needs.present)]
        if with_attached:
            of_all = (closure.evidence(record) for record in needs.unusual)
            named += [
                cid for cids in of_all for cid in cids if store.find(cid) is not None
            ]
        for block in named:
            if block not in seen:
                seen.add(block)
                yield Block(block, store.get(block))


def behind(store: Octostore, answer: Answer) -> tuple[CID, ...]:
    """The statements behind `answer` as of its checkpoint, in log order."""
    size = answer.checkpoint.size
    claims = [claim for item in answer.invocations for claim in item.claims]
    with store.view() as view:
        found = {claim.index for claim in claims}
        for issuer in {claim.issuer for claim in claims}:
            found.update(_profile(view, issuer.key, size))
        for claim in claims:
            if claim.withdrawn:
                found.update(_withdrawal(view, claim, size))
        for link in answer.links:
            found.update(_link(view, link, size))
        if answer.after is not None or answer.next is not None:
            for item in answer.invocations:
                found.update(_disclosing(view, item.invocation, size))
        return tuple(view.logged(index).cid for index in sorted(found))


def _disclosing(view: View, invocation: CID, size: int) -> Iterator[int]:
    """The first places where program and input are disclosed, if they are.

    A page may have only claims that withhold what leads to them.
    """
    number = view.number(invocation)
    if number is None:
        return
    all_of_it = indexed(view, number) & (Known.PROGRAM | Known.INPUT)
    known = Known.NOTHING
    for logged in view.claims_of(number):
        if known == all_of_it or logged.statement.index >= size:
            return
        before = known
        for name, flag in DISCLOSED:
            known |= flag if name not in logged.claim.withheld else Known.NOTHING
        if known != before:
            yield logged.statement.index


def _profile(view: View, issuer: PublicKey, size: int) -> Iterator[int]:
    """The last place where the issuer said who it is, if it did."""
    keys = tables.PROFILES.key
    rows = view.rows.scan(tables.PROFILES.name, keys.prefix(issuer))
    places = [index for key, _ in rows if (index := keys.decode(key)[1]) < size]
    yield from places[-1:]


def _withdrawal(view: View, claim: ClaimAnswer, size: int) -> Iterator[int]:
    """The first place where the issuer took the claim back."""
    keys = tables.WITHDRAWALS.key
    prefix = keys.prefix(claim.claim, claim.issuer.key)
    rows = view.rows.scan(tables.WITHDRAWALS.name, prefix)
    places = [index for key, _ in rows if (index := keys.decode(key)[2]) < size]
    yield from places[:1]


def _link(view: View, link: CID, size: int) -> Iterator[int]:
    """The first place where somebody signed this link."""
    record = parse_record(view.get(link))
    if not isinstance(record, Link):
        return
    keys, number = tables.LINKS.key, view.number(link)
    for key, _ in view.rows.scan(tables.LINKS.name, keys.prefix(record.a)):
        _, index, no = keys.decode(key)
        if no == number and index < size:
            yield index
            return
